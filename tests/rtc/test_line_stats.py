"""Counting packets the way a listener would."""

from __future__ import annotations

import pytest

from voicechat.rtc.line_stats import Arrivals


def fed(numbers: list[int], *, ssrc: int = 1, start: float = 0.0, first: int = 65_000) -> Arrivals:
    arrivals = Arrivals()
    for n in numbers:
        arrivals.add((first + n) & 0xFFFF, n * 960, 50, ssrc, start + n * 0.02)
    return arrivals


def test_a_whole_stream_has_no_loss_and_no_jitter_across_the_wrap() -> None:
    nothing = Arrivals()
    assert nothing.loss(1.0) is None and nothing.jitter is None and nothing.last_at is None
    arrivals = fed(list(range(2_000)))
    assert arrivals.loss(40.0) == 0.0
    assert arrivals.jitter == pytest.approx(0.0, abs=1e-9)
    assert (arrivals.packets, arrivals.bytes) == (2_000, 100_000)
    assert arrivals.last_at == pytest.approx(39.98)


def test_loss_is_that_of_the_last_5_s_and_neither_disorder_nor_repetition() -> None:
    assert fed([n for n in range(1_000) if n >= 500 or n % 2 == 0]).loss(20.0) == 0.0
    assert fed([n for n in range(1_000) if n < 500 or n % 10]).loss(20.0) == pytest.approx(0.1, abs=0.02)
    numbers = list(range(400))
    numbers[300:302] = 301, 300
    numbers.insert(350, 349)
    assert fed(numbers).loss(8.0) == 0.0


def test_jitter_is_the_mean_change_of_transit() -> None:
    arrivals = Arrivals()
    for n in range(1_000):
        arrivals.add(n, n * 960, 50, 1, n * 0.02 + (0.01 if n % 2 else 0.0))
    assert arrivals.jitter == pytest.approx(0.01, rel=0.05)


def test_a_new_sender_is_not_a_gap_of_thousands() -> None:
    arrivals = fed(list(range(300)))
    for n in range(300, 600):
        arrivals.add((n + 20_000) & 0xFFFF, n * 7, 50, 2, n * 0.02)
    assert arrivals.loss(12.0) == 0.0
