"""What people write in prose about the log that they paste: no proof, and it tells which of two causes is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from voicechat.insight.readers.phrases import Phrase, pattern

FEWEST_WORDS = 4
"""Of a sentence that somebody writes."""
_PROGRAM = re.compile(r"[{}<>|=\t]|\w\(|\w\.\w+\.|://|^\W*(?:\d|[A-Z]{3,}\b|\[\w)")
"""Marks of a line that a program printed."""
_NOT = (
    r"\b(?:never|not|no|don['’]?t|doesn['’]?t|didn['’]?t|can['’]?t|cannot|isn['’]?t|won['’]?t|without|stopped|stops)\b"
)
_WHO = r"(?:I|the (?:user|caller|customer)|they|people)(?: am| are| is|['’]m|['’]s)? ?(?:have |has |can |even )?"
COMPLAINTS: dict[str, Phrase] = {
    "echo": pattern(
        r"\b(?:interrupt|cut|hear|talk|answer|respond|repl|listen)\w{0,4}\b.{0,16}\b(?:itself|(?:its|his|her) own)\b",
        r"\b(?:its|(?:bot|agent|assistant|ai)['’]s) own (?:voice|speech|audio|words|output|question|answer)",
        r"\b(?:with(?:out)?|on|no) (?:a |laptop )?(?:head(?:phones?|set)|earphones|earbuds|(?:loud ?)?speakers?)\b",
    ),
    "format": pattern(
        r"chipmunk|fast.?forward|sped up|slow(?:ed)?[- ](?:motion|down)|\bgarbled|\bdistort|\bcrackl|\brobotic\b",
        r"\bhigh.pitched|\b(?:only|just|hear|persistent|white|loud|pure) (?:a |some )?(?:static|noise|hiss)",
        r"\bstatic\b.{0,20}\b(?:noise|audio|sound)|gibberish|rauschen|verzerrt",
        r"(?:sounds?|audio|speech|voice|plays?|speaks?)\b.{0,24}\b(?:too|very|twice as) (?:fast|slow|high|low)\b",
    ),
    "tail": pattern(
        r"\b(?:last|final|end|tail)\b.{0,40}\b(?:missing|cut|lost|gone|swallowed|truncated|clipped|never)\b",
        r"\bcut(?:s|ting)? off\b.{0,24}\b(?:last|end)\b",
        r"\b(?:miss|cut|los|clip|truncat)\w{1,4} (?:off )?the (?:last|end|final)\b",
    ),
    "silence": pattern(
        r"\bno (?:sound|audio|voice)\b|\b(?:hear|play)s? nothing\b|\b(?:completely |totally )?silent\b|kein ton",
        _NOT + r".{0,20}\bhear (?:anything|it|any|the|a)\b|\bno clip to play|\bonly (?:get |see )?text\b",
    ),
    "twice": pattern(
        r"\btwice\b|\b(?:two|2) (?:answers|responses|replies|voices)|\bdouble[sd]? (?:answers?|responses?|repl)",
        r"\bduplicated? (?:answers?|responses?|repl|audio)|doppelt|zweimal|两次|两遍|deux fois|dos veces",
        r"\b(?:same|every) (?:answer|response|thing|reply)\b.{0,20}\bagain",
    ),
    "no-reply": pattern(
        _NOT + r".{0,24}\b(?:talk|answer|respond|repl|speak|say)\w{0,6}\b|\bno (?:answer|response|reply)\b",
        r"\bhangs?\b|\bstuck\b|\bgoes (?:silent|quiet)|\bnothing happens|keine antwort|antwortet nicht|不回|没有回复",
    ),
    "stops": pattern(
        r"\b(?:stop|cut|break|interrupt|silenc|pause)\w{0,5}\b.{0,40}\b(?:mid[- ]?(?:sentence|word|way)|middle|random)",
        r"\b(?:stop|cut|break|interrupt)\w{0,5}\b.{0,40}\bhalf (?:way|of)|途中で(?:止|切)|mitten im satz",
        r"\bkeeps (?:stopping|cutting out|getting interrupted)",
    ),
    "cut": pattern(
        r"\b(?:interrupt|cut)\w{0,4} (?:me|users?|callers?|people|customers?)\b|\bins wort\b|\btoo (?:early|soon)\b",
        r"\b(?:before|while) " + _WHO + r"(?:finish|done|still|stop|speak|talk)",
        r"\bhalf (?:a |of (?:a|the|my) )?sentence",
    ),
    "no-transcript": pattern(
        _NOT + r".{0,60}\b(?:transcri|input_audio_transcription|user_speech_committed)",
        r"\b(?:input_audio_transcription|user_speech_committed)\b.{0,40}" + _NOT,
        r"\btranscri\w{1,8}\b.{0,40}" + _NOT,
        r"\btranscri\w{1,8}\b.{0,30}\b(?:null|empty|blank|missing)\b",
    ),
    "invented": pattern(
        r"\b(?:nobody|no ?one|no-one)\b.{0,24}\b(?:said|saying|says|spoke|speaking|talk|in the room|there)",
        r"\b(?:said|saying|spoke) nothing\b|" + _NOT + r" (?:say|saying|said|speak)\b|\bwhile (?:I (?:am|was) )?silent",
        r"hallucinat|phantom|\b(?:random|made[- ]up|invented) (?:words|text|sentences|transcripts?|phrases)",
    ),
}
"""What somebody is sorry about -> the ways of saying it."""


def complaints_in(said: str) -> Iterator[Mapping[str, Any]]:
    """Of a line that somebody wrote, and not a program; a log of which all lines look so tells little by them."""
    if len(said.split()) >= FEWEST_WORDS and _PROGRAM.search(said) is None:
        for about, told in COMPLAINTS.items():
            if told.search(said):
                yield {"type": "complaint", "about": about, "told": said}
