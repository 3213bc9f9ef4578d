"""Does the client commit audio although the server detects turns?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.configured import UNKNOWN
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "commit-with-server-vad"
ON = ("input_audio_buffer.commit", "error", "session.updated", "session.created")
WAITED = 1.5
"""Seconds without `committed` after speech_stopped: then it is a service that waits for the client (R19's quirk)."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    config = model.configured
    if record.type == "error":
        failure = failure_as(CODE, model, record)
        if failure is not None:
            yield _finding(model, failure.said.at if failure.said else None, failure.at)
        return
    if record.type != "input_audio_buffer.commit":  # what was committed before the configuration is known
        sent = model.last["input_audio_buffer.commit"]
        if sent is not None and config.turns_are_theirs and not model.segments and not model.witness.is_ours:
            yield _finding(model, sent, record.mark())
        return
    if (
        record.dir != "out"
        or not (config.turns_are_theirs or _is_detected(model))
        or _is_waited_for(model, record.mark())
    ):
        return
    yield _finding(model, record.mark())


def _is_detected(model: SessionModel) -> bool:
    """The configuration is not in the log, and the server tells of speech: it detects turns."""
    return model.configured.turn_detection is UNKNOWN and "input_audio_buffer.speech_stopped" in model.witness.seen


def _is_waited_for(model: SessionModel, now: Evidence) -> bool:
    stopped, committed = model.last["input_audio_buffer.speech_stopped"], model.last["input_audio_buffer.committed"]
    if stopped is None or (committed is not None and committed.seq > stopped.seq):
        return False
    waited = elapsed(stopped, now)
    return waited is not None and waited >= WAITED


def _finding(model: SessionModel, *marks: Evidence | None) -> Finding:
    config = model.configured
    kind = config.vad("type")
    return found(
        CODE,
        "warning",
        f"The client commits audio, although the server detects turns ({kind if isinstance(kind, str) else 'VAD'}).",
        cause="With turn detection on the server commits by itself after speech_stopped; a commit of the client splits "
        "or doubles the turn, or fails because the buffer is empty.",
        cure="Leave out input_audio_buffer.commit; or, to decide yourself, send session.update with "
        '{"audio": {"input": {"turn_detection": null}}}.',
        evidence=(config.updated or config.created, *marks),
        rests_on="when turn detection is theirs the client never commits",
        confidence=0.95,
    )
