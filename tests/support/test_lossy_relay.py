"""The relay loses the share that it is given, in bursts of the length that it is given."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from tests.support.lossy_relay import Gilbert


def pattern(loss: float, burst: float, seed: int = 7, packets: int = 40_000) -> list[bool]:
    line = Gilbert(loss, burst, random.Random(seed))
    return [line.loses() for _ in range(packets)]


def runs(lost: list[bool]) -> list[int]:
    return [len(list(group)) for bad, group in groupby(lost) if bad]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("burst", [1.0, 3.0])
def test_the_share_and_the_length_of_losses_are_as_asked(loss: float, burst: float) -> None:
    lost = pattern(loss, burst)
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=0.2)
    assert sum(runs(lost)) / len(runs(lost)) == pytest.approx(burst, rel=0.2)


def test_extremes_of_loss_and_burst_are_exact_and_seeds_repeat() -> None:
    assert max(runs(pattern(0.1, 1.0))) == 1
    assert not any(pattern(0.0, 1.0))
    assert sum(pattern(1.0, 1_000.0)) > 39_000
    assert pattern(0.05, 2.0, seed=5) == pattern(0.05, 2.0, seed=5) != pattern(0.05, 2.0, seed=6)
