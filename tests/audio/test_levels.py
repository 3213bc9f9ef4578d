"""What a meter shows and what counts as noise."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.levels import NOISE_LOWEST_DB, LevelMeter


def meter_after(*sounds: Sound) -> LevelMeter:
    meter = LevelMeter()
    for block in blocks(np.concatenate(sounds)):
        meter.measure(block)
    return meter


def test_a_full_scale_square_wave_is_zero_dbfs() -> None:
    meter = meter_after(np.ones(480, dtype=np.float32))
    assert meter.rms_db == pytest.approx(0.0, abs=0.01)
    assert meter.peak_db == pytest.approx(0.0, abs=0.01)


def test_half_the_amplitude_is_six_decibels_less() -> None:
    assert meter_after(np.full(480, 0.5, dtype=np.float32)).rms_db == pytest.approx(-6.02, abs=0.01)


def test_the_meter_rises_at_once_and_falls_slowly_enough_to_be_seen() -> None:
    meter = meter_after(noise(0.1, level=0.1))
    loud = meter.level_db
    meter.measure(np.zeros(480, dtype=np.float32))
    assert meter.rms_db == -100.0
    assert meter.level_db == pytest.approx(loud - 1.2)


def test_the_noise_floor_is_the_noise_between_the_words() -> None:
    speech = spoken(4.0)
    speech[96_000:120_000] = 0.0
    assert meter_after(speech + noise(4.0, level=0.003)).noise_db == pytest.approx(-50.5, abs=2.5)


def test_digital_silence_does_not_make_a_whisper_stand_out() -> None:
    assert meter_after(silence(3.0)).noise_db == NOISE_LOWEST_DB


def test_the_noise_floor_follows_a_fan_that_is_switched_on() -> None:
    assert meter_after(silence(1.0), noise(7.0, level=0.01)).noise_db == pytest.approx(-40.0, abs=2.0)


def test_one_second_of_clipping_shows_its_share_and_is_forgotten_again() -> None:
    clipped = np.clip(noise(1.0, level=1.0), -1.0, 1.0)
    share = float(np.mean(np.abs(clipped) >= 0.999))
    assert meter_after(clipped).clipped == pytest.approx(share * 0.63, abs=0.05)
    assert meter_after(clipped, silence(5.0)).clipped < 0.01


def test_only_bit_exact_zeros_are_flat() -> None:
    assert meter_after(silence(2.0)).flat_for == pytest.approx(2.0)
    assert meter_after(silence(2.0), noise(0.01, level=1e-5)).flat_for == 0.0
