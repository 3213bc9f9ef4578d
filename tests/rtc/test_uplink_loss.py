"""What the encoder is told of the loss that the other side reports."""

from __future__ import annotations

import random

import pytest

from voicechat.rtc.peer import STEPS, Protection, UplinkLoss


def after(reports: list[float]) -> UplinkLoss:
    loss = UplinkLoss()
    for share in reports:
        loss.reported(share)
    return loss


def test_a_call_begins_protected_until_the_reports_say_that_it_need_not_be() -> None:
    assert after([]).protection == Protection(0.03, 15, 32_000)
    assert after([0.0] * 6).protection == Protection(0.0, 10, 28_000)


def test_a_clean_line_is_prepared_for_a_little_loss() -> None:
    assert after([0.0] * 100).protection == Protection(0.0, 10, 28_000)


@pytest.mark.parametrize(("share", "expected"), [(0.01, 10), (0.05, 15), (0.10, 25), (0.25, 40), (1.0, 40)])
def test_steady_loss_finds_its_protection(share: float, expected: int) -> None:
    assert after([share] * 30).protection.expected_loss == expected


def test_heavy_loss_is_believed_within_three_reports() -> None:
    assert after([0.0] * 50 + [0.3] * 3).protection.expected_loss == 40


def test_one_bad_report_is_forgotten_in_half_a_minute_but_not_at_once() -> None:
    assert after([0.0, 0.2, 0.0]).protection.expected_loss > 10
    assert after([0.0, 0.2] + [0.0] * 30).protection.expected_loss == 10


def test_reports_of_fifty_packets_each_do_not_move_the_encoder_to_and_fro() -> None:
    rng = random.Random(4)
    loss, changes, before = UplinkLoss(), 0, 10
    for _ in range(600):
        loss.reported(sum(rng.random() < 0.05 for _ in range(50)) / 50)
        changes += loss.protection.expected_loss != before
        before = loss.protection.expected_loss
    assert changes <= 12


@pytest.mark.parametrize("nonsense", [-1.0, 2.0, 1e9])
def test_a_report_of_nonsense_is_limited(nonsense: float) -> None:
    assert 0.0 <= after([nonsense] * 50).share <= 1.0


def test_the_rate_stays_between_24_and_32_kbit() -> None:
    assert all(24_000 <= step.bitrate <= 32_000 for step in STEPS)
