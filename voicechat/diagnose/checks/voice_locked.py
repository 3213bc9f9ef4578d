"""Was the voice to be changed after it had been heard?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "voice-locked"
ON = ("error", "session.updated")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "session.updated":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    spoken = next((one.first_output for one in model.answers.values() if one.first_output is not None), None)
    yield found(
        CODE,
        "warning",
        "The voice cannot change any more, and the whole session.update with it was refused.",
        cause="The voice is fixed with the first sound of the session; an update that names another one is refused as "
        "a whole, the other wishes in it too.",
        cure="Leave session.audio.output.voice out of updates after the first answer, or begin a new session (:new) "
        "with the voice you want.",
        evidence=(spoken, failure.said.at if failure.said else None, failure.at),
        rests_on="the voice can be set until the first audio only",
        confidence=0.97,
    )
