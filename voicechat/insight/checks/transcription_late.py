"""Do transcripts come too late to be waited for?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.configured import UNKNOWN
from voicechat.insight.facts import Segment
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record, elapsed, text
from voicechat.insight.session_model import SessionModel

CODE = "transcription-late"
DONE = "conversation.item.input_audio_transcription.completed"
ON = (DONE, TIME_PASSED, LOG_ENDED)
LATE = 5.0
"""Seconds after the commit (R13)."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type in (TIME_PASSED, LOG_ENDED):
        segment = next(reversed(model.segments.values()), None)
        if segment is not None and _is_missing(model, segment, record.mark()):
            yield _finding(model, segment, f"No transcript came within {LATE:.0f} s.")
        return
    segment = model.segments.get(text(record.event, "item_id"))
    took = elapsed(segment.committed, segment.transcribed) if segment is not None else None
    if segment is None or took is None:
        return
    if took > LATE:
        yield _finding(model, segment, f"A transcript came {took:.1f} s after the turn.")
    else:
        yield Ended(CODE, record.mark())


def _is_missing(model: SessionModel, segment: Segment, now: Evidence) -> bool:
    if model.configured.transcription in (None, UNKNOWN) or segment.transcribed or segment.failed or model.is_ended:
        return False
    if not model.witness.prints(DONE, DONE.replace("completed", "failed")):
        return False
    waited = elapsed(segment.committed, now)
    return waited is not None and waited > LATE


def _finding(model: SessionModel, segment: Segment, title: str) -> Finding:
    waits = model.configured.vad("create_response") is False
    return found(
        CODE,
        "warning" if waits else "info",
        title,
        cause="The service writes down slowly, or sends no transcripts at all."
        + (" The answer waits for the transcript, so it is as late." if waits else ""),
        cure="Take a faster session.audio.input.transcription.model (gpt-live-transcribe, gpt-realtime-whisper)"
        + (", or let the server answer by itself (create_response true)." if waits else "."),
        evidence=(segment.committed, segment.transcribed),
        rests_on="no transcript 5 s after the commit, and the turn waits for the user",
        confidence=0.85,
    )
