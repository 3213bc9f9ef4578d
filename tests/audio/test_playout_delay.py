"""How long to wait for packets that come late, when that changes, and how sound is made shorter or longer for it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.playout_delay import ArrivalDelay, DelayKeeper, is_quiet, lengthen, shorten

Pcm = NDArray[np.int16]
PAUSE: Pcm = np.full(1_920, 10, np.int16)
NOISE: Pcm = np.random.default_rng(1).integers(-8_000, 8_000, 1_920).astype(np.int16)
LEAST = pytest.approx(0.005)
"""The wait of a line without jitter, in seconds."""


def fed(transits: list[float]) -> ArrivalDelay:
    delay = ArrivalDelay()
    for transit in transits:
        delay.add(transit)
    return delay


def test_the_wait_lets_97_of_100_packets_come_in_time() -> None:
    rng = random.Random(3)
    transits = [7.0 + rng.uniform(0.0, 0.1) for _ in range(1_000)]
    delay = fed(transits)
    assert delay.floor == min(transits[-250:])
    assert sum(transit > delay.floor + delay.needed for transit in transits[-250:]) <= 8
    assert 0.09 < delay.needed < 0.11


def test_a_burst_of_lateness_counts_within_a_few_packets() -> None:
    assert fed([1.0] * 250).needed == LEAST
    assert fed([1.0] * 250 + [1.08] * 4).needed > 0.08


def test_clock_drift_is_not_jitter() -> None:
    for ppm in (200e-6, -200e-6):
        assert fed([5.0 + n * 0.02 * ppm for n in range(10_000)]).needed < 0.008


@each("spacing", [0.0025, 0.01, 0.02, 0.06])
def test_jitter_is_remembered_for_5_s_whatever_the_packets_hold(spacing: float) -> None:
    delay = ArrivalDelay()
    for number in range(round(6.0 / spacing)):
        delay.add(1.0 + 0.05 * (number % 2), spacing)
    for seconds, needed in ((4.5, 0.055), (1.0, 0.005)):
        for _ in range(round(seconds / spacing)):
            delay.add(1.0, spacing)
        assert delay.needed == pytest.approx(needed)


def lossy(delay: ArrivalDelay, packets: int, lost_each: int) -> list[float]:
    """The waits while every so many packets one is lost."""
    waits = []
    for number in range(packets):
        delay.add(1.0)
        if number % lost_each == 0:
            delay.lost()
        waits.append(delay.needed)
    return waits


def test_the_wait_for_repairs_comes_with_much_loss_and_goes_with_much_less() -> None:
    delay = fed([1.0] * 300)
    for _ in range(5):
        delay.lost()
    assert delay.needed == LEAST
    waits = [lossy(delay, 500, lost_each)[-1] for lost_each in (5, 5, 8, 8, 12, 12)]
    assert waits == pytest.approx([0.035, 0.035, 0.035, 0.035, 0.015, 0.015])
    assert lossy(delay, 500, 1_000)[-1] == LEAST
    changes = np.diff(lossy(delay, 3_000, 14))
    assert np.count_nonzero(changes) <= 2, "it does not come and go with every packet"


def test_there_is_no_wait_for_repairs_that_packets_do_not_carry_or_need() -> None:
    bare, complete = fed([1.0] * 300), fed([1.0] * 300)
    bare.can_repair = False
    for _ in range(100):
        bare.lost()
        complete.lost()
        complete.came_after_all()
    assert bare.needed == LEAST and complete.needed == LEAST


def test_a_reset_sender_clock_restarts_the_estimate_from_what_was_known() -> None:
    rng = random.Random(3)
    delay = fed([1.0 + rng.uniform(0.0, 0.05) for _ in range(300)])
    known = delay.needed
    delay.add(90.0)
    assert delay.floor == 90.0 and delay.needed == pytest.approx(known)


def test_a_pause_in_which_the_senders_clock_stood_still_is_not_lateness() -> None:
    delay = fed([1.0] * 300)
    delay.begin_after_silence(1.4)
    delay.add(1.4)
    assert delay.needed < 0.02 and delay.floor == 1.4


def reviewed(slack: float, *, target: float = 0.01, left_over: int = 0, late_at: float | None = None) -> DelayKeeper:
    """A keeper that has watched half a second of packets with this slack; the time is now 0.6."""
    keeper = DelayKeeper()
    keeper.begin(0.0)
    if late_at is not None:
        keeper.packet_was_late(late_at)
    for n in range(31):
        keeper.packet_used(slack, target, left_over, 960, n * 0.02)
    return keeper


@each(
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


def test_a_late_packet_forbids_shrinking_for_2_s_but_not_shedding_the_rest() -> None:
    assert not reviewed(0.2, late_at=-1.0).is_due(PAUSE, 0.6)
    assert reviewed(0.2, late_at=-2.0).is_due(PAUSE, 0.6)
    assert reviewed(0.012, left_over=400, late_at=0.0).is_due(PAUSE, 0.6)


def test_speech_without_a_period_is_left_alone_until_far_too_much_is_to_go() -> None:
    assert reviewed(0.04).stretched(NOISE, 0.6) is NOISE
    assert reviewed(0.5).stretched(NOISE, 0.6).size < NOISE.size


def test_a_planned_stretch_is_dropped_when_the_delay_grew_by_itself() -> None:
    keeper = reviewed(-0.05)
    assert keeper.is_due(PAUSE, 0.6) and not keeper.wants_less
    keeper.delay_grew()
    assert not keeper.is_due(PAUSE, 0.6)


def hum(hertz: float) -> Pcm:
    return (8_000 * np.sin(2 * np.pi * hertz * np.arange(1_920) / 48_000)).astype(np.int16)


def test_speech_is_stretched_at_most_ten_times_a_second() -> None:
    keeper = reviewed(0.07)
    assert keeper.stretched(hum(150), 0.6).size < 1_920
    assert not keeper.is_due(hum(150), 0.65)
    assert keeper.is_due(hum(150), 0.71)
    assert keeper.is_due(PAUSE, 0.65)


@each("hertz", [80, 120, 150, 233, 390])
def test_a_stretched_voice_keeps_its_pitch_and_its_continuity(hertz: float) -> None:
    pcm = hum(hertz)
    for out in (shorten(pcm, 960), lengthen(pcm, 960)):
        periods = abs(out.size - pcm.size) * hertz / 48_000
        assert out.size != pcm.size and periods == pytest.approx(round(periods), abs=0.1)
        assert np.abs(np.diff(out.astype(int))).max() <= 1.3 * np.abs(np.diff(pcm.astype(int))).max() + 2
        assert out[0] == pcm[0] and out[-1] == pcm[-1]


def test_a_pause_becomes_exactly_as_short_or_long_as_asked() -> None:
    pause = np.random.default_rng(1).integers(-60, 60, 1_920).astype(np.int16)
    assert is_quiet(pause)
    assert [shorten(pause, 700).size, shorten(pause, 5_000).size, lengthen(pause, 700).size] == [1_220, 960, 2_620]


def test_sound_without_a_period_or_too_short_for_one_is_left_alone() -> None:
    for pcm in (NOISE, *(np.zeros(size, np.int16) for size in (0, 1, 100, 239))):
        assert shorten(pcm, 960) is pcm
        assert lengthen(pcm, 100) is pcm
