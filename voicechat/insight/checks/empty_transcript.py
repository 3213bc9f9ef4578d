"""Does the server take sounds without words for turns?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.facts import Segment
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.session_model import SessionModel

CODE = "empty-transcript"
ON = ("conversation.item.input_audio_transcription.completed", "response.created", "client.skipped")
TIMES = 2
"""Unanswered ones that make a finding; an answered one is a finding by itself."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "client.skipped":
        yield from _skipped(model, record)
        return
    empty = [one for one in model.segments.values() if one.is_empty and one.over_answer is None]
    answered = [one for one in empty if one.answer is not None and one.answer.asked is None]
    newest = empty[-1] if empty else None
    if newest is None or newest is not next(reversed(model.segments.values())):
        return
    if newest in answered:
        yield _finding("The server answered a sound in which nobody had said a word.", "warning", [newest])
    elif len(empty) >= TIMES and record.type != "response.created":
        yield _finding("Sounds without a word were taken for turns.", "info", empty)


def _skipped(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The client says itself that there was nothing to answer; the events beside it may not be in the log."""
    if len(model.skipped) < TIMES or any(one.is_empty for one in model.segments.values()):
        return
    yield _told("Sounds without a word were taken for turns.", "info", tuple(model.skipped))


def _finding(title: str, severity: str, segments: list[Segment]) -> Finding:
    marks = tuple(
        mark
        for one in segments
        for mark in (one.committed, one.transcribed, one.answer.created if one.answer else None)
    )
    return _told(title, severity, marks)


def _told(title: str, severity: str, marks: tuple[Evidence | None, ...]) -> Finding:
    return found(
        CODE,
        "warning" if severity == "warning" else "info",
        title,
        cause="Noise passes the threshold of the turn detection; its transcript holds neither letter nor digit.",
        cure="Answer only to transcripts with words (create_response false, and response.create after a transcript "
        "with a letter or digit in it), or raise turn_detection.threshold.",
        ours='preset = "steady" does it.',
        evidence=marks,
        rests_on="an answer only for an item whose transcript holds at least one letter or digit",
        confidence=0.88,
    )
