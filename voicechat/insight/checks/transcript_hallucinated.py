"""Was a transcript written of words that nobody said?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from voicechat.insight.configured import value_at
from voicechat.insight.facts import Segment
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import LOG_ENDED, Record, text
from voicechat.insight.session_model import SessionModel

CODE = "transcript-hallucinated"
ON = ("conversation.item.input_audio_transcription.completed", "session.update", "session.updated", LOG_ENDED)
FEWEST_WORDS = 3
ALIKE = 0.9
"""Share of a transcript that is word for word in the prompt."""
CREDITS = re.compile(
    r"amara\.org|thanks? (?:you )?for watching|(?:please|like and) subscribe|subtitles? (?:by|made)|captions? by|"
    r"sous-titr\w{1,4} (?:réalisés|par|st'?|fr)|untertitel(?:ung)? (?:der|im auftrag|von)|subtítulos (?:por|realizad)|"
    r"legendas? (?:pela|por)|sottotitoli (?:creati|a cura)|субтитры|продолжение следует|ご視聴ありがとう|"
    r"字幕(?:by|由|提供|制作|志愿者)|请不吝点赞|시청해 ?주셔서|mbc 뉴스",
    re.I,
)
"""What speech recognition learned from films, and writes where there is silence or noise."""
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
OF_LANGUAGE = {"ru": "cyrillic", "uk": "cyrillic", "ar": "arabic", "zh": "han", "ja": "kana", "ko": "hangul"}
OF_LATIN = {"en", "de", "fr", "es", "it", "pt", "nl", "sv", "no", "da", "pl", "cs", "tr", "fi", "ro", "hu", "id", "vi"}
_WORD = re.compile(r"[^\W_]+")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """The prompt may stand behind the transcript in a log, so both are waited for."""
    wish = _transcription(model)
    prompt = text(wish, "prompt", 4_000)
    newest = model.segments.get(text(record.event, "item_id")) if record.type.endswith("completed") else None
    for segment in [newest] if newest is not None else model.segments.values():
        said = segment.transcript or ""
        if not said or segment.transcribed is None:
            continue
        if prompt and repeats(said, prompt):
            yield _finding(segment, "It repeats the prompt of the transcription", "prompt", 0.9)
        elif CREDITS.search(said) and len(said) < 120:
            yield _finding(segment, "It is a phrase out of films and their subtitles", "credits", 0.8)
        elif (language := text(wish, "language")) and _is_of_another_script(said, language):
            yield _finding(segment, f"It is not in the language that was set ({language})", "language", 0.8)


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
    words, asked = _WORD.findall(said.lower())[:200], _WORD.findall(prompt.lower())[:600]
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


def _finding(segment: Segment, why: str, key: str, confidence: float) -> Finding:
    return found(
        CODE,
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
