"""Was a model asked for that has been switched off?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "model-retired"
ON = ("error", "line.failed")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "error",
        "The model asked for is one that has been, or is being, switched off.",
        cause=failure.message,
        cure='Choose a current one: model = "gpt-realtime-2.1" (or gpt-realtime-2.1-mini).',
        evidence=(failure.at,),
        rests_on="the gpt-4o previews ended in May 2026; gpt-realtime and gpt-realtime-mini end on 2027-01-20",
        confidence=0.85,
    )
