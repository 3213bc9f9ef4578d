"""Is the end of the session near, or has the server no place for another one?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import TIME_PASSED, Record, elapsed, number
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "session-limit"
ON = ("error", "line.failed", "line.opened", "line.connecting", TIME_PASSED)
WARN_AT = 55 * 60.0
"""Seconds: five minutes before the usual limit (R28)."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type in ("line.opened", "line.connecting"):
        yield Ended(CODE, record.mark())
        yield Ended(f"{CODE}:near", record.mark())
    elif record.type == TIME_PASSED:
        yield from _near_the_end(model, record)
    elif (failure := failure_as(CODE, model, record)) is not None:
        yield found(
            CODE,
            "error",
            "The server has no place for another session.",
            cause=failure.message or "Its number of sessions at the same time is reached, or it is busy.",
            cure="End other sessions (forgotten tabs keep theirs until the connection closes), or wait and connect "
            "again.",
            evidence=(failure.at,),
            rests_on="503 or session_limit_reached: the service is full",
            confidence=0.93,
        )


def _near_the_end(model: SessionModel, record: Record) -> Iterator[Finding]:
    config = model.configured
    lasted = elapsed(config.created, record.mark())
    if lasted is None or lasted < WARN_AT or number(config.in_force, "expires_at") is None or model.is_ended:
        return
    yield found(
        CODE,
        "warning",
        "The session nears its limit: services end it after 60 minutes.",
        cause="Sessions cannot be prolonged or resumed.",
        cure="Begin a new session in a pause before the hour is over.",
        ours=":new begins one.",
        evidence=(config.created,),
        rests_on="the user is told five minutes before the service's session limit",
        confidence=0.8,
        key="near",
    )
