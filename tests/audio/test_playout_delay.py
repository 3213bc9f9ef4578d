"""How long to wait for packets that come late, when that changes, and how sound is made shorter or longer for it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.jitter_buffer import Arrived, Packet, RtpStream, Unwanted
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


# One time line out of whatever a sender does with its numbers


def came(number: int, at: float, *, first: int = 100, clock: int = 5_000, ssrc: int = 1, step: int = 960) -> Arrived:
    return Arrived((first + number) & 0xFFFF, (clock + number * step) & 0xFFFFFFFF, b"x", at, ssrc)


def place(stream: RtpStream, arrived: Arrived, floor: float = 0.0) -> Packet:
    placed = stream.place(arrived, floor)
    assert isinstance(placed, Packet)
    return placed


def test_numbers_that_wrap_run_on_and_shuffled_packets_are_put_in_order() -> None:
    numbers, rng = list(range(400)), random.Random(5)
    for at in range(0, 390, 7):
        numbers[at : at + 7] = rng.sample(numbers[at : at + 7], 7)
    stream = RtpStream()
    placed = {n: place(stream, came(n, n * 0.02, first=65_530, clock=2**32 - 2_000)) for n in numbers}
    for n in range(399):
        assert placed[n + 1].order - placed[n].order == 1 and placed[n + 1].stamp - placed[n].stamp == 960


def test_a_packet_that_came_before_is_told_from_one_that_is_late() -> None:
    stream = RtpStream()
    for n in (0, 1, 3, 4):
        place(stream, came(n, n * 0.02))
    assert stream.place(came(3, 0.1), 0.0) is Unwanted.REPEATED
    assert stream.place(came(4, 0.1), 0.0) is Unwanted.REPEATED
    late = place(stream, came(2, 0.1))
    assert stream.newest is not None and late.order == stream.newest.order - 2
    assert stream.place(came(2, 0.1), 0.0) is Unwanted.REPEATED


@each("pause", [0.0, 4.0])
def test_another_sender_follows_the_end_of_the_old_one_and_keeps_its_pause(pause: float) -> None:
    stream = RtpStream()
    old = [place(stream, came(n, n * 0.02)) for n in range(50)][-1]
    at = 1.0 + pause
    new = place(stream, came(0, at, first=40_000, clock=7, ssrc=2), floor=0.0 - 5_000 / 48_000)
    assert new.stream == old.stream + 1 and new.order > old.order
    assert new.stamp == old.stamp + 960 + pause * 48_000
    assert stream.place(came(50, at + 0.02), 0.0) is Unwanted.OTHER_SENDER
    earlier = place(stream, came(-1, at + 0.03, first=40_000, clock=7, ssrc=2))
    assert old.order < earlier.order == new.order - 1


def test_a_replaced_sender_may_come_back_when_the_newer_one_is_gone() -> None:
    stream = RtpStream()
    place(stream, came(0, 0.0))
    place(stream, came(0, 1.0, ssrc=2))
    assert stream.place(came(1, 1.5), 0.0) is Unwanted.OTHER_SENDER
    assert place(stream, came(2, 2.6)).stream == 3


@each("jump", [10**6, -(10**6), 2**31 - 5, 24_000 * 3])
def test_a_clock_set_anew_in_mid_stream_makes_no_gap(jump: int) -> None:
    stream = RtpStream()
    before = [place(stream, came(n, n * 0.02)) for n in range(50)][-1]
    after = [place(stream, came(n, n * 0.02, clock=5_000 + jump), floor=-5_000 / 48_000) for n in range(50, 60)]
    assert [packet.stamp for packet in after] == [before.stamp + 960 * n for n in range(1, 11)]
    assert all(packet.stream == before.stream for packet in after)


def test_a_straggler_from_before_the_new_clock_keeps_its_place() -> None:
    stream = RtpStream()
    first = place(stream, came(0, 0.0))
    for n in (1, 2, 4):
        place(stream, came(n, n * 0.02))
    place(stream, came(5, 0.1, clock=5_000 + 10**7), floor=-5_000 / 48_000)
    late = place(stream, came(3, 0.1))
    assert late.stamp == first.stamp + 3 * 960
    assert place(stream, came(6, 0.12, clock=5_000 + 10**7)).stamp == first.stamp + 6 * 960


def test_a_pause_with_a_running_clock_is_no_new_clock() -> None:
    stream = RtpStream()
    first = place(stream, came(0, 0.0))
    later = place(stream, Arrived(101, 5_000 + 48_000 * 30, b"x", 30.0, 1))
    assert later.stamp - first.stamp == 48_000 * 30


@each("step", [120, 480, 960, 1_920, 2_880])
def test_the_length_of_packets_is_noticed(step: int) -> None:
    stream = RtpStream()
    for n in range(5):
        place(stream, came(n, n * step / 48_000, step=step))
    assert stream.step == step


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 3)), max_size=60))
def test_no_numbers_give_one_place_twice(numbers: list[tuple[int, int, int]]) -> None:
    stream, taken = RtpStream(), set()
    for at, (sequence, timestamp, ssrc) in enumerate(numbers):
        placed = stream.place(Arrived(sequence, timestamp, b"x", at * 0.02, ssrc), 0.0)
        if isinstance(placed, Packet):
            assert placed.order not in taken
            taken.add(placed.order)
