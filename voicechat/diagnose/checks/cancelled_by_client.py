"""Did the client cut its own answer, although nobody cut in?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.cutting import cut_answer, was_meant
from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.session_model import SessionModel

CODE = "cancelled-by-client"
ON = ("response.done",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    answer = cut_answer(model, record)
    if answer is None or answer.first_output is None or was_meant(model, answer):
        return
    if answer.cancel is None and answer.reason != "client_cancelled":
        return
    if answer.speech is not None and (answer.cancel is None or answer.speech.seq < answer.cancel.seq):
        return  # somebody spoke: whether that was too eager is another question
    yield found(
        CODE,
        "error",
        "The client stopped its own answer in the middle, and nobody had cut in.",
        cause="response.cancel was sent without a user's act or speech before it: by a timer, a reconnect, a mic event "
        "or a side request.",
        cure="Find who sends response.cancel (the event is in the evidence) and let only a barge-in, a key or the end "
        "of the talk send it.",
        evidence=(answer.created, answer.cancel, answer.done),
        rests_on="R14, R16: a timer, a reconnect, a mic event or a side request never cancels a response",
        confidence=0.9 if answer.cancel is not None else 0.8,
    )
