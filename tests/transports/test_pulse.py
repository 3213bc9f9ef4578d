"""A dead line is noticed within a second and a half, and a slow one is not taken for dead (R27)."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.each import each
from tests.support.nearly import nearly
from voicechat.transports.websocket import LOOK_EVERY, Pulse


def dies_at(answer_after: Callable[[float], float | None], until: float = 60.0) -> float | None:
    """Run the watch; `answer_after` says how long the echo of a ping sent at a moment takes, None for ever."""
    pulse, now = Pulse(0.0), 0.0
    echoes: list[tuple[float, bytes]] = []
    while now < until:
        for at, token in [echo for echo in echoes if echo[0] <= now]:
            pulse.ponged(token, at)
            echoes.remove((at, token))
        pulse.look(now)
        if pulse.dead_since(now) is not None:
            return now
        if pulse.ping_is_due(now):
            token = pulse.pinged(now)
            delay = answer_after(now)
            if delay is not None:
                echoes.append((now + delay, token))
        now = round(now + LOOK_EVERY, 6)
    return None


def test_a_blackout_is_noticed_within_a_second_and_a_half_whenever_it_begins() -> None:
    for tenth in range(20):
        begins = 10.0 + tenth / 20

        def echo(at: float, begins: float = begins) -> float | None:
            return 0.05 if at + 0.05 < begins else None

        died = dies_at(echo)
        assert died is not None and died - begins <= 1.5


@each(
    "echo",
    [
        lambda at: 0.02,
        lambda at: 0.8,
        lambda at: 0.9 if at == nearly(2.0) else 1.5 if at == nearly(20.0) else 0.05,
        lambda at: None,
    ],
    ids=["near", "far", "one slow answer buys patience", "who never answers is not judged by it"],
)
def test_a_service_that_answers_late_or_never_did_is_not_given_up(echo: Callable[[float], float | None]) -> None:
    assert dies_at(echo) is None


def test_anything_that_comes_is_a_sign_of_life() -> None:
    pulse = Pulse(0.0)
    pulse.ponged(pulse.pinged(0.0), 0.05)
    pulse.pinged(0.4)
    for tenth in range(5, 40):
        pulse.look(tenth / 10)
        pulse.heard(tenth / 10)
        assert pulse.dead_since(tenth / 10) is None


def test_a_machine_that_slept_does_not_blame_the_service() -> None:
    pulse = Pulse(0.0)
    pulse.ponged(pulse.pinged(0.0), 0.05)
    pulse.pinged(0.4)
    pulse.look(0.5)
    pulse.look(3_600.0)
    assert pulse.dead_since(3_600.0) is None
    for tenth in range(1, 12):
        pulse.look(3_600.0 + tenth / 10)
    assert pulse.dead_since(3_601.1) is not None


def test_the_round_trip_is_measured_and_foreign_pongs_are_ignored() -> None:
    pulse = Pulse(0.0)
    pulse.ponged(b"never sent", 0.1)
    assert (pulse.rtt or 0.0) == 0.0
    pulse.ponged(pulse.pinged(1.0), 1.08)
    assert (pulse.rtt or 0.0) == nearly(0.08)
    for second in range(2, 40):
        pulse.ponged(pulse.pinged(float(second)), second + 0.2)
    assert 0.19 < (pulse.rtt or 0.0) < 0.21
