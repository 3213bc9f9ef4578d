"""When sound is made shorter or longer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.audio.playout_delay import DelayKeeper

PAUSE: NDArray[np.int16] = np.full(1_920, 10, np.int16)
NOISE: NDArray[np.int16] = np.random.default_rng(1).integers(-8_000, 8_000, 1_920).astype(np.int16)


def reviewed(slack: float, *, target: float = 0.01, left_over: int = 0, late_at: float | None = None) -> DelayKeeper:
    """A keeper that has watched half a second of packets with this slack; the time is now 0.6."""
    keeper = DelayKeeper()
    keeper.begin(0.0)
    if late_at is not None:
        keeper.packet_was_late(late_at)
    for n in range(31):
        keeper.packet_used(slack, target, left_over, 960, n * 0.02)
    return keeper


@pytest.mark.parametrize(
    ("slack", "left_over", "change"),
    [
        (0.012, 0, 0),
        (0.030, 0, 0),
        (0.036, 0, -960),
        (0.054, 0, -960),
        (0.012, 500, -500),
        (-0.002, 0, 960),
        (0.008, 0, 0),
        (-0.002, 300, 660),
    ],
)
def test_the_delay_moves_by_whole_frames_and_sheds_what_is_left_over(slack: float, left_over: int, change: int) -> None:
    keeper = reviewed(slack, left_over=left_over)
    assert keeper.is_due(PAUSE, 0.6) is (change != 0)
    if change:
        assert keeper.stretched(PAUSE, 0.6).size - PAUSE.size == change
        assert not keeper.is_due(PAUSE, 0.6)


def test_a_late_packet_forbids_shrinking_for_two_seconds_but_not_shedding_the_rest() -> None:
    assert not reviewed(0.2, late_at=-1.0).is_due(PAUSE, 0.6)
    assert reviewed(0.2, late_at=-2.0).is_due(PAUSE, 0.6)
    assert reviewed(0.012, left_over=400, late_at=0.0).is_due(PAUSE, 0.6)


def test_speech_without_a_fitting_place_is_left_alone_until_far_too_much_is_to_go() -> None:
    assert reviewed(0.04).stretched(NOISE, 0.6) is NOISE
    assert reviewed(0.5).stretched(NOISE, 0.6).size < NOISE.size


def test_what_was_wished_is_dropped_when_the_delay_grew_by_itself() -> None:
    keeper = reviewed(-0.05)
    assert keeper.is_due(PAUSE, 0.6) and not keeper.wants_less
    keeper.delay_grew()
    assert not keeper.is_due(PAUSE, 0.6)


def test_speech_is_stretched_at_most_ten_times_a_second() -> None:
    hum = (8_000 * np.sin(2 * np.pi * 150 * np.arange(1_920) / 48_000)).astype(np.int16)
    keeper = reviewed(0.07)
    shorter = keeper.stretched(hum, 0.6)
    assert shorter.size < hum.size
    assert not keeper.is_due(hum, 0.65)
    assert keeper.is_due(hum, 0.71)
    assert keeper.is_due(PAUSE, 0.65)
