"""Does it take too long from your last word to the first sound of the answer, and where?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.facts import Answer
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "slow-first-sound"
ON = ("assistant.audible", "response.done")
SLOW = 2.0
"""Seconds from the end of speech to the first sound; two are felt as a pause."""
VERY_SLOW = 4.0
"""Seconds that are a finding even once."""
ELSEWHERE = 6.0
"""The same in another client's log, whose times may be whole seconds, and which may not tell of tools."""
TIMES, OF = 3, 5
STEPS = {
    "created": (
        "the service had not begun the answer (response.created)",
        "Check silence_duration_ms and, if the answer waits for the transcript, take a faster transcription model.",
    ),
    "made": (
        "the model had not made its first words",
        "Use a faster model, less reasoning effort, shorter instructions, fewer tools.",
    ),
    "heard": (
        "the first words were there and the sound was not",
        'Look at the line (numbers: rtt, loss, buffer) and at the loudspeaker\'s buffering: latency = "low".',
    ),
}


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    newest = model.newest
    if newest is None or _first(model, newest) is None or not _is_news(newest, record):
        return
    took = _wait(model, newest)
    if took is None or took < SLOW:
        return
    recent = [one for one in list(model.answers.values())[-OF:] if not one.is_aside]
    waits = [(one, wait) for one in recent if (wait := _wait(model, one)) is not None]
    slow = [one for one, wait in waits if wait >= SLOW]
    alone = VERY_SLOW if model.witness.is_ours else ELSEWHERE
    if took < alone and len(slow) < TIMES:
        return
    step, cure = STEPS[_longest(model, newest)]
    yield found(
        CODE,
        "warning",
        f"The first sound came {took:.1f} s after your last word; most of the time {step}.",
        cause=f"Of the last {len(waits)} answers {len(slow)} took longer than {SLOW:.0f} s.",
        cure=cure,
        evidence=(_since(model, newest), newest.created, newest.first_output, _first(model, newest)),
        rests_on="a second is felt as an answer at once, two as a pause",
        confidence=0.9,
    )


def _is_news(answer: Answer, record: Record) -> bool:
    mark = answer.first_sound if record.type == "assistant.audible" else answer.done
    return mark is not None and mark.seq == record.seq


def _first(model: SessionModel, answer: Answer) -> Evidence | None:
    """The first sound; where nobody hears the loudspeaker, the first words."""
    return answer.first_sound if model.playback.is_told_locally else answer.first_output


def _since(model: SessionModel, answer: Answer) -> Evidence | None:
    segment = next((one for one in model.segments.values() if one.answer is answer), None)
    return segment.stopped or segment.committed if segment is not None else answer.asked


def _wait(model: SessionModel, answer: Answer) -> float | None:
    return None if answer.is_queued else elapsed(_since(model, answer), _first(model, answer))


def _longest(model: SessionModel, answer: Answer) -> str:
    steps = {
        "created": elapsed(_since(model, answer), answer.created),
        "made": elapsed(answer.created, answer.first_output),
        "heard": elapsed(answer.first_output, answer.first_sound),
    }
    return max(steps, key=lambda name: steps[name] or 0.0)
