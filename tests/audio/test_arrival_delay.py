"""How long to wait for packets that come late."""

from __future__ import annotations

import random

import pytest

from voicechat.audio.playout_delay import ArrivalDelay


def fed(transits: list[float]) -> ArrivalDelay:
    delay = ArrivalDelay()
    for transit in transits:
        delay.add(transit)
    return delay


def test_a_line_without_jitter_needs_next_to_no_wait() -> None:
    assert fed([100.0] * 300).needed == pytest.approx(0.005)


def test_the_wait_lets_97_of_100_packets_come_in_time() -> None:
    rng = random.Random(3)
    transits = [7.0 + rng.uniform(0.0, 0.1) for _ in range(1_000)]
    delay = fed(transits)
    late = sum(1 for transit in transits[-250:] if transit > delay.floor + delay.needed)
    assert late <= 8
    assert 0.09 < delay.needed < 0.11


def test_a_burst_of_lateness_counts_within_a_few_packets() -> None:
    delay = fed([1.0] * 250)
    for _ in range(4):
        delay.add(1.08)
    assert delay.needed > 0.08


def test_an_old_bad_time_is_forgotten_after_five_seconds() -> None:
    assert fed([1.0 + 0.02 * (n % 5) for n in range(250)] + [1.0] * 250).needed == pytest.approx(0.005)


def test_clock_drift_is_not_jitter() -> None:
    for ppm in (200e-6, -200e-6):
        assert fed([5.0 + n * 0.02 * ppm for n in range(10_000)]).needed < 0.008


def test_only_much_loss_adds_half_a_packet_of_wait_for_the_repair() -> None:
    delay = fed([1.0] * 300)
    for _ in range(5):
        delay.lost()
    assert delay.needed == pytest.approx(0.005)
    for _ in range(20):
        delay.lost()
    assert delay.needed == pytest.approx(0.015)
    for _ in range(500):
        delay.add(1.0)
    assert delay.needed == pytest.approx(0.005)


def test_the_wait_for_repairs_ends_only_when_much_less_is_lost() -> None:
    delay, waits = fed([1.0] * 300), []
    for lost_each in (5, 5, 8, 8, 12, 12):
        for number in range(500):
            delay.add(1.0)
            if number % lost_each == 0:
                delay.lost()
        waits.append(delay.needed)
    assert waits == pytest.approx([0.035, 0.035, 0.035, 0.035, 0.015, 0.015])


def test_the_wait_for_repair_is_not_taken_where_packets_carry_none() -> None:
    delay = fed([1.0] * 300)
    for _ in range(40):
        delay.lost()
    delay.can_repair = False
    assert delay.needed == pytest.approx(0.005)


def test_the_wait_for_repair_does_not_come_and_go_with_every_packet() -> None:
    delay, changes = fed([1.0] * 300), 0
    before = delay.needed
    for number in range(3_000):
        if number % 14 == 0:
            delay.lost()
        delay.add(1.0)
        changes += delay.needed != before
        before = delay.needed
    assert changes <= 2


def test_packets_that_came_after_all_are_not_loss() -> None:
    delay = fed([1.0] * 300)
    for _ in range(100):
        delay.lost()
        delay.came_after_all()
    assert delay.needed == pytest.approx(0.005)


@pytest.mark.parametrize("spacing", [0.0025, 0.01, 0.02, 0.06])
def test_five_seconds_are_remembered_whatever_the_packets_hold(spacing: float) -> None:
    delay = ArrivalDelay()
    for number in range(round(6.0 / spacing)):
        delay.add(1.0 + 0.05 * (number % 2), spacing)
    for _ in range(round(4.5 / spacing)):
        delay.add(1.0, spacing)
    assert delay.needed == pytest.approx(0.055)
    for _ in range(round(1.0 / spacing)):
        delay.add(1.0, spacing)
    assert delay.needed == pytest.approx(0.005)


def test_a_reset_sender_clock_restarts_the_estimate_from_what_was_known() -> None:
    rng = random.Random(3)
    delay = fed([1.0 + rng.uniform(0.0, 0.05) for _ in range(300)])
    known = delay.needed
    delay.add(90.0)
    assert delay.floor == 90.0
    assert delay.needed == pytest.approx(known)


def test_a_pause_in_which_the_senders_clock_stood_still_is_not_lateness() -> None:
    delay = fed([1.0] * 300)
    delay.begin_after_silence(1.4)
    delay.add(1.4)
    assert delay.needed < 0.02 and delay.floor == 1.4


def test_the_wait_is_that_of_the_newest_packets_whatever_came_before() -> None:
    rng = random.Random(7)
    transits = [3.0 + rng.expovariate(50.0) for _ in range(2_000)]
    recent, window = sorted(transits[-25:]), sorted(transits[-250:])
    late = max(window[242], recent[22])  # 97 % of 250, and 90 % of the newest 25
    delay = fed(transits)
    assert delay.floor == window[0]
    assert delay.needed == pytest.approx(late - window[0] + 0.005)
