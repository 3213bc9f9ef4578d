"""Devices and files that do not run at 48 kHz."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.speech import Sound
from voicechat.audio.sound_format import RateBridge, Resampler


def tone(rate: int, seconds: float) -> Sound:
    return (np.sin(2 * np.pi * 1_000 * np.arange(int(rate * seconds)) / rate) * 0.5).astype(np.float32)


def purity(sound: Sound, rate: int) -> float:
    """Share of the energy that is the tone, in dB of what is not."""
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) ** 2
    peak = int(np.argmax(spectrum))
    assert peak * rate / len(sound) == pytest.approx(1_000, abs=5)
    wanted = spectrum[peak - 4 : peak + 5].sum()
    return float(10 * np.log10(wanted / (spectrum.sum() - wanted)))


@pytest.mark.parametrize(("rate_in", "rate_out"), [(16_000, 48_000), (44_100, 48_000), (48_000, 44_100)])
def test_a_tone_fed_in_small_pieces_stays_a_tone(rate_in: int, rate_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    sound = tone(rate_in, 1.0)
    step = rate_in // 100
    pieces = [resampler.convert(sound[start : start + step]) for start in range(0, len(sound), step)]
    pieces.append(resampler.finish())
    converted = np.concatenate(pieces)
    assert len(converted) == pytest.approx(rate_out, abs=rate_out // 200)
    assert purity(converted[rate_out // 10 : -rate_out // 10], rate_out) > 50.0


def test_the_same_rate_is_not_touched() -> None:
    sound = tone(48_000, 0.01)
    assert Resampler(48_000, 48_000).convert(sound) is sound


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
def test_a_device_at_another_rate_hears_and_plays_without_a_gap(rate: int) -> None:
    bridge = RateBridge(rate)
    sound = tone(rate, 1.0)
    step = rate // 100
    played = []
    for start in range(0, len(sound) - step + 1, step):
        for block in bridge.capture(sound[start : start + step]):
            assert block.shape == (480,)
            bridge.deliver(block)
        played.append(bridge.take(step))
    echoed = np.concatenate(played)[rate // 10 : -rate // 10]
    assert purity(echoed, rate) > 45.0


def test_what_is_not_there_yet_is_silence_of_the_right_length() -> None:
    bridge = RateBridge(44_100)
    assert bridge.take(5_000).shape == (5_000,)
    assert bridge.ready == 0
