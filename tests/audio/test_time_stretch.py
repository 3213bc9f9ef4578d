"""Shorter and longer without a word lost or a click heard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.audio.playout_delay import is_quiet, lengthen, shorten

Pcm = NDArray[np.int16]


def tone(hertz: float, samples: int) -> Pcm:
    return (8_000 * np.sin(2 * np.pi * hertz * np.arange(samples) / 48_000)).astype(np.int16)


def pitch(pcm: Pcm) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size), 1 << 16))
    return float(np.argmax(spectrum)) * 48_000 / (1 << 16)


@pytest.mark.parametrize("hertz", [80, 120, 150, 233, 390])
@pytest.mark.parametrize("change", [shorten, lengthen])
def test_a_voice_keeps_its_pitch_and_its_continuity(hertz: float, change: object) -> None:
    pcm = tone(hertz, 1_920)
    out = shorten(pcm, 960) if change is shorten else lengthen(pcm, 960)
    assert out.size != pcm.size
    assert (abs(out.size - pcm.size) * hertz / 48_000) % 1 == pytest.approx(0, abs=0.1) or (
        abs(out.size - pcm.size) * hertz / 48_000
    ) % 1 == pytest.approx(1, abs=0.1)
    steepest = np.abs(np.diff(pcm.astype(int))).max()
    assert np.abs(np.diff(out.astype(int))).max() <= 1.3 * steepest + 2
    assert out[0] == pcm[0] and out[-1] == pcm[-1]


def test_a_pause_gives_up_exactly_what_is_asked() -> None:
    pause = np.random.default_rng(1).integers(-60, 60, 1_920).astype(np.int16)
    assert is_quiet(pause)
    assert shorten(pause, 700).size == 1_920 - 700
    assert shorten(pause, 5_000).size == 960
    assert lengthen(pause, 700).size == 1_920 + 700


def test_sound_without_a_period_is_left_alone() -> None:
    noise = np.random.default_rng(1).integers(-9_000, 9_000, 1_920).astype(np.int16)
    assert shorten(noise, 960) is noise
    assert lengthen(noise, 960) is noise


@pytest.mark.parametrize("size", [0, 1, 100, 239])
def test_a_scrap_too_short_for_a_period_is_left_alone(size: int) -> None:
    scrap = np.zeros(size, np.int16)
    assert shorten(scrap, 960) is scrap
    assert lengthen(scrap, 100) is scrap
