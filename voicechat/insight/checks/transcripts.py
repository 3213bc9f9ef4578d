"""What the user said, and what became of it: segments, transcripts, transcription."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import islice, pairwise

from voicechat.insight.checks import check
from voicechat.insight.checks.microphone import HUM, repeats_the_answer, segment_after
from voicechat.insight.facts import UNKNOWN, WORD, Configured, Segment, value_at
from voicechat.insight.readers.talk import CREDITS
from voicechat.insight.records import (
    LOG_ENDED,
    TIME_PASSED,
    Ended,
    Evidence,
    Finding,
    Record,
    elapsed,
    found,
    part,
    text,
)
from voicechat.insight.session_model import SessionModel

SEGMENTS_TOO_SHORT = "segments-too-short"
PIECES = 3
LONGEST_PIECE = 1.2
"""Seconds, the server's padding included; what is longer holds a whole thought."""
FIRST_WORDS = 5
"""Of an answer, about a second and a half."""
SHARE = 0.25
"""Of all turns: anybody breaks off now and then."""
UNFINISHED = re.compile(
    r"(?:,|\w-|\s[-–—]|\b(?:and|or|but|because|the|a|an|my|your|of|und|oder|weil|der|ein|eine|mein|et|ou|les|une|mon|del|mi|"
    r"to|at|for|with|from|I|zum|mit|für|pour|avec|para|con|que|pero|porque|y|la|los|las|\w+ si|mais|com|uma?|met))$",
    re.I,
)
"""How a transcript ends that a turn detection has cut; recognizers that know the end put a stop there."""
MEANT = re.compile(r"\b(?:stop|wait|no|cancel|enough|quiet|hold on|halt|warte|nein|attends?|non|espera)\b", re.I)
LET_ME_FINISH = re.compile(
    r"\blet me (?:finish|talk|speak)\b|\b(?:interrupt|cut)\w{0,4} me\b|"
    r"\bI(?: am|['’]m| was|['’]ve)?(?:n['’]t| not) (?:done|finished)\b|\bI (?:am|was) still (?:talking|speaking)\b|"
    r"ausreden|unterbrich\w{0,3} mich|laiss\w{1,3}[- ]moi (?:finir|parler)|me coup\w{1,3} la parole|"
    r"d[ée]ja\w{0,3}me (?:terminar|acabar|hablar)|me interrump|"
    r"[没沒]有?[说說讲講]完|打断我|打斷我|まだ(?:話|喋)|最後まで(?:聞|話)",
    re.I,
)
"""What users say to an assistant that answers into their pauses."""
LONGEST_GAP = 1.2
"""Seconds between the pieces of one sentence (R17 joins up to this)."""


