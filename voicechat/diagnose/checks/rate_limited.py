"""Does the service refuse because of too many requests or tokens?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record, part
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "rate-limited"
ON = ("error", "response.done", "line.failed", "line.opened")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        is_well = record.type == "line.opened" or part(record.event, "response").get("status") == "completed"
        if is_well:
            yield Ended(CODE, record.mark())
        return
    yield found(
        CODE,
        "error",
        "The service's rate limit was reached; this looks like silence.",
        cause=failure.message or "Too many requests or tokens in a short time for this account.",
        cure="Wait as long as rate_limits.updated (reset_seconds) or Retry-After says, then ask once more (r); a "
        "smaller model, a lower max_output_tokens and shorter instructions use less.",
        evidence=(failure.at,),
        rests_on="response.done failed with rate_limit_exceeded; 429 is retried after Retry-After",
        confidence=0.97,
    )
