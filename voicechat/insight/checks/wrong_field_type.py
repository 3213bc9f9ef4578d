"""Was a session.update refused for a value of the wrong type or out of range?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.refused_field import failure_as, field_cure
from voicechat.insight.session_model import SessionModel

CODE = "wrong-field-type"
ON = ("error", "session.updated")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "session.updated":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    field = failure.param
    yield found(
        CODE,
        "error",
        f"The value of {field} is not what the service takes, and the whole session.update was refused.",
        cause=failure.message or "The value has the wrong type, or is none of the allowed ones.",
        cure=field_cure(field, failure, model, f"Give {field} the type the message names, or leave it out."),
        evidence=(failure.said.at if failure.said else None, failure.at),
        rests_on="field, type and range are checked in the dialect in use; `output_audio_format` of the beta "
        "dialect is a word, of GA an object",
        confidence=0.95,
    )
