"""Did the session reach the longest time a session may last?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "session-expired"
ON = ("error", "line.opened")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "line.opened":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "error",
        "The session reached its longest time and was ended by the service.",
        cause=failure.message or "Sessions last 60 minutes at most, and no event warns before.",
        cure="Begin a new session before the limit (at 55 minutes, in a pause): same configuration, the last turns as "
        "text items. Ids of the old session mean nothing in the new one.",
        evidence=(model.configured.created, failure.at),
        rests_on="sessions last 60 minutes and cannot be resumed",
        confidence=0.97,
    )
