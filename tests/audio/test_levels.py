"""What a meter shows, what counts as noise, and the conversions at the ends of the path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.blocks import energy_db, mean_square, to_float, to_int16
from voicechat.audio.levels import NOISE_LOWEST_DB, LevelMeter


def meter_after(*sounds: Sound) -> LevelMeter:
    meter = LevelMeter()
    for block in blocks(np.concatenate(sounds)):
        meter.measure(block)
    return meter


def test_a_full_scale_square_wave_is_0_dbfs_and_half_of_it_6_less() -> None:
    full, half = (meter_after(np.full(480, level, np.float32)) for level in (1.0, 0.5))
    assert (full.rms_db, full.peak_db, half.rms_db) == pytest.approx((0.0, 0.0, -6.02), abs=0.01)
    assert energy_db(mean_square(np.zeros(480, np.float32))) == -100.0
    assert mean_square(np.zeros(0, np.float32)) == 0.0


def test_the_meter_rises_at_once_and_falls_slowly_enough_to_be_seen() -> None:
    meter = meter_after(noise(0.1, level=0.1))
    loud = meter.level_db
    meter.measure(np.zeros(480, dtype=np.float32))
    assert meter.rms_db == -100.0
    assert meter.level_db == pytest.approx(loud - 1.2)


def test_the_noise_floor_is_the_noise_between_the_words_and_follows_a_fan() -> None:
    speech = spoken(4.0)
    speech[96_000:120_000] = 0.0
    assert meter_after(speech + noise(4.0, level=0.003)).noise_db == pytest.approx(-50.5, abs=2.5)
    assert meter_after(silence(3.0)).noise_db == NOISE_LOWEST_DB
    assert meter_after(silence(1.0), noise(7.0, level=0.01)).noise_db == pytest.approx(-40.0, abs=2.0)


def test_one_second_of_clipping_shows_its_share_and_is_forgotten_again() -> None:
    clipped = np.clip(noise(1.0, level=1.0), -1.0, 1.0)
    share = float(np.mean(np.abs(clipped) >= 0.999))
    assert meter_after(clipped).clipped == pytest.approx(share * 0.63, abs=0.05)
    assert meter_after(clipped, silence(5.0)).clipped < 0.01


def test_only_bit_exact_zeros_are_flat() -> None:
    assert meter_after(silence(2.0)).flat_for == pytest.approx(2.0)
    assert meter_after(silence(2.0), noise(0.01, level=1e-5)).flat_for == 0.0


@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=50))
def test_int16_survives_the_path_bit_for_bit_and_what_is_too_loud_is_clipped(samples: list[int]) -> None:
    sound = to_float(np.array(samples, dtype=np.int16))
    assert to_int16(sound).tolist() == samples
    assert to_int16((np.sign(sound) * 1.5).astype(np.float32)).tolist() == [
        32_767 * int(np.sign(sample)) for sample in samples
    ]