@check(SEGMENTS_TOO_SHORT, "input_audio_buffer.committed", LOG_ENDED)
def segments_too_short(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Is one sentence cut into pieces, because pauses inside it end the turn?"""
    if record.type == LOG_ENDED:
        yield from _answered_too_soon(model)
        if "input_audio_buffer.committed" in model.witness.seen:
            return  # so it was judged at each
    recent = [*islice(reversed(model.segments.values()), PIECES)][::-1]
    if len(recent) < PIECES or not all(_is_short(one) for one in recent):
        return
    if not all(_follows(before, after) for before, after in pairwise(recent)):
        return
    lengths = ", ".join(f"{one.length:.1f} s" for one in recent if one.length is not None)
    yield _segments_too_short_finding(
        model,
        f"One sentence became {PIECES} turns: pieces of {lengths} with short pauses between them.",
        [mark for one in recent for mark in (one.started, one.committed or one.stopped)],
        0.85,
    )


def _answered_too_soon(model: SessionModel) -> Iterator[Finding]:
    """Twice running the user talked on in the first words of an answer, with words of their own."""
    answers = [one for one in model.answers.values() if not one.is_aside]
    segments = [one for one in model.segments.values() if one.transcript and not one.is_empty]
    if any(repeats_the_answer(one) or HUM.search(one.transcript or "") for one in segments):
        return  # an echo, or hums that cut
    sorry, cut = model.sorry("cut"), [one for one in answers if one.reason == "turn_detected"]
    broken = [one for one in model.segments.values() if _is_short(one) or (one.transcript or "")[-1:].isalnum()]
    if sorry is not None and (cut or len(broken) >= TIMES):
        title = "Answers begin before the user has finished."
        yield _segments_too_short_finding(model, title, [*(one.done for one in cut), sorry], 0.7)
        return
    if asks := [one.transcribed for one in segments if LET_ME_FINISH.search(one.transcript or "")]:
        title = "The user asks to be let finish: answers begin in the pauses of a sentence."
        yield _segments_too_short_finding(model, title, asks, 0.7)
        return
    pieces = [one for one in segments if UNFINISHED.search(one.transcript or "")]
    is_running = any(before in pieces and after in pieces for before, after in pairwise(segments))
    said = [one.transcript or "" for one in segments]
    open_ = [one for one, words in zip(segments, said, strict=True) if words[-1].isalnum() and words.count(" ") > 1]
    goes_on = [
        segments[at] for at, (words, more) in enumerate(pairwise(said), 1) if more[0].islower() and words[-1].isalnum()
    ]
    is_cut = (goes_on or pieces) and min(len(open_), len(answers)) >= TIMES and any(one[-1] in ".?!" for one in said)
    if is_cut or (len(goes_on) >= TIMES and any(one[0].isupper() for one in said)):
        pieces, is_running = goes_on or open_, True  # of a writer who sets capitals, or stops
    if is_running or len(pieces) >= max(TIMES, SHARE * len(segments)):
        title = "Turns of the user end in the middle of a sentence, again and again."
        yield _segments_too_short_finding(model, title, [one.transcribed for one in pieces], 0.75)
        return
    for pair in pairwise(answers):
        cut = [one for one in pair if one.reason == "turn_detected" and 0 < len(one.words.split()) <= FIRST_WORDS]
        after = [segment_after(one, segments) for one in cut]
        is_whole = all(one.words[-1] in ".?!" for one in cut)
        if (
            len(cut) == len(pair)
            and not is_whole
            and all(one is not None and not MEANT.search(one.transcript or "") for one in after)
        ):
            title = "Answers were cut in their first words, twice running: they came before the user had finished."
            marks = [*(one.done for one in cut), *(one.transcribed for one in after if one is not None)]
            yield _segments_too_short_finding(model, title, marks, 0.75)
            return


def _segments_too_short_finding(
    model: SessionModel, title: str, marks: list[Evidence | None], confidence: float
) -> Finding:
    silence = model.configured.vad("silence_duration_ms")
    now = "" if silence is UNKNOWN else f" (it is {silence} now)"
    return found(
        SEGMENTS_TOO_SHORT,
        "warning",
        title,
        cause="A short pause inside the sentence counts as its end, so the server commits fragments; they are hard to "
        "understand and are answered too early.",
        cure=f"Set session.audio.input.turn_detection.silence_duration_ms to 700 or more{now}, or use semantic_vad; "
        "with your own detection commit only after 500 ms of silence and join pieces under 900 ms.",
        evidence=tuple(marks),
        rests_on="a piece under 900 ms is joined to what follows",
        confidence=confidence,
    )


def _is_short(segment: Segment) -> bool:
    length = segment.length
    ended = segment.committed or segment.stopped
    return length is not None and 0 < length <= LONGEST_PIECE and ended is not None


def _follows(before: Segment, after: Segment) -> bool:
    if before.end_ms is not None and after.start_ms is not None:
        return after.start_ms - before.end_ms <= LONGEST_GAP * 1000
    gap = elapsed(before.stopped, after.started)
    return gap is not None and gap <= LONGEST_GAP


EMPTY_TRANSCRIPT = "empty-transcript"
TIMES = 2
"""Unanswered ones that make a finding; an answered one is a finding by itself."""


@check(EMPTY_TRANSCRIPT, "conversation.item.input_audio_transcription.completed", "response.created", "client.skipped")
def empty_transcript(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the server take sounds without words for turns?"""
    if record.type == "client.skipped":
        # The client says itself that there was nothing to answer; the events beside it may not be in the log.
        if len(model.skipped) >= TIMES and not any(one.is_empty for one in model.segments.values()):
            yield _empty_transcript_finding(*model.skipped)
        return
    newest = next(reversed(model.segments.values()), None)
    if newest is None or not newest.is_empty or newest.over_answer is not None:
        return
    empty = [one for one in model.segments.values() if one.is_empty and one.over_answer is None]
    answered = [one for one in empty if one.answer is not None and one.answer.asked is None]
    if newest in answered or (len(empty) >= TIMES and record.type != "response.created"):
        marks = [
            mark
            for one in ([newest] if newest in answered else empty)
            for mark in (one.committed, one.transcribed, one.answer.created if one.answer else None)
        ]
        yield _empty_transcript_finding(*marks, is_answered=newest in answered)


def _empty_transcript_finding(*marks: Evidence | None, is_answered: bool = False) -> Finding:
    return found(
        EMPTY_TRANSCRIPT,
        "warning" if is_answered else "info",
        "The server answered a sound in which nobody had said a word."
        if is_answered
        else "Sounds without a word were taken for turns.",
        cause="Noise passes the threshold of the turn detection; its transcript holds neither letter nor digit.",
        cure="Answer only to transcripts with words (create_response false, and response.create after a transcript "
        "with a letter or digit in it), or raise turn_detection.threshold.",
        ours='The setting "answers: turns with words" does it, and so does preset = "steady".',
        evidence=marks,
        rests_on="an answer only for an item whose transcript holds at least one letter or digit",
        confidence=0.88,
    )


TRANSCRIPT_HALLUCINATED = "transcript-hallucinated"
FEWEST_WORDS = 3
ALIKE = 0.9
"""Share of a transcript that is word for word in the prompt."""
SCRIPTS = {
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff]"),
    "han": re.compile(r"[\u4e00-\u9fff]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "hangul": re.compile(r"[\uac00-\ud7af]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
}
LEAST_TALK = 60
"""Characters of the other turns that show which language is spoken."""
OF_LANGUAGE = {"ru": "cyrillic", "uk": "cyrillic", "ar": "arabic", "zh": "han", "ja": "kana", "ko": "hangul"}
OF_LATIN = {"en", "de", "fr", "es", "it", "pt", "nl", "sv", "no", "da", "pl", "cs", "tr", "fi", "ro", "hu", "id", "vi"}


@check(
    TRANSCRIPT_HALLUCINATED,
    "conversation.item.input_audio_transcription.completed",
    "session.update",
    "session.updated",
    LOG_ENDED,
)
def transcript_hallucinated(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """The prompt may stand behind the transcript in a log, so both are waited for."""
    sorry = model.sorry("invented") if record.type == LOG_ENDED else None
    if (
        sorry is not None
        and not any(repeats_the_answer(one) for one in model.segments.values())
        and (written := [one for one in model.segments.values() if one.transcript])
    ):
        why = "Who saw it says that nobody spoke"
        yield _transcript_hallucinated_finding(written[0], why, "credits", 0.75)
    if record.type == LOG_ENDED and (foreign := _in_a_script_of_its_own(model)) is not None:
        yield _transcript_hallucinated_finding(foreign, "Nothing else in this talk is in that script", "script", 0.75)
    wish = _transcription(model)
    prompt = text(wish, "prompt", 4_000)
    newest = model.segments.get(text(record.event, "item_id")) if record.type.endswith("completed") else None
    for segment in [newest] if newest is not None else model.segments.values():
        said = segment.transcript or ""
        if not said or segment.transcribed is None:
            continue
        if prompt and repeats(said, prompt):
            yield _transcript_hallucinated_finding(segment, "It repeats the prompt of the transcription", "prompt", 0.9)
        elif re.search(CREDITS, said, re.I) and len(said) < 120:
            yield _transcript_hallucinated_finding(
                segment, "It is a phrase out of films and their subtitles", "credits", 0.8
            )
        elif (language := text(wish, "language")) and _is_of_another_script(said, language):
            yield _transcript_hallucinated_finding(
                segment, f"It is not in the language that was set ({language})", "language", 0.8
            )


def _in_a_script_of_its_own(model: SessionModel) -> Segment | None:
    """The one transcript in a script that neither the other turns nor any answer use."""
    segments = [one for one in model.segments.values() if one.transcript and not one.is_empty]
    others = " ".join(one.words for one in model.answers.values())
    for segment in segments:
        said = segment.transcript or ""
        if said.isascii():
            continue
        rest = others + " ".join(one.transcript or "" for one in segments if one is not segment)
        for name, letters in SCRIPTS.items():
            is_its_own = len(letters.findall(said)) >= FEWEST_WORDS and letters.search(rest) is None
            if name != "latin" and is_its_own and len(segments) > TIMES and len(rest) > LEAST_TALK:
                return segment
    return None


def _transcription(model: SessionModel) -> Mapping[str, object]:
    """What is in force, and what was asked for."""
    config = model.configured
    asked = config.last_sent.event.get("session") if config.last_sent is not None else None
    for session in (asked, config.in_force):
        wish = value_at(session, "audio", "input", "transcription") if isinstance(session, Mapping) else None
        if isinstance(wish, Mapping):
            return wish
    return {}


def repeats(said: str, prompt: str) -> bool:
    """Nearly all of the transcript stands in the prompt, word for word and in this order."""
    words, asked = WORD.findall(said.lower())[:200], WORD.findall(prompt.lower())[:600]
    if len(words) < FEWEST_WORDS:
        return False
    same = SequenceMatcher(None, words, asked, autojunk=False).find_longest_match()
    return same.size >= ALIKE * len(words)


def _is_of_another_script(said: str, language: str) -> bool:
    counts = {name: len(letters.findall(said)) for name, letters in SCRIPTS.items()}
    most = max(counts, key=lambda name: counts[name])
    if counts[most] < FEWEST_WORDS:
        return False
    short = language.lower()[:2]
    if short in OF_LATIN:
        return most != "latin"
    wanted = OF_LANGUAGE.get(short)
    return wanted is not None and most not in (wanted, "latin") and not ({most, wanted} <= {"han", "kana"})


def _transcript_hallucinated_finding(segment: Segment, why: str, key: str, confidence: float) -> Finding:
    return found(
        TRANSCRIPT_HALLUCINATED,
        "warning",
        f"A transcript was written of words that nobody said: \u201c{(segment.transcript or '')[:80]}\u201d",
        cause=f"{why}: speech recognition writes such words where it hears silence, noise or too little speech.",
        cure="Drop transcripts that repeat the prompt or are such phrases; keep the prompt to a few names and terms, "
        "set language, raise turn_detection.threshold, and send no sound while nobody speaks.",
        evidence=(segment.started, segment.committed, segment.transcribed),
        rests_on="a transcription model completes what it is given; on silence it repeats its prompt",
        confidence=confidence,
        key=key,
    )


TRANSCRIPTION_FAILED = "transcription-failed"


@check(
    TRANSCRIPTION_FAILED,
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.completed",
)
def transcription_failed(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Could the service not write down what you said?"""
    if record.type.endswith("completed"):
        yield Ended(TRANSCRIPTION_FAILED, record.mark())
        return
    error = part(record.event, "error")
    code = text(error, "code") or text(error, "type")
    segment = model.heard
    is_unclear = code == "audio_unintelligible"
    yield found(
        TRANSCRIPTION_FAILED,
        "warning",
        f"What you said could not be written down{f' ({code})' if code else ''}.",
        cause=text(error, "message", 300) or "The service gave no reason.",
        cure="Speak closer to the microphone, and look at its level."
        if is_unclear
        else "Check session.audio.input.transcription.model: does this service have it (at Azure: is it the name of a "
        "deployment)? Leave language out if it is not an ISO 639-1 code.",
        evidence=(segment.committed if segment else None, record.mark(text(record.event, "item_id"))),
        rests_on="a failed transcription shows in place; it is never repeated as an error event",
        confidence=0.97,
    )


TRANSCRIPTION_LATE = "transcription-late"
DONE = "conversation.item.input_audio_transcription.completed"
LATE = 5.0
"""Seconds after the commit (R13)."""


@check(TRANSCRIPTION_LATE, DONE, TIME_PASSED, LOG_ENDED)
def transcription_late(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Do transcripts come too late to be waited for?"""
    if record.type in (TIME_PASSED, LOG_ENDED):
        segment = next(reversed(model.segments.values()), None)
        if segment is not None and _is_missing(model, segment, record.mark()):
            yield _transcription_late_finding(model, segment, f"No transcript came within {LATE:.0f} s.")
        return
    segment = model.heard
    took = elapsed(segment.committed, segment.transcribed) if segment is not None else None
    if segment is None or took is None:
        return
    if took > LATE:
        yield _transcription_late_finding(model, segment, f"A transcript came {took:.1f} s after the turn.")
    else:
        yield Ended(TRANSCRIPTION_LATE, record.mark())


def _is_missing(model: SessionModel, segment: Segment, now: Evidence) -> bool:
    waited = elapsed(segment.committed, now)
    if waited is None or waited <= LATE or segment.transcribed or segment.failed or model.is_ended:
        return False
    is_wanted = model.configured.transcription not in (None, UNKNOWN)
    return is_wanted and model.witness.prints(DONE, DONE.replace("completed", "failed"))


def _transcription_late_finding(model: SessionModel, segment: Segment, title: str) -> Finding:
    waits = model.configured.vad("create_response") is False
    return found(
        TRANSCRIPTION_LATE,
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


TRANSCRIPTION_OFF = "transcription-off"
TURNS = 2
ITEMS = {"conversation.item.created", "conversation.item.added", "conversation.item.done"}


@check(
    TRANSCRIPTION_OFF,
    "input_audio_buffer.committed",
    "session.updated",
    "conversation.item.input_audio_transcription.completed",
    LOG_ENDED,
)
def transcription_off(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Are there no words of yours because nobody writes them down?"""
    config = model.configured
    waits = model.last["client.waits"]
    sorry = model.sorry("no-transcript") or (waits if waits is not None and "transcript" in waits.ref else None)
    sorry = sorry if record.type == LOG_ENDED else None
    if record.type != "input_audio_buffer.committed" and sorry is None:
        if config.transcription not in (None, UNKNOWN):
            yield Ended(TRANSCRIPTION_OFF, record.mark())
        return
    is_unknown = config.transcription is UNKNOWN and sorry is not None
    if config.pending is not None or not (config.transcription is None or is_unknown):
        return
    if is_unknown and not model.segments and model.witness.seen.isdisjoint(ITEMS):
        return  # a report of it, without anything that was said
    committed = [one for one in model.segments.values() if one.committed is not None]
    is_waited_for = config.vad("create_response") is False
    first = part(config.first_sent.event, "session") if config.first_sent is not None else {}
    was_asked = isinstance(value_at(first, "audio", "input", "transcription"), dict)
    is_all_text = _is_all_text(config)
    is_sure = is_waited_for or was_asked or is_all_text or sorry is not None
    if any(one.transcribed for one in model.segments.values()) or (len(committed) < TURNS and not is_sure):
        return
    if not (is_sure or model.witness.is_ours):
        return  # another client may do well without
    yield found(
        TRANSCRIPTION_OFF,
        "error" if is_waited_for else "warning" if was_asked else "info",
        "What you say is not written down: transcription is off in this session.",
        cause="session.audio.input.transcription is null"
        + (", although it was asked for." if was_asked else ": it is off unless a session.update sets it.")
        + (" A client that waits for the transcript before it answers waits for ever." if is_waited_for else ""),
        cure='Send session.update with {"audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}.',
        evidence=(
            config.first_sent.at if was_asked and config.first_sent else None,
            config.updated or config.created,
            *(one.committed for one in committed[-TURNS:]),
            sorry,
        ),
        rests_on="the gate forces transcription on; services have it off by default",
        confidence=0.95 if is_waited_for or was_asked else 0.6 if is_unknown else 0.75,
    )


def _is_all_text(config: Configured) -> bool:
    """A session that answers in text only, or only transcribes: its words are what it is there for."""
    if config.is_transcription:
        return True
    wished = config.value("output_modalities")
    return isinstance(wished, list) and wished == ["text"]
