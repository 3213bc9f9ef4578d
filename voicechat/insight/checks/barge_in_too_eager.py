"""Are answers cut by noise?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.checks.self_echo import repeats_the_answer
from voicechat.insight.facts import Answer, Segment
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import LOG_ENDED, Record, text
from voicechat.insight.session_model import SessionModel

CODE = "barge-in-too-eager"
ON = ("notice", "conversation.item.input_audio_transcription.completed", LOG_ENDED)
SHORT = 0.7
"""Seconds of speech, the server's padding included: no word is that short."""
SHORT_TIMES = 3
CLICK = 0.35
"""Seconds: shorter than the padding that the server adds in front (prefix_padding_ms, 300), so once is enough."""
CURE = (
    "Set session.audio.input.turn_detection.interrupt_response to false and let voice of 250 ms after 1.2 s of answer "
    "cut in; or raise threshold (0.6 to 0.8), or use semantic_vad."
)
RESTS_ON = "nobody interrupts a first syllable, a cough is not an interruption"
TIMES = 2
"""A single false alarm happens to everybody."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "notice":
        if text(record.event, "code") == "false_alarm":
            marks = (*model.false_alarms, model.last["barge_in.happened"])
            if len(model.false_alarms) >= TIMES:
                yield _finding(
                    marks,
                    "Keep barge-in off in loud rooms, wear a headset, or lower the microphone's gain.",
                    "a grant with no transcript and no further voice was noise",
                )
        return
    if record.type == LOG_ENDED:
        short = [one for one in model.segments.values() if _is_short(one) and not one.transcript]
        clicks = [one for one in short if one.length is not None and one.length <= CLICK]
        if len(short) >= SHORT_TIMES or clicks:
            yield _finding(_ends(short), CURE, RESTS_ON)
        elif dropped := _mostly_cut(model):
            yield _finding(tuple(one.done for one in dropped), CURE, RESTS_ON)
        return
    cut = [one for one in model.segments.values() if _cut_for_nothing(one)]
    if len(cut) >= TIMES and text(record.event, "item_id") == cut[-1].item:
        yield _finding((*_ends(cut), cut[-1].transcribed), CURE, RESTS_ON)


def _mostly_cut(model: SessionModel) -> list[Answer]:
    """The server cut most answers, and no words of the user are there to say that they meant it."""
    ended = [one for one in model.answers.values() if one.done is not None and not one.is_aside]
    cut = [one for one in ended if one.status == "cancelled" and one.reason == "turn_detected"]
    has_words = any(one.transcript and not one.is_empty for one in model.segments.values())
    is_pattern = len(cut) >= SHORT_TIMES and 2 * len(cut) >= len(ended)
    return cut if is_pattern and not has_words and not model.witness.is_ours else []


def _ends(cut: list[Segment]) -> tuple[Evidence | None, ...]:
    return tuple(mark for one in cut for mark in (one.started, one.over_answer.done if one.over_answer else None))


def _is_short(segment: Segment) -> bool:
    """Too short for a word, and it ended an answer."""
    length = segment.length
    return _did_cut(segment) and length is not None and 0 < length <= SHORT


def _cut_for_nothing(segment: Segment) -> bool:
    """It ended an answer as `cancelled`, and held no word."""
    return _did_cut(segment) and segment.is_empty and not repeats_the_answer(segment)


def _did_cut(segment: Segment) -> bool:
    """It is what an answer was cancelled for."""
    answer = segment.over_answer
    if answer is None or answer.status != "cancelled" or answer.speech is None:
        return False
    return segment.started is not None and answer.speech.seq == segment.started.seq


def _finding(marks: tuple[Evidence | None, ...], cure: str, rests_on: str) -> Finding:
    return found(
        CODE,
        "warning",
        "Answers are cut again and again by sounds in which nobody said a word.",
        cause="Noise, a cough or what is left of the loudspeaker's echo counts as an interruption.",
        cure=cure,
        evidence=marks,
        rests_on=rests_on,
        confidence=0.85,
    )
