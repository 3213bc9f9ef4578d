"""Was a session.update refused for a field that the service does not have?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.refused_field import failure_as, field_cure
from voicechat.insight.session_model import SessionModel

CODE = "unknown-session-field"
ON = ("error", "session.updated")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "session.updated":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    field = failure.param or "a field"
    yield found(
        CODE,
        "error",
        f"The service does not know {field}, and so refused the whole session.update.",
        cause="One unknown field costs the whole update: nothing that was asked for with it is in force.",
        cure=field_cure(field, failure, model, f"Leave {field} out and send the update again."),
        evidence=(failure.said.at if failure.said else None, failure.at),
        rests_on="services refuse a whole session.update for one bad field",
        confidence=0.97,
    )
