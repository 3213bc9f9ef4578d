"""Does the assistant's own voice set off the speech detection?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.insight.facts import Segment
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, number, text
from voicechat.insight.session_model import SessionModel

CODE = "self-echo"
ON = ("echo.self_heard", "echo.changed", "conversation.item.input_audio_transcription.completed")
CURE = (
    "Wear headphones, or keep echo cancellation on and lower the loudspeaker; without either, close the mic (or send "
    "silence) while the assistant is audible."
)
FEWEST_WORDS = 3
SHARE = 0.6
"""Of the words in the transcript that the answer had just said."""
_WORD = re.compile(r"[^\W_]+")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "echo.changed":
        yield Ended(CODE, record.mark())
    elif record.type == "echo.self_heard":
        cancelled = number(record.event, "cancelled_db")
        taken = f" (only {cancelled:.0f} dB of it is taken out)" if cancelled is not None else ""
        yield _finding(
            f"The loudspeaker, not you, sets off the voice detection{taken}.",
            0.9,
            record.mark(text(record.event, "mode")),
        )
    else:
        segment = model.segments.get(text(record.event, "item_id"))
        if segment is not None and repeats_the_answer(segment):
            answer = segment.over_answer or segment.after
            yield _finding(
                "What was taken for your speech repeats what the assistant was just saying.",
                0.9,
                answer.first_output if answer else None,
                segment.started,
                segment.transcribed,
            )


def _finding(title: str, confidence: float, *evidence: object) -> Finding:
    return found(
        CODE,
        "error",
        title,
        cause="The microphone hears the loudspeaker, and nothing takes the assistant's voice out again.",
        cure=CURE,
        ours='--headphones, echo_cancel = "on", or preset = "balanced" or "steady" with barge_in = false.',
        evidence=evidence,  # type: ignore[arg-type]  # every caller gives marks
        rests_on="what the assistant says must not reach the server as your speech",
        confidence=confidence,
    )


def repeats_the_answer(segment: Segment) -> bool:
    """It began while the answer was audible (or nobody says when), and most of its words are the answer's."""
    answer = segment.over_answer or segment.after
    if answer is None or not segment.transcript:
        return False
    heard = _WORD.findall(segment.transcript.lower())
    if len(set(heard)) < FEWEST_WORDS:
        return False
    spoken = set(_WORD.findall(answer.words.lower()))
    return sum(word in spoken for word in heard) >= SHARE * len(heard)
