"""Did an answer that was due never begin?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.configured import UNKNOWN
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record, elapsed
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "no-response"
ON = (TIME_PASSED, LOG_ENDED, "response.created", "response.done", "client.failed")
LIMIT = 8.0
"""Seconds (R15)."""
EVENTS = 12
"""Without times: so many events later, and still none."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "client.failed":
        yield from _given_up(model, record)
    elif record.type in ("response.created", "response.done"):
        for key in ("asked", "server", "nobody"):
            yield Ended(f"{CODE}:{key}", record.mark())
    elif not model.is_ended and model.active is None and model.witness.prints_answers:
        yield from _asked_in_vain(model, record)
        yield from _turn_without_answer(model, record)


def _given_up(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The client says itself that it waited in vain."""
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "error",
        "The client asked for an answer, and gave up waiting for it.",
        cause=failure.message,
        cure="See whether response.create left and what came back: an error event, nothing at all (a lost connection), "
        "or an answer later than the client's own limit; raise that limit, or reconnect.",
        evidence=(failure.at,),
        rests_on="response.create is answered by response.created or an error",
        confidence=0.85,
        key="given-up",
    )


def _asked_in_vain(model: SessionModel, record: Record) -> Iterator[Finding]:
    for said in model.unanswered:
        if _is_overdue(said.at, record):
            yield found(
                CODE,
                "error",
                f"response.create got no answer: neither response.created nor an error within {LIMIT:.0f} s.",
                cause="The service is stuck, or it dropped the request without a word.",
                cure="Ask again, and take no answer within 8 s for none. If it repeats, look at the service's state, "
                "or reconnect.",
                ours="r asks again.",
                evidence=(said.at,),
                rests_on="response.create with no response.created in 8 s frees the slot",
                confidence=0.9,
                key="asked",
            )
            return


def _turn_without_answer(model: SessionModel, record: Record) -> Iterator[Finding]:
    segment = next(reversed(model.segments.values()), None)
    if model.failure is not None and model.failure.told_by != "error" and segment is not None and segment.committed:
        if model.failure.at.seq > segment.committed.seq:
            return  # the answer was refused, and that is told elsewhere
    if segment is None or segment.answer is not None or segment.is_empty or model.unanswered:
        return
    if model.last.newest("budget.spent", "go_on.chosen") not in (None, model.last["go_on.chosen"]):
        return  # the user's budget is used up, so nobody asks
    config = model.configured
    detects = "input_audio_buffer.speech_stopped" in model.witness.seen and not model.witness.is_ours
    if config.turn_detection is UNKNOWN and detects and _waited(segment.committed, record) > LIMIT:
        yield found(
            CODE,
            "error",
            "Your turn was committed, and no answer was begun.",
            cause="The server did not answer by itself, and the client did not ask; no line here shows which was due.",
            cure="See session.updated: with create_response true the server answers, else send response.create.",
            evidence=(segment.committed, segment.transcribed),
            rests_on="after a turn comes response.created",
            confidence=0.6,
            key="server",
        )
    elif config.server_replies and _is_overdue(segment.committed, record):
        yield found(
            CODE,
            "error",
            "Your turn was committed, and the server never began to answer.",
            cause="With this turn detection the server answers by itself, and it did not.",
            cure="Ask again with response.create. If it repeats, look at the service's state and its limits.",
            evidence=(segment.committed, segment.transcribed),
            rests_on="after input_audio_buffer.committed comes response.created, where create_response is true",
            confidence=0.75,
            key="server",
        )
    elif config.vad("create_response") is False and segment.transcript and _is_overdue(segment.transcribed, record):
        yield found(
            CODE,
            "error",
            "Your turn has its transcript, and nobody asked for an answer.",
            cause="create_response is false, so the client has to send response.create, and it did not.",
            cure="Send response.create after a transcript with words in it, or set "
            "session.audio.input.turn_detection.create_response to true.",
            evidence=(segment.committed, segment.transcribed),
            rests_on="when the client decides, it creates the response",
            confidence=0.8,
            key="nobody",
        )


def _waited(since: Evidence | None, record: Record) -> float:
    return elapsed(since, record.mark()) or 0.0


def _is_overdue(since: Evidence | None, record: Record) -> bool:
    if since is None:
        return False
    waited = elapsed(since, record.mark())
    if waited is not None:
        return waited > LIMIT
    return record.type == LOG_ENDED and record.seq - since.seq >= EVENTS
