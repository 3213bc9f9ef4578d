"""The connection: lost, never made, left behind."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.checks import check
from voicechat.insight.readers.phrases import ERROR_LINE
from voicechat.insight.records import (
    IN_PROSE,
    LOG_ENDED,
    Ended,
    Evidence,
    Finding,
    Record,
    found,
    near,
    number,
    part,
    text,
)
from voicechat.insight.refusals import failure_as, problem_of
from voicechat.insight.session_model import SessionModel

CONNECTION_LOST = "connection-lost"
NORMAL = (1000, 1001)
"""Close codes of an end in order."""
AT_ONCE = 10.0
"""Seconds (or so many events) from the opening of a connection in which nobody ends a talk."""
EVENTS = 4
FATAL = {"session-expired", "auth-failed", "token-expired", "quota-or-billing", "beta-retired", "session-limit"}
"""Failures after which the service closes the line: they are the cause, the lost line only follows."""


@check(CONNECTION_LOST, "line.lost", "line.failed", "line.opened", "session.closed")
def connection_lost(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did the line break, or could none be opened?"""
    if record.type == "line.opened":
        yield Ended(CONNECTION_LOST, record.mark())
        yield Ended(f"{CONNECTION_LOST}:never", record.mark())
    elif record.type == "session.closed":
        if failure_as(CONNECTION_LOST, model, record) is not None:
            yield _lost_at_the_service(record)
    elif record.type == "line.lost" and number(record.event, "close_code") in NORMAL:
        if not (model.is_ended or _worked(model, record) or _has_another_cause(model)):
            yield _closed_at_once(record)
    elif record.type == "line.lost" and not model.is_ended and not _has_another_cause(model):
        reason = text(record.event, "reason")
        yield found(
            CONNECTION_LOST,
            "error",
            f"The connection was lost{f': {reason}' if reason else ''}.",
            cause="The network, or the service, ended the connection; the session at the service is gone with it.",
            cure="Reconnect: a new session, the same configuration, the conversation as text. If it repeats, look "
            "at the network, and at firewalls that forget UDP.",
            evidence=(model.last["line.opened"], record.mark()),
            ours="r reconnects.",
            rests_on="sessions cannot be resumed",
            confidence=0.95,
        )
    elif record.type == "line.failed" and model.failure is not None and not problem_of(model.failure, model):
        yield found(
            CONNECTION_LOST,
            "error",
            f"No line could be opened: {model.failure.message or 'no reason given'}.",
            cause=f"The handshake failed ({model.failure.code or model.failure.status or 'no code'}).",
            cure=text(record.event, "hint") or "Check base_url and the network, then reconnect.",
            evidence=(record.mark(),),
            rests_on="what can be retried is retried with a growing pause",
            confidence=0.93,
            key="never",
        )


def _has_another_cause(model: SessionModel) -> bool:
    failure = model.failure
    newest = model.newest
    if failure is None or problem_of(failure, model) not in FATAL:
        return False
    return newest is None or newest.created.seq < failure.at.seq


def _worked(model: SessionModel, closed: Record) -> bool:
    """Something was said in this session, or is not in this log, so that its end may be what somebody wanted."""
    if "session.created" not in model.witness.seen:
        is_bare = not (model.witness.has_answers or model.segments)
        is_soon = near(model.last["client.connected"], closed.mark(), AT_ONCE, EVENTS)
        is_told = IN_PROSE in closed.event or ERROR_LINE.search(text(closed.event, "told"))
        return not (is_bare and (is_soon or is_told))
    answered = any(one.status == "completed" or one.first_output is not None for one in model.answers.values())
    return answered or any(one.transcript for one in model.segments.values())


def _closed_at_once(record: Record) -> Finding:
    return found(
        CONNECTION_LOST,
        "error",
        "The connection was closed in order (1000) before anything was said in it.",
        cause="One side ended it on purpose: the service after something it did not accept, or the client's own code "
        "(a deallocated socket, a component that was unmounted, a task that was cancelled).",
        cure="Keep the socket in an object that lives as long as the talk, log who calls close, and print every event "
        "before the close, errors above all.",
        evidence=(record.mark(),),
        rests_on="1000 is a close frame that somebody sent",
        confidence=0.75,
        key="normal",
    )


def _lost_at_the_service(record: Record) -> Finding:
    return found(
        CONNECTION_LOST,
        "error",
        "The service closed the session because it had lost the connection to the client.",
        cause="session.closed came with reason connection_lost.",
        cure="Start a new session with the history in session.input, or fork a stored one.",
        evidence=(record.mark(),),
        rests_on="GPT-Live: session.closed says why",
        confidence=0.95,
    )


SOCKET_LEAKED = "socket-leaked"


@check(
    SOCKET_LEAKED,
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
    "response.done",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "output_audio_buffer.stopped",
    "conversation.item.input_audio_transcription.completed",
    LOG_ENDED,
)
def socket_leaked(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Is an old connection still open while a new one is in use?"""
    created = model.configured.created
    if record.type == LOG_ENDED and model.opened_twice is not None and "line.lost" not in model.witness.seen:
        yield _leaked("Two sessions were begun at once, and both stay open.", 0.75, *model.opened_twice)
    if created is None or not model.retired or model.witness.is_ours:
        return
    event = record.event
    ids = (text(event, "response_id"), text(event, "item_id"), text(part(event, "response"), "id"))
    old = next((id for id in ids if id in model.retired), "")
    if not old:
        return
    title = "The connection of an earlier session is still open: it goes on sending events into the new one."
    yield _leaked(title, 0.93, model.retired[old], created, record.mark(old))


def _leaked(title: str, confidence: float, *marks: Evidence) -> Finding:
    return found(
        SOCKET_LEAKED,
        "error",
        title,
        cause="A new session was begun without closing the old connection (a reconnect, a page that mounts twice, a "
        "hot reload); two assistants listen and speak, and both are paid for.",
        cure="Close the old WebSocket or RTCPeerConnection, stop its tracks and take its handlers away before you open "
        "another; open it in one place, and drop events of a connection that is not the current one.",
        evidence=marks,
        rests_on="ids of the old connection are forgotten; one connection at a time",
        confidence=confidence,
    )
