"""Is the account out of money or quota?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "quota-or-billing"
ON = ("error", "response.done", "line.failed", "line.opened")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    name = failure.code or failure.kind or str(failure.status or "")
    yield found(
        CODE,
        "error",
        f"The service refuses because of quota or billing ({name}).",
        cause=failure.message or "The account has no credit, its limit is reached, or it is closed.",
        cure="Look at the billing page of the account and project this key belongs to. Do not retry: no repetition "
        "changes it.",
        evidence=(failure.at,),
        rests_on="fatal codes (key, quota, billing, model) are not retried",
        confidence=0.98,
    )
