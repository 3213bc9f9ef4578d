"""Did the client cut its own answer, although nobody cut in?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.checks.cancelled_at_birth import was_at_birth
from voicechat.diagnose.cutting import cut_answers, cut_by_client, had_a_reason
from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import LOG_ENDED, Record
from voicechat.diagnose.session_model import SessionModel

CODE = "cancelled-by-client"
ON = ("response.done", "response.created", LOG_ENDED)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    for answer in cut_answers(model, record):
        if not cut_by_client(model, answer) or was_at_birth(model, answer) or had_a_reason(model, answer):
            continue
        why = model.last.newest("client.fell_back", "client.waits", "mic.opened", "mic.closed")
        near = why if why is not None and answer.cancel is not None and 0 < answer.cancel.seq - why.seq <= 3 else None
        yield found(
            CODE,
            "error",
            "The client stopped its own answer in the middle, and nobody had cut in.",
            cause="response.cancel was sent without a user's act or speech before it: by a timer, a reconnect, a mic "
            "event or a side request.",
            cure="Find who sends response.cancel (the event is in the evidence) and let only a barge-in, a key or the "
            "end of the talk send it.",
            evidence=(answer.created, near, answer.cancel, answer.done),
            rests_on="R14, R16: a timer, a reconnect, a mic event or a side request never cancels a response",
            confidence=0.88 if answer.cancel is not None else 0.78,
        )
