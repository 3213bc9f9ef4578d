"""A closed WebSocket says why, in words a user understands and a code the failure table knows."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.each import each
from tests.support.nearly import nearly
from voicechat.failures import failure_of
from voicechat.transports.refusals import closing
from voicechat.transports.websocket import LOOK_EVERY, Pulse


@each(
    ("code", "reason", "words", "name", "retryable"),
    [
        (1000, "", "ended the session", "close 1000", True),
        (1001, "Your session hit the maximum duration of 60 minutes.", "maximum duration", "session_expired", True),
        (1001, "session_expired", "maximum duration", "session_expired", True),
        (1001, "", "going away", "close 1001", True),
        (1002, "", "a protocol error", "close 1002", False),
        (1006, "", "lost without a reason", "close 1006", True),
        (None, "", "lost without a reason", "close 1006", True),
        (1008, "policy", "rules do not allow", "close 1008", False),
        (1009, "", "too large", "close 1009", False),
        (1011, "keepalive ping timeout", "keepalive ping timeout", "close 1011", True),
        (1013, "try again later", "overloaded", "service_unavailable", True),
        (3000, "invalid_request_error.invalid_api_key", "key", "invalid_api_key", False),
        (3000, "", "did not accept the key", "close 3000", False),
        (4000, "invalid_request_error.beta_api_shape_disabled", "beta dialect", "beta_api_shape_disabled", False),
        (4000, "", "beta dialect", "beta_api_shape_disabled", False),
        (4000, "The Realtime Beta API is no longer supported.", "beta dialect", "beta_api_shape_disabled", False),
        (4008, "", "a non-standard code (4008)", "close 4008", False),
        (1008, "You exceeded your current quota", "quota", "insufficient_quota", False),
        (1013, "session_limit_reached", "its limit of sessions", "session_limit_reached", True),
        (2999, "", "(2999)", "close 2999", True),
    ],
)
def test_each_end_has_its_sentence_its_code_and_its_chance(
    code: int | None, reason: str, words: str, name: str, retryable: bool
) -> None:
    why = closing(code, reason)
    assert words in why.reason and why.code == name and why.retryable is retryable
    assert why.hint and "\n" not in why.reason and not why.reason.endswith(".")


@each(
    ("reason", "name", "retryable"),
    [
        ("", "policy", False),
        ("Unauthorized", "key", False),
        ("Invalid token", "key", False),
        ("Missing API key", "key", False),
        ("API key not valid. Please pass a valid API key.", "key", False),
        ("Forbidden", "access", False),
        ("You exceeded your current quota, please check your plan and billing details.", "quota", False),
        ("models/live-9 is not found for API version v1, or is not supported for this method", "model", False),
        ("Too many connections", "too many sessions", True),
        ("session_limit_reached", "too many sessions", True),
        ("Rate limit exceeded. Retry after 5s.", "rate limit", True),
        ("client is too slow", "rate limit", True),
        ("Session timed out", "session time", True),
        ("Your session hit the maximum duration of 30 minutes.", "session time", True),
        ("Ephemeral token expired", "token", True),
        ("Server is at capacity", "busy", True),
    ],
)
def test_a_policy_close_is_what_its_reason_says(reason: str, name: str, retryable: bool) -> None:
    why = closing(1008, reason)
    assert failure_of(why.code, None, why.reason).name == name
    assert why.retryable is retryable and reason.rstrip(".") in f"{why.reason} {why.code}"


def test_a_token_that_died_is_known_by_the_error_before_the_close() -> None:
    why = closing(1008, "", said="invalid_request_error", said_words="Ephemeral token expired")
    assert why.code == "token_expired" and why.retryable


def test_a_code_that_others_use_too_is_no_retired_dialect() -> None:
    why = closing(4000, "kicked by admin")
    assert failure_of(why.code).name == "own code" and "kicked by admin" in why.reason


def test_a_close_upon_an_error_event_takes_its_code() -> None:
    assert closing(1000, "", said="session_expired").code == "session_expired"
    assert closing(1011, "", said="something_new").code == "close 1011"


def test_what_a_service_quotes_never_shows_the_key_or_moves_the_terminal() -> None:
    why = closing(1008, "bad key sk-very-secret\x1b[2J\nand more", secrets=["sk-very-secret"])
    assert "sk-very" not in why.reason and "\x1b" not in why.reason and "\n" not in why.reason


# A dead line is noticed within a second and a half, and a slow one is not taken for dead (R27)


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
