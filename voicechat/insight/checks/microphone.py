"""The microphone and the loudspeaker: echo, barge-in, when the microphone is open and when it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from voicechat.insight.checks import check
from voicechat.insight.facts import WORD, Answer, Segment
from voicechat.insight.records import (
    LOG_ENDED,
    TIME_PASSED,
    Ended,
    Evidence,
    Finding,
    Record,
    elapsed,
    found,
    number,
    text,
)
from voicechat.insight.session_model import USER_ACTS, SessionModel

SELF_ECHO = "self-echo"
SELF_ECHO_CURE = (
    "Wear headphones, or keep echo cancellation on and lower the loudspeaker; without either, close the mic (or send "
    "silence) while the assistant is audible."
)
FEWEST_WORDS = 3
SHARE = 0.6
"""Of the words in the transcript that the answer had just said."""
LONG_RUN = 5
"""Words of the answer in its own order."""
NEARLY_ALL = 0.75
"""Of what was heard."""


@check(SELF_ECHO, "echo.self_heard", "echo.changed", "conversation.item.input_audio_transcription.completed", LOG_ENDED)
def self_echo(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the assistant's own voice set off the speech detection?"""
    if record.type == "echo.changed":
        yield Ended(SELF_ECHO, record.mark())
    elif record.type == LOG_ENDED:
        yield from _echoes(model, list(model.segments.values()))
        sorry, cut = model.sorry("itself") or model.sorry("echo"), _cut_by_server(model)
        if sorry is not None and cut:
            title = "Answers are cut by what the server takes for speech, and who saw it blames the loudspeaker."
            yield _self_echo_finding(title, 0.75, *(one.done for one in cut), sorry)
    elif record.type == "echo.self_heard":
        cancelled = number(record.event, "cancelled_db")
        taken = f" (only {cancelled:.0f} dB of it is taken out)" if cancelled is not None else ""
        yield _self_echo_finding(
            f"The loudspeaker, not you, sets off the voice detection{taken}.",
            0.9,
            record.mark(text(record.event, "mode")),
        )
    elif model.heard is not None:
        yield from _echoes(model, [model.heard])


def _echoes(model: SessionModel, segments: list[Segment]) -> Iterator[Finding]:
    """At the end of a log once more: some write the words of an answer behind those of its echo."""
    for segment in segments:
        if _is_echo(model, segment):
            answer = segment.over_answer or segment.after
            yield _self_echo_finding(
                "What was taken for your speech repeats what the assistant was just saying.",
                0.9,
                answer.first_output if answer else None,
                segment.started,
                segment.transcribed,
            )


