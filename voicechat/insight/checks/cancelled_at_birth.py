"""Was an answer cancelled before it had said a word?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.cutting import cut_answers, cut_by_client, had_a_reason, prints_output, was_meant
from voicechat.insight.facts import Answer
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import LOG_ENDED, Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "cancelled-at-birth"
ON = ("response.done", "response.created", LOG_ENDED)
AT_ONCE = 0.3
"""Seconds: no answer has words so soon."""
TIMES = 2
"""An answer that the server drops because somebody goes on talking happens to everybody; twice it is a pattern."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    judged = [one for one in cut_answers(model, record) if was_at_birth(model, one)]
    for answer in judged:
        if cut_by_client(model, answer) and not had_a_reason(model, answer):
            yield _by_client(answer)
    if not judged:
        return
    dropped = [one for one in model.answers.values() if one.status == "cancelled" and was_at_birth(model, one)]
    dropped = [one for one in dropped if not cut_by_client(model, one) and not one.is_aside]
    least = 1 if _is_all_there_was(model, record) else TIMES
    if len(dropped) >= least and not any(was_meant(model, one) for one in dropped):
        yield _by_server([mark for one in dropped for mark in (one.created, one.speech, one.done)])


def _is_all_there_was(model: SessionModel, record: Record) -> bool:
    """In somebody else's log that ends here, no answer came to its end, and all were seen to begin."""
    if record.type != LOG_ENDED or model.witness.is_ours:
        return False
    return not any(one.status == "completed" or one.is_implied for one in model.answers.values())


def was_at_birth(model: SessionModel, answer: Answer) -> bool:
    """Nothing of it came, and this log would have told."""
    if answer.first_output is not None:
        return False
    if answer.output_items == 0 or model.witness.is_ours:
        return not (answer.is_implied and model.witness.is_ours)
    if answer.is_implied:
        return False
    lived = elapsed(answer.created, answer.cancel or answer.done)
    if lived is not None and lived < AT_ONCE:
        return True
    if lived is None and answer.cancel is not None and answer.cancel.seq == answer.created.seq + 1:
        return True
    return prints_output(model)


def _by_client(answer: Answer) -> Finding:
    return found(
        CODE,
        "error",
        "The client cancelled an answer before it had said a word.",
        cause="Some handler or timer sent response.cancel right after the answer was created, although nobody cut "
        "in: often a handler of speech or mic events, or a second one that wants to ask again.",
        cure="Send response.cancel from one place only: on a granted barge-in, on push-to-talk, on a stop key.",
        evidence=(answer.asked, answer.created, answer.speech, answer.cancel, answer.done),
        rests_on="one author creates and cancels; no timer and no mic event does",
        confidence=0.9,
        key="client",
    )


def _by_server(seen: list[Evidence | None]) -> Finding:
    return found(
        CODE,
        "info",
        "The server dropped answers before their first word, because it heard speech again.",
        cause="You paused longer than silence_duration_ms and went on, or noises were taken for speech.",
        cure="Set session.audio.input.turn_detection.silence_duration_ms to 700 or more against pauses, a higher "
        "threshold against noise; with interrupt_response false the server does not drop answers.",
        evidence=tuple(seen),
        rests_on="a cancelled answer says who cancelled it (status_details.reason turn_detected)",
        confidence=0.75,
        key="server",
    )
