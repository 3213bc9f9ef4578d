"""Did an answer fail at the service?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "response-failed"
ON = ("response.done",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    newest = model.newest
    if failure is None:
        return
    name = failure.code or failure.kind
    yield found(
        CODE,
        "error",
        f"An answer failed at the service{f' ({name})' if name else ''}.",
        cause=failure.message or "The service gave no reason in status_details.error.",
        cure="Ask again (r). server_error passes by itself; anything else is named in the message."
        if name in ("server_error", "")
        else f"Look up {name}: `voicechat explain {name}`; then ask again (r).",
        evidence=(newest.created if newest else None, failure.at),
        rests_on="response.done with status failed carries its cause in status_details.error",
        confidence=0.97,
    )
