"""Was an answer cancelled before it had said a word?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.cutting import cut_answer, was_meant
from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.session_model import SessionModel

CODE = "cancelled-at-birth"
ON = ("response.done",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    answer = cut_answer(model, record)
    if answer is None or answer.first_output is not None or was_meant(model, answer):
        return
    seen = (answer.asked, answer.created, answer.speech, answer.cancel, answer.done)
    if answer.cancel is not None or answer.reason == "client_cancelled":
        yield found(
            CODE,
            "error",
            "The client cancelled an answer before it had said a word.",
            cause="Some handler or timer sent response.cancel right after the answer was created, although nobody cut "
            "in: often a handler of speech or mic events, or a second one that wants to ask again.",
            cure="Send response.cancel from one place only: on a granted barge-in, on push-to-talk, on a stop key.",
            evidence=seen,
            rests_on="R12, R14: one author creates and cancels; no timer and no mic event does",
            confidence=0.93,
            key="client",
        )
    else:
        yield found(
            CODE,
            "info",
            "The server dropped an answer before its first word, because it heard speech again.",
            cause="You paused longer than silence_duration_ms and went on, or a noise was taken for speech.",
            cure="Set session.audio.input.turn_detection.silence_duration_ms to 700 or more against pauses, a higher "
            "threshold against noise; with interrupt_response false the server does not drop answers.",
            evidence=seen,
            rests_on="R9, R16: a cancelled answer says who cancelled it (status_details.reason turn_detected)",
            confidence=0.75,
            key="server",
        )
