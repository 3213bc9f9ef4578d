"""The assistant must not hear itself, and must hear you."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.echo import HalfDuplexProcessor, PassThroughProcessor, VoiceProcessor, make_processor


def echo_of(far: Sound, *, delay: int = 2_880, gain: float = 0.3) -> Sound:
    """The loudspeaker as a microphone in a small room hears it: 60 ms later, with a short reverberation."""
    rng = np.random.default_rng(7)
    room = rng.standard_normal(4_800) * np.exp(-np.arange(4_800) / 900.0)
    room *= gain / np.sqrt(np.sum(room**2))
    heard = np.convolve(far, room)[: len(far)]
    return np.concatenate([np.zeros(delay), heard])[: len(far)].astype(np.float32)


def clean(processor: VoiceProcessor, mic: Sound, far: Sound) -> Sound:
    return np.concatenate([processor.process(m, f) for m, f in zip(blocks(mic), blocks(far), strict=True)])


def level(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-12))


def test_the_loudspeaker_is_taken_out_of_the_microphone() -> None:
    far = spoken(6.0, level=0.1)
    mic = echo_of(far) + noise(6.0, level=0.0003)
    left = clean(make_processor(gain_control=False), mic, far)
    assert level(mic[144_000:]) - level(left[144_000:]) > 25.0


def test_you_are_heard_unharmed_while_the_assistant_is_silent() -> None:
    near = spoken(4.0, level=0.1)
    heard = clean(make_processor(gain_control=False), near, silence(4.0))
    assert abs(level(heard[96_000:]) - level(near[96_000:])) < 3.0


def test_the_canceller_is_cold_until_it_has_heard_enough_and_again_after_a_reset() -> None:
    processor = make_processor()
    clean(processor, silence(5.0), silence(5.0))
    assert processor.is_cold(2.0)
    clean(processor, silence(2.1), noise(2.1, level=0.1))
    assert not processor.is_cold(2.0)
    processor.reset()
    assert processor.is_cold(2.0)


def test_each_part_can_be_switched_off_and_the_name_says_what_is_left() -> None:
    assert make_processor().name == "webrtc echo+noise+gain"
    headphones = make_processor(aec=False)
    assert headphones.name == "webrtc noise+gain"
    assert not headphones.cancels_echo
    assert not headphones.is_cold(2.0)
    assert isinstance(make_processor(aec=False, noise_suppression=False, gain_control=False), PassThroughProcessor)


def test_without_a_canceller_the_mic_is_shut_while_the_assistant_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    processor = make_processor()
    assert isinstance(processor, HalfDuplexProcessor)
    assert "echo canceller" in processor.reason
    near = noise(1.0, level=0.1)
    far = np.concatenate([silence(0.3), noise(0.4, level=0.1), silence(0.3)])
    heard = clean(processor, near, far)
    assert np.array_equal(heard[:14_400], near[:14_400])
    assert not heard[14_880:33_600].any()
    assert not heard[33_600 : 33_600 + 6_720].any()
    assert np.array_equal(heard[-4_800:], near[-4_800:])


def test_with_headphones_a_missing_package_does_not_shut_the_mic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    assert isinstance(make_processor(aec=False), PassThroughProcessor)


def test_passing_through_changes_nothing_and_keeps_the_devices_buffer_apart() -> None:
    mic = noise(0.01)
    heard = PassThroughProcessor().process(mic, silence(0.01))
    assert np.array_equal(heard, mic)
    assert not np.shares_memory(heard, mic)
