"""Did the client cut its own answer, although nobody cut in?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.checks.cancelled_at_birth import was_at_birth
from voicechat.insight.cutting import cut_answers, cut_by_client, had_a_reason
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import LOG_ENDED, Record
from voicechat.insight.session_model import SessionModel

CODE = "cancelled-by-client"
ON = ("response.done", "response.created", LOG_ENDED)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    for answer in cut_answers(model, record):
        if not cut_by_client(model, answer) or was_at_birth(model, answer) or had_a_reason(model, answer):
            continue
        why = model.last.newest("client.fell_back", "client.waits", "mic.opened", "mic.closed")
        near = why if why is not None and answer.cancel is not None and 0 < answer.cancel.seq - why.seq <= 3 else None
        is_seen = answer.cancel is not None
        who = "response.cancel" + (" (the event is in the evidence)" if is_seen else ", which this log does not show,")
        yield found(
            CODE,
            "error",
            "The client stopped its own answer in the middle, and nobody had cut in.",
            cause="response.cancel was sent without a user's act or speech before it: by a timer, a reconnect, a mic "
            "event or a side request."
            + ("" if is_seen else " The service says so: status_details.reason is client_cancelled."),
            cure=f"Find who sends {who} and let only a barge-in, a key or the end of the talk send it.",
            evidence=(answer.created, near, answer.cancel, answer.done),
            rests_on="a timer, a reconnect, a mic event or a side request never cancels a response",
            confidence=0.88 if is_seen else 0.78,
        )
