"""One time line out of whatever a sender does with its numbers."""

from __future__ import annotations

import random

from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.audio.rtp_stream import Arrived, Packet, RtpStream, Unwanted


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
