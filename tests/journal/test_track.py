"""Sound lies on the tape where it was heard, whatever devices and clocks do."""

from __future__ import annotations

import numpy as np
import pytest

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.journal.sound_file import Samples, Track

CLOSE = round(0.02 * SAMPLE_RATE)


def block(value: int = 1_000) -> Samples:
    return np.full(BLOCK, value, dtype=np.int16)


def first_of(samples: Samples, value: int) -> int:
    return int(np.flatnonzero(samples == value)[0])


def test_blocks_that_come_about_when_they_should_are_laid_end_to_end() -> None:
    track = Track()
    for number in range(50):
        track.add(number * BLOCK + (number * 37 % 200), block(number + 1))
    kept = track.take(50 * BLOCK)
    assert kept.tolist() == np.repeat(np.arange(1, 51), BLOCK).tolist()


def test_a_gap_in_the_input_is_silence_and_later_sound_keeps_its_time() -> None:
    track = Track()
    track.add(0, block(1))
    track.add(SAMPLE_RATE, block(2))
    kept = track.take(2 * SAMPLE_RATE)
    assert first_of(kept, 2) == SAMPLE_RATE
    assert not kept[BLOCK:SAMPLE_RATE].any() and not kept[SAMPLE_RATE + BLOCK :].any()


def test_a_device_that_delivers_four_blocks_at_a_time_leaves_no_holes() -> None:
    track = Track()
    for number in range(400):
        track.add(number // 4 * 4 * BLOCK, block(number % 7 + 1))
    kept = track.take(400 * BLOCK)
    assert np.count_nonzero(kept) >= 399 * BLOCK - CLOSE


@pytest.mark.parametrize("rate", [0.9997, 1.0003])
def test_a_device_whose_clock_differs_stays_within_20_ms_for_an_hour(rate: float) -> None:
    track = Track()
    worst = 0
    for number in range(360_000 // 10):
        position = round(number * 10 * BLOCK * rate)
        track.add(position, np.zeros(10 * BLOCK, dtype=np.int16) if number % 5 else np.full(10 * BLOCK, 9, np.int16))
        if number % 1_000 == 999:
            worst = max(worst, abs(track._end - (position + 10 * BLOCK)))
            track.take(max(0, position - track._taken))
    assert worst <= CLOSE


def test_what_comes_after_its_moment_was_written_is_not_laid_elsewhere() -> None:
    track = Track()
    track.take(SAMPLE_RATE)
    track.add(SAMPLE_RATE // 2, block(5))
    assert not track.take(SAMPLE_RATE).any()


def test_a_track_that_nobody_feeds_costs_no_memory() -> None:
    track = Track()
    for _ in range(100):
        assert not track.take(SAMPLE_RATE).any()
    track.add(100 * SAMPLE_RATE, block(3))
    assert first_of(track.take(BLOCK), 3) == 0
