"""The assistant must not hear itself, and must hear you."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.echo import HalfDuplexProcessor, PassThroughProcessor, Processing, VoiceProcessor, make_processor


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
    left = clean(make_processor(Processing(gain=False)), mic, far)
    assert level(mic[144_000:]) - level(left[144_000:]) > 25.0


def test_you_are_heard_unharmed_while_the_assistant_is_silent() -> None:
    near = spoken(4.0, level=0.1)
    heard = clean(make_processor(Processing(gain=False)), near, silence(4.0))
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
    assert make_processor(Processing(noise=False)).name == "webrtc echo+gain"
    assert make_processor().words == "AEC3"


def test_headphones_mean_no_canceller_and_a_mic_that_stays_open() -> None:
    headphones = make_processor(Processing(headphones=True))
    assert (headphones.name, headphones.words) == ("webrtc noise+gain", "headphones: echo cancelling off")
    assert headphones.hears_over_playback
    assert not headphones.cancels_echo
    assert not headphones.is_cold(2.0)
    nothing = Processing(echo=False, noise=False, gain=False, headphones=True)
    assert isinstance(make_processor(nothing), PassThroughProcessor)


def test_without_cancelling_the_mic_shuts_for_answers_and_noise_is_suppressed() -> None:
    processor = make_processor(Processing(echo=False, gain=False))
    assert processor.words == "echo cancelling off: half duplex"
    assert not processor.hears_over_playback
    near, far = noise(3.0, level=0.01), np.concatenate([silence(2.0), noise(1.0, level=0.1)])
    heard = clean(processor, near, far)
    assert level(heard[48_000:96_000]) < level(near) - 4.0
    assert not heard[-24_000:].any()


def test_the_untouched_voice_is_of_the_same_moment_as_the_one_without_noise() -> None:
    processor = make_processor(Processing(gain=False))
    near = spoken(3.0) + noise(3.0, level=0.001)
    both = [(processor.process(block, np.zeros(480, np.float32)), processor.voice.copy()) for block in blocks(near)]
    clean_sound, untouched = (np.concatenate(one)[48_000:] for one in zip(*both, strict=True))
    lags = [float(np.dot(np.roll(untouched, lag), clean_sound)) for lag in range(-60, 61)]
    assert abs(int(np.argmax(lags)) - 60) <= 2


def test_the_gain_that_was_added_is_known() -> None:
    processor = make_processor(Processing(noise=False))
    clean(processor, spoken(4.0, level=0.01), silence(4.0))
    assert 3.0 < processor.gain_db <= 24.0
    assert make_processor(Processing(gain=False)).gain_db == 0.0


def test_without_a_canceller_the_mic_is_shut_while_the_assistant_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    processor = make_processor()
    assert isinstance(processor, HalfDuplexProcessor)
    assert "echo canceller" in processor.reason
    assert processor.words == "no echo canceller here: half duplex"
    assert not processor.hears_over_playback
    near = noise(1.0, level=0.1)
    far = np.concatenate([silence(0.3), noise(0.4, level=0.1), silence(0.3)])
    heard = clean(processor, near, far)
    assert np.array_equal(heard[:14_400], near[:14_400])
    assert not heard[14_880:33_600].any()
    assert not heard[33_600 : 33_600 + 6_720].any()
    assert np.array_equal(heard[-4_800:], near[-4_800:])


def test_with_headphones_a_missing_package_does_not_shut_the_mic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    assert isinstance(make_processor(Processing(headphones=True)), PassThroughProcessor)


def test_passing_through_changes_nothing_and_keeps_the_devices_buffer_apart() -> None:
    mic = noise(0.01)
    heard = PassThroughProcessor().process(mic, silence(0.01))
    assert np.array_equal(heard, mic)
    assert not np.shares_memory(heard, mic)
