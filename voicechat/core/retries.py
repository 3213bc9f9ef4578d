"""How long to wait before the line is tried again (R27). Pure: the jitter is drawn from the state, not from dice."""

from __future__ import annotations

from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Connection, State


def waits_for(line: Connection, state: State, policy: TurnPolicy, retry_after: float | None) -> float:
    """Seconds until the next try, after `line.failures` losses and failures in a row.

    `retry_after`: what the service asked for; it is never come back to sooner.
    """
    wait = policy.retry_waits[min(line.failures, len(policy.retry_waits) - 1)]
    if state.wishes.is_loopback:
        wait = min(wait, policy.loopback_wait)
    else:
        wait *= 1.0 + policy.retry_jitter * (2.0 * _drawn(line) - 1.0)
    return max(wait, retry_after or 0.0)


def _drawn(line: Connection) -> float:
    """0 to 1, of the attempt's number and the moment it began: the same for a replay, another for another client."""
    seed = line.number * 1_000_003 + round(line.since * 1000)
    return (seed * 2_654_435_761 % 2**32) / 2**32
