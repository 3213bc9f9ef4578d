"""Is one sentence cut into pieces, because pauses inside it end the turn?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from voicechat.insight.configured import UNKNOWN
from voicechat.insight.facts import Segment
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "segments-too-short"
ON = ("input_audio_buffer.committed",)
PIECES = 3
LONGEST_PIECE = 1.2
"""Seconds, the server's padding included; what is longer holds a whole thought."""
LONGEST_GAP = 1.2
"""Seconds between the pieces of one sentence (R17 joins up to this)."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    recent = list(model.segments.values())[-PIECES:]
    if len(recent) < PIECES or not all(_is_short(one) for one in recent):
        return
    if not all(_follows(before, after) for before, after in pairwise(recent)):
        return
    lengths = ", ".join(f"{one.length:.1f} s" for one in recent if one.length is not None)
    silence = model.configured.vad("silence_duration_ms")
    now = "" if silence is UNKNOWN else f" (it is {silence} now)"
    yield found(
        CODE,
        "warning",
        f"One sentence became {PIECES} turns: pieces of {lengths} with short pauses between them.",
        cause="A short pause inside the sentence counts as its end, so the server commits fragments; they are hard to "
        "understand and are answered too early.",
        cure=f"Set session.audio.input.turn_detection.silence_duration_ms to 700 or more{now}, or use semantic_vad; "
        "with your own detection commit only after 500 ms of silence and join pieces under 900 ms.",
        evidence=tuple(mark for one in recent for mark in (one.started, one.committed)),
        rests_on="a piece under 900 ms is joined to what follows",
        confidence=0.85,
    )


def _is_short(segment: Segment) -> bool:
    length = segment.length
    return length is not None and 0 < length <= LONGEST_PIECE and segment.committed is not None


def _follows(before: Segment, after: Segment) -> bool:
    if before.end_ms is not None and after.start_ms is not None:
        return after.start_ms - before.end_ms <= LONGEST_GAP * 1000
    gap = elapsed(before.stopped, after.started)
    return gap is not None and gap <= LONGEST_GAP
