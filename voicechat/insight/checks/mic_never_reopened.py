"""Was the mic closed for an answer and never opened again?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "mic-never-reopened"
ON = (TIME_PASSED, LOG_ENDED, "mic.opened")
LIMIT = 3.5
"""Seconds after the end of the sound: R4's 2 s, the reopening delay, and a second for a busy machine."""
SOUND_AFTER_DONE = 20.0
"""Seconds the sound may go on after response.done, where nobody tells of its end."""
EVENTS = 8
"""Without times: so many events after the end of the sound, and still closed."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "mic.opened":
        yield Ended(CODE, record.mark())
        return
    closed = model.mic.closed_for_answer
    if model.configured.turn_detection is None and not model.witness.is_ours:
        return  # push-to-talk: the user opens it
    committed = model.last["input_audio_buffer.commit"]
    if closed is not None and committed is not None and 0 < committed.seq - closed.seq <= 3:
        return  # so it was the end of a turn of the client's
    if closed is None or model.sounding is not None or model.is_ended:
        return
    done = model.newest.done if model.newest is not None else None
    ended = _later(model.playback.ended, closed)
    over = ended or _later(done, closed)
    if over is None or not _is_overdue(over, LIMIT if ended else SOUND_AFTER_DONE, record):
        return
    yield found(
        CODE,
        "error",
        "The mic was closed while the assistant spoke, and never opened again.",
        cause="The client waits for an event that did not come (some services never send output_audio_buffer.*, and "
        "cleared does not come when nobody cut in), or a handler that should open it did not run.",
        cure="Open the mic at the first of: output_audio_buffer.stopped, output_audio_buffer.cleared, response.done "
        "and 600 ms of silence from the loudspeaker, 2 s without an audible sample, a lost connection.",
        evidence=(closed, done, ended),
        rests_on="it reopens after the first of these; it is never closed for more than 2 s of silence",
        confidence=0.92 if ended else 0.8,
    )


def _later(mark: Evidence | None, than: Evidence) -> Evidence | None:
    return mark if mark is not None and mark.seq > than.seq else None


def _is_overdue(over: Evidence, limit: float, record: Record) -> bool:
    waited = elapsed(over, record.mark())
    if waited is not None:
        return waited > limit
    return record.type == LOG_ENDED and record.seq - over.seq >= EVENTS
