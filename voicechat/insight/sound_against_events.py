"""Where the sound of a tape and its events tell two different stories.

Pure. Both sides are in seconds of the session; the sound is the recording's: what was sent, and what was played.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from voicechat.insight.records import Evidence, Finding, Record, found
from voicechat.insight.two_tracks import Span, TurnTaking

CODE = "sound-disagrees"
PLAYED = ("assistant.audible", "output_audio_buffer.started")
ENDED = ("assistant.silent", "playback.flushed", "output_audio_buffer.stopped", "output_audio_buffer.cleared")
BEGAN = ("input_audio_buffer.speech_started", "talk.pressed")
STOPPED = ("input_audio_buffer.speech_stopped", "talk.released", "input_audio_buffer.committed")
SHORTEST = 0.8
"""Seconds of sound; a shorter one may be a breath, a click or the edge of a word."""
LATE = 1.0
"""Seconds by which an event may be early or late against the sound."""


@dataclass(slots=True)
class Story:
    """What the events of a tape tell of sound."""

    answers: list[Span] = field(default_factory=list)
    turns: list[Span] = field(default_factory=list)
    """When the service heard speech or the user held the key; a commit without either takes all since the last one."""


def story_of(records: Iterable[Record]) -> Story:
    """When answers were played, and when speech was noticed."""
    told = Story()
    plays: float | None = None
    speaks: float | None = None
    now = committed = 0.0
    for record in records:
        now = record.t if record.t is not None else now
        if record.type in PLAYED:
            plays = now if plays is None else plays
        elif record.type in ENDED and plays is not None:
            told.answers.append(Span(plays, now))
            plays = None
        elif record.type in BEGAN:
            speaks = now if speaks is None else speaks
        elif record.type in STOPPED:
            if speaks is not None or now - committed > LATE:
                told.turns.append(Span(committed if speaks is None else speaks, now))
            speaks, committed = None, now
    told.answers += [Span(plays, now)] if plays is not None else []
    told.turns += [Span(speaks, now)] if speaks is not None else []
    return told


def disagreements(sound: TurnTaking, told: Story) -> list[Finding]:
    """A finding for each way in which they disagree; none where the events tell nothing of that side."""
    rows = (
        (
            "silent", told.answers, sound.assistant,
            "Events tell of {seconds:.1f} s of an answer, and its track is silent.",
            "The sound was lost on its way to the loudspeaker, or is muted; the transcript shows it as heard.",
            "Look at the loudspeaker's device and volume, and at what decodes the sound.",
        ),
        (
            "untold", sound.assistant if told.answers else (), told.answers,
            "The assistant is heard for {seconds:.1f} s where no event tells of it.",
            "Sound of an answer that was over or cut still lay in a buffer, or another program plays it.",
            "Clear what is queued when an answer is cancelled or cut.",
        ),
        (
            "unheard", sound.user if told.turns else (), told.turns,
            "The user speaks for {seconds:.1f} s, and no event takes notice of it.",
            "Turn detection missed it (too quiet, threshold too high, wrong rate), or nothing commits it.",
            "Lower turn_detection.threshold, raise the gain, check format and rate; without turn detection send "
            "input_audio_buffer.commit.",
        ),
    )  # fmt: skip
    findings = []
    for key, spans, others, title, cause, cure in rows:
        apart = [one for one in spans if one.length >= SHORTEST and not _met(one, others)]
        if apart:
            marks = [Evidence(round(one.start * 1000), round(one.start, 3), f"{one.length:.2f} s") for one in apart]
            title = title.format(seconds=sum(one.length for one in apart))
            findings.append(
                found(
                    CODE, "warning", title, cause=cause, cure=cure, evidence=tuple(marks),
                    rests_on="the tape's two tracks against its events", confidence=0.8, key=key,
                )
            )  # fmt: skip
    return findings


def _met(one: Span, others: Sequence[Span]) -> bool:
    return any(other.start - LATE < one.end and one.start < other.end + LATE for other in others)