def _self_echo_finding(title: str, confidence: float, *evidence: object) -> Finding:
    return found(
        SELF_ECHO,
        "error",
        title,
        cause="The microphone hears the loudspeaker, and nothing takes the assistant's voice out again.",
        cure=SELF_ECHO_CURE,
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
    heard = WORD.findall(segment.transcript.lower())
    if len(set(heard)) < FEWEST_WORDS:
        return False
    if not segment.transcript[-2:].isascii() and heard[-1].isalpha() and len(heard[-1]) == 1:
        runs = _runs(segment)  # letters of a script without spaces
        return max(runs) >= LONG_RUN and sum(run for run in runs if run >= FEWEST_WORDS) >= SHARE * len(heard)
    spoken = set(WORD.findall(answer.words.lower()))
    return sum(word in spoken for word in heard) >= SHARE * len(heard)


def _is_echo(model: SessionModel, segment: Segment) -> bool:
    """In a dialogue that is told without times people repeat some words too, but hardly all they were told in a row."""
    if not repeats_the_answer(segment):
        return False
    if segment.over_answer is not None or not model.witness.tells_turns:
        return True
    if _share(segment) >= NEARLY_ALL and max(_runs(segment)) >= LONG_RUN:
        return True
    others = [one for one in model.segments.values() if repeats_the_answer(one)]
    cut = [one for one in model.segments.values() if one.after is not None and one.after.status == "cancelled"]
    if segment in cut and sum(_is_wholly_repeated(one) for one in cut) >= TIMES:
        return True
    return sum(max(_runs(one)) >= LONG_RUN - 1 and _share(one) >= SHARE for one in others) >= TIMES


def _is_wholly_repeated(segment: Segment) -> bool:
    """All of it, two words at least, stands in a row in the answer."""
    heard = WORD.findall((segment.transcript or "").lower())
    return len(heard) > 1 and max(_runs(segment)) == len(heard)


def _share(segment: Segment) -> float:
    """Of the words that were heard, those that are the answer's in its order and at least three in a row."""
    heard = len(WORD.findall((segment.transcript or "").lower()))
    return sum(run for run in _runs(segment) if run >= FEWEST_WORDS) / heard if heard else 0.0


def _runs(segment: Segment) -> list[int]:
    """How many words in a row are the answer's, in its order; 0 ends the list."""
    answer = segment.over_answer or segment.after
    heard, spoken = (WORD.findall(one.lower()) for one in (segment.transcript or "", answer.words if answer else ""))
    return [one.size for one in SequenceMatcher(None, heard, spoken, autojunk=False).get_matching_blocks()]


BARGE_IN_TOO_EAGER = "barge-in-too-eager"
SHORT = 0.7
"""Seconds of speech, the server's padding included: no word is that short."""
SHORT_TIMES = 3
CLICK = 0.35
"""Seconds: shorter than the padding that the server adds in front (prefix_padding_ms, 300), so once is enough."""
BARGE_IN_TOO_EAGER_CURE = (
    "Set session.audio.input.turn_detection.interrupt_response to false and let voice of 250 ms after 1.2 s of answer "
    "cut in; or raise threshold (0.6 to 0.8), or use semantic_vad."
)
RESTS_ON = "nobody interrupts a first syllable, a cough is not an interruption"
HUM = re.compile(r"^\W*(?:h+m+|m+h+m*|mm+|mm-?hmm+|uh-?huh|u+h+|u+m+|ah+|aha|äh+m?|嗯+|うん|ええ)\W*$", re.I)
"""What listeners say while they listen."""
AT_ONCE = 2.0
"""Seconds of an answer: nobody cuts in so soon three times, where a log may leave out what they say."""
TIMES = 2
"""A single false alarm happens to everybody."""


@check(BARGE_IN_TOO_EAGER, "notice", "conversation.item.input_audio_transcription.completed", LOG_ENDED)
def barge_in_too_eager(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Are answers cut by noise?"""
    if record.type == "notice":
        if text(record.event, "code") == "false_alarm":
            marks = (*model.false_alarms, model.last["barge_in.happened"])
            if len(model.false_alarms) >= TIMES:
                yield _barge_in_too_eager_finding(
                    marks,
                    "Keep barge-in off in loud rooms, wear a headset, or lower the microphone's gain.",
                    "a grant with no transcript and no further voice was noise",
                )
        return
    if record.type == LOG_ENDED:
        short = [one for one in model.segments.values() if _is_short(one) and not one.transcript]
        clicks = [one for one in short if one.length is not None and one.length <= CLICK]
        if len(short) >= SHORT_TIMES or clicks:
            yield _barge_in_too_eager_finding(_ends(short), BARGE_IN_TOO_EAGER_CURE, RESTS_ON)
        elif dropped := _mostly_cut(model):
            marks = (*(one.done for one in dropped), *model.skipped)
            confidence = 0.85 if all(one.status == "cancelled" for one in dropped) else 0.6
            yield _barge_in_too_eager_finding(marks, BARGE_IN_TOO_EAGER_CURE, RESTS_ON, confidence)
        return
    cut = [one for one in model.segments.values() if _cut_for_nothing(one)]
    if len(cut) >= TIMES and cut[-1] is model.heard:
        yield _barge_in_too_eager_finding((*_ends(cut), cut[-1].transcribed), BARGE_IN_TOO_EAGER_CURE, RESTS_ON)


def _cut_by_server(model: SessionModel) -> list[Answer]:
    return [one for one in model.answers.values() if one.status == "cancelled" and one.reason == "turn_detected"]


def _mostly_cut(model: SessionModel) -> list[Answer]:
    """The server cut most answers, and no words of the user are there to say that they meant it.

    In a dialogue that is told in words: most end in the middle of a sentence, of a writer who sets commas.
    """
    ended = [one for one in model.answers.values() if one.done is not None and not one.is_aside]
    cut = [one for one in _cut_by_server(model) if one in ended]
    if len(cut) >= TIMES <= len(model.skipped):
        return cut  # the client dropped what was heard as no words
    spoken = [one for one in model.segments.values() if one.transcript]
    if cut and not spoken and model.sorry("stops"):
        return cut
    hummed = [one for one in cut if (next_ := segment_after(one, spoken)) and HUM.search(next_.transcript or "")]
    if len(hummed) >= TIMES:
        return hummed
    if model.witness.tells_turns:
        cut = [one for one in cut if (elapsed(one.first_output, one.done) or AT_ONCE) < AT_ONCE]
        whole = [one for one in ended if one.status == "completed" and one.words]
        broken = [one for one in whole if one.words[-1].isalnum() or one.words[-1] in ",-"]
        if len(broken) >= SHORT_TIMES and 3 * len(broken) >= 2 * len(whole) and any(", " in one.words for one in ended):
            return broken
    has_words = any(one.transcript and not one.is_empty for one in model.segments.values())
    if "response.output_audio_transcript.delta" in model.witness.seen:
        cut = [one for one in cut if one.first_output is not None]  # what was not heard was not cut
    is_pattern = len(cut) >= SHORT_TIMES and 2 * len(cut) >= len(ended)
    lives = [elapsed(one.created, one.done) for one in cut]
    is_pattern |= len(cut) == len(ended) >= TIMES and all(one is not None and one < AT_ONCE for one in lives)
    return cut if is_pattern and not has_words and not model.witness.is_ours else []


def segment_after(answer: Answer, segments: list[Segment]) -> Segment | None:
    """The first words of the user since an answer began."""
    return next((one for one in segments if one.transcribed and one.transcribed.seq > answer.created.seq), None)


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


def _barge_in_too_eager_finding(
    marks: tuple[Evidence | None, ...], cure: str, rests_on: str, confidence: float = 0.85
) -> Finding:
    return found(
        BARGE_IN_TOO_EAGER,
        "warning",
        "Answers are cut again and again by sounds in which nobody said a word.",
        cause="Noise, a cough or what is left of the loudspeaker's echo counts as an interruption.",
        cure=cure,
        evidence=marks,
        rests_on=rests_on,
        confidence=confidence,
    )


MIC_NEVER_REOPENED = "mic-never-reopened"
LIMIT = 3.5
"""Seconds after the end of the sound: R4's 2 s, the reopening delay, and a second for a busy machine."""
SOUND_AFTER_DONE = 20.0
"""Seconds the sound may go on after response.done, where nobody tells of its end."""
EVENTS = 8
"""Without times: so many events after the end of the sound, and still closed."""


@check(MIC_NEVER_REOPENED, TIME_PASSED, LOG_ENDED, "mic.opened")
def mic_never_reopened(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was the mic closed for an answer and never opened again?"""
    if record.type == "mic.opened":
        yield Ended(MIC_NEVER_REOPENED, record.mark())
        return
    closed = model.mic.closed_for_answer
    if closed is None:
        return
    if model.configured.turn_detection is None and not model.witness.is_ours:
        return  # push-to-talk: the user opens it
    committed = model.last["input_audio_buffer.commit"]
    if committed is not None and 0 < committed.seq - closed.seq <= 3:
        return  # so it was the end of a turn of the client's
    done = model.newest.done if model.newest is not None else None
    ended, heard = _later(model.playback.ended, closed), model.sounding
    if model.is_ended or (heard is not None and (ended is None or ended.seq < heard.seq)):
        return
    over = ended or _later(done, closed)
    if over is None or not _is_overdue(model, over, LIMIT if ended else SOUND_AFTER_DONE, record):
        return
    yield found(
        MIC_NEVER_REOPENED,
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


def _is_overdue(model: SessionModel, over: Evidence, limit: float, record: Record) -> bool:
    waited = elapsed(over, record.mark())
    if waited is not None:
        return waited > limit
    idle = model.last["client.idle"]
    is_idle = "deaf" in model.complaints or (idle is not None and idle.seq > over.seq)
    return record.type == LOG_ENDED and (is_idle or record.seq - over.seq >= EVENTS)


MIC_OPEN_DURING_PLAYBACK = "mic-open-during-playback"
UNDER_WAY = 0.6
"""Seconds: speech that began before the answer is reported so late."""


@check(MIC_OPEN_DURING_PLAYBACK, "input_audio_buffer.speech_started")
def mic_open_during_playback(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the open mic hear the answer, and the server take it for you?"""
    heard = model.sounding
    if heard is None or model.mic.is_open is not True or model.mic.changed is None:
        return
    if model.mic.changed.seq > heard.seq or model.configured.vad("interrupt_response") is not False:
        return  # opened since by whatever cut in, or meant to stay open: the server interrupts
    after = elapsed(heard, record.mark())
    act = model.last.newest(*USER_ACTS)
    if (after is not None and after < UNDER_WAY) or (act is not None and act.seq > heard.seq):
        return
    yield found(
        MIC_OPEN_DURING_PLAYBACK,
        "warning",
        "The mic stayed open while the assistant spoke, and the server heard speech in it.",
        cause="Nothing closes the mic during an answer, and the server must not interrupt either, so what the mic "
        "hears of the answer becomes a turn of yours.",
        cure="Close the mic when the assistant becomes audible, or let the server interrupt: "
        "turn_detection.interrupt_response true, with echo cancellation on.",
        ours="The presets balanced and steady close it.",
        evidence=(model.mic.changed, heard, record.mark()),
        rests_on="the gate closes when the assistant becomes audible",
        confidence=0.8,
    )


MIC_REOPENED_TOO_EARLY = "mic-reopened-too-early"
CLOSE_BY = 0.5
"""Seconds: a mic that opens so shortly before the last sound took the end of the sound for its own."""
AHEAD = 1.5
"""Seconds before its first sound in which a client closes the mic for an answer."""


@check(
    MIC_REOPENED_TOO_EARLY,
    "mic.opened",
    "playback.ended",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "response.done",
)
def mic_reopened_too_early(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was the mic opened while the answer was still audible?"""
    opened, closed = model.mic.changed, model.mic.reopened_after
    if (
        opened is None
        or closed is None
        or not model.mic.is_open
        or model.witness.is_ours != (record.type == "mic.opened")
    ):
        return  # our own ears tell whether the loudspeaker is heard at this moment, other logs where its sound ends
    heard = model.sounding if model.witness.is_ours else _began(model, record, closed)
    if heard is None or not (model.witness.is_ours or heard.seq < opened.seq < record.seq):
        return
    act, spoke = model.last.newest(*USER_ACTS, "answer.interrupted"), model.last["input_audio_buffer.speech_started"]
    if act is not None and act.seq > min(closed.seq, heard.seq):
        return
    ended, apart = model.playback.ended, elapsed(opened, record.mark())
    is_over = ended is not None and heard.seq < ended.seq < opened.seq
    cut_in = spoke is not None and closed.seq < spoke.seq < opened.seq
    is_near = apart < CLOSE_BY if apart is not None else record.type == "playback.ended"
    if model.witness.is_ours or not (is_over or cut_in or is_near):
        yield _mic_reopened_too_early_finding(model, closed, heard, opened)


def _began(model: SessionModel, record: Record, closed: Evidence) -> Evidence | None:
    """The first sound of the answer whose end this record tells, as far as the mic was closed for it."""
    said = model.newest.first_output if model.newest is not None else None
    if record.type == "response.done":
        return said or model.playback.began
    if record.type != "playback.ended":
        return model.playback.began or closed
    heard = said or model.last["playback.began"]
    ahead = elapsed(closed, heard)
    is_for_it = heard is not None and (closed.seq >= heard.seq or (ahead is not None and ahead <= AHEAD))
    return heard if is_for_it else None


def _mic_reopened_too_early_finding(
    model: SessionModel, closed: Evidence, heard: Evidence, opened: Evidence
) -> Finding:
    done = model.newest.done if model.newest is not None else None
    is_by_done = done is not None and closed.seq < done.seq
    return found(
        MIC_REOPENED_TOO_EARLY,
        "warning",
        "The mic was opened while the assistant was still audible.",
        cause="response.done was taken for the end of the sound; over WebRTC it comes seconds before it."
        if is_by_done
        else "A timer opened it, or a pause inside the answer was taken for its end.",
        cure="Open it at output_audio_buffer.stopped (or cleared), or after 600 ms without an audible sample, and then "
        "300 ms later; never at response.done alone.",
        evidence=(closed, heard, done if is_by_done else None, opened),
        rests_on="response.done alone never reopens the mic",
        confidence=0.88,
    )


MIC_SILENT = "mic-silent"
LEVELS = 3
"""Readings of a meter that are no moment of silence."""


@check(MIC_SILENT, "mic.flat", "notice", "mic.live", "device.opened", "voice.began")
def mic_silent(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the open microphone give nothing but zeros?"""
    if record.type not in ("mic.flat", "notice"):
        yield Ended(MIC_SILENT, record.mark())
        return
    if record.type == "notice" and text(record.event, "code") != "mic_flat":
        return
    if model.mic.is_open is False and not model.witness.is_ours:
        return  # the client closed it itself
    if record.event.get("is_level") and model.flat < LEVELS:
        return
    seconds = number(record.event, "seconds")
    is_refused = record.event.get("is_refused") is True
    yield found(
        MIC_SILENT,
        "error",
        "The client was given no microphone: the browser or the system refused it."
        if is_refused
        else f"The microphone is open and gives only zeros{f' for {seconds:.0f} s' if seconds else ''}.",
        cause="It is switched off or muted in hardware, the wrong device is in use, or the system keeps this terminal "
        "from hearing it.",
        cure="Choose another device, allow the microphone for this program in the system's privacy settings, and look "
        "for a mute switch.",
        ours='d shows the devices (or mic = "NAME"; `voicechat devices` lists them).',
        evidence=(record.mark(), model.mic.changed),
        rests_on="five seconds of bit-exact zeros are no quiet room",
        confidence=0.97,
    )
