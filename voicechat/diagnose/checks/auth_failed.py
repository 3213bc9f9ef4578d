"""Was the key not accepted?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "auth-failed"
ON = ("error", "line.failed", "line.opened")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "line.opened":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    is_forbidden = failure.status == 403
    yield found(
        CODE,
        "error",
        "The service did not accept the key." if not is_forbidden else "The key may not use this model or endpoint.",
        cause=failure.message or f"The handshake was answered with {failure.status}.",
        cure="Ask for access to the model, or choose another model or project."
        if is_forbidden
        else "Check the key: is it for this service and project, complete, and still valid? A key of one service opens "
        "no other (base_url).",
        evidence=(failure.at,),
        rests_on="a refused key is fatal and not retried",
        confidence=0.97,
    )
