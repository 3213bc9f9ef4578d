"""What the encoder is told of the loss that the other side reports."""

from __future__ import annotations

import random

from tests.support.each import each
from voicechat.rtc.peer import Protection, UplinkLoss


def after(reports: list[float]) -> UplinkLoss:
    loss = UplinkLoss()
    for share in reports:
        loss.reported(share)
    return loss


@each(
    ("reports", "protection"),
    [
        ([], Protection(0.03, 15, 32_000)),
        ([0.0] * 6, Protection(0.0, 10, 28_000)),
        ([0.0] * 100, Protection(0.0, 10, 28_000)),
    ],
)
def test_a_call_begins_protected_until_reports_say_that_it_need_not_be(
    reports: list[float], protection: Protection
) -> None:
    assert after(reports).protection == protection


@each(
    ("reports", "expected"),
    [
        ([0.01] * 30, 10),
        ([0.05] * 30, 15),
        ([0.10] * 30, 25),
        ([0.25] * 30, 40),
        ([1.0] * 30, 40),
        ([0.0] * 50 + [0.3] * 3, 40),
        ([0.0, 0.2] + [0.0] * 30, 10),
    ],
)
def test_steady_loss_finds_its_protection_heavy_loss_at_once_and_one_bad_report_is_forgotten(
    reports: list[float], expected: int
) -> None:
    assert after(reports).protection.expected_loss == expected


def test_one_bad_report_is_not_forgotten_at_once_and_nonsense_is_limited() -> None:
    assert after([0.0, 0.2, 0.0]).protection.expected_loss > 10
    assert all(0.0 <= after([nonsense] * 50).share <= 1.0 for nonsense in (-1.0, 2.0, 1e9))


def test_reports_of_fifty_packets_each_do_not_move_the_encoder_to_and_fro() -> None:
    rng = random.Random(4)
    loss, changes, before = UplinkLoss(), 0, 10
    for _ in range(600):
        loss.reported(sum(rng.random() < 0.05 for _ in range(50)) / 50)
        changes += loss.protection.expected_loss != before
        before = loss.protection.expected_loss
    assert changes <= 12
