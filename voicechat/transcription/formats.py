"""What was written down as text, subtitles or JSON. Pure.

The words come from a service, so they are made harmless for a terminal before they go anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from voicechat.transcription.transcript import Passage
from voicechat.ui.sanitise import clean

Format = Literal["text", "srt", "vtt", "json"]
SUFFIXES: dict[Format, str] = {"text": ".txt", "srt": ".srt", "vtt": ".vtt", "json": ".json"}
_LINE = 42
"""Characters that a line of a subtitle holds, and two lines that a subtitle has: what readers follow."""
_LONGEST = 7.0
"""Seconds a subtitle stands at most; a long item is divided by its words, its time by their letters."""


@dataclass(frozen=True, slots=True)
class Result:
    """One recording, written down as far as it went."""

    name: str
    passages: tuple[Passage, ...] = ()
    duration: float = 0.0
    """Seconds that were sent."""
    model: str = ""
    language: str = ""
    seconds_billed: float = 0.0
    tokens: int = 0
    usd: float | None = None
    """None where nobody here knows the price."""
    problems: tuple[str, ...] = field(default=())
    is_complete: bool = True


def rendered(result: Result, form: Format) -> str:
    """The whole document, with its last newline; an empty text for a recording without words."""
    match form:
        case "srt":
            return _srt(result)
        case "vtt":
            return _vtt(result)
        case "json":
            return json.dumps(as_json(result), ensure_ascii=False, indent=2) + "\n"
        case _:
            return as_text(result)


def as_text(result: Result) -> str:
    """A line a passage; speakers are named where they change."""
    lines, last = [], ""
    for passage in result.passages:
        speaker = clean(passage.speaker, one_line=True)
        said = clean(passage.text, one_line=True)
        lines.append(f"{speaker}: {said}" if speaker and speaker != last else said)
        last = speaker
    return "".join(f"{line}\n" for line in lines)


def as_json(result: Result) -> dict[str, object]:
    """The data behind every other format."""
    passages: list[dict[str, object]] = []
    for one in result.passages:
        said: dict[str, object] = {"start": round(one.start, 3), "end": round(one.end, 3)}
        if one.speaker:
            said["speaker"] = clean(one.speaker, one_line=True)
        passages.append(said | {"text": clean(one.text, one_line=True)})
    return {
        "file": result.name,
        "duration": round(result.duration, 3),
        "model": result.model,
        "language": result.language or None,
        "text": " ".join(str(one["text"]) for one in passages),
        "passages": passages,
        "usage": {"seconds": round(result.seconds_billed, 3), "tokens": result.tokens, "usd": result.usd},
        "complete": result.is_complete,
        "problems": [clean(problem, one_line=True) for problem in result.problems],
    }


def _srt(result: Result) -> str:
    blocks = []
    for number, cue in enumerate(cues(result.passages), 1):
        speaker = f"{cue.speaker}: " if cue.speaker else ""
        blocks.append(f"{number}\n{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}\n{speaker}{cue.text}\n")
    return "\n".join(blocks)


def _vtt(result: Result) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues(result.passages):
        speaker = f"<v {_escaped(cue.speaker).replace('&gt;', '')}>" if cue.speaker else ""
        blocks.append(f"{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}\n{speaker}{_escaped(cue.text)}\n")
    return "\n".join(blocks)


def cues(passages: tuple[Passage, ...]) -> list[Passage]:
    """Passages as subtitles: two short lines each, none beginning before the one in front of it has ended."""
    made: list[Passage] = []
    for passage in passages:
        said = clean(passage.text, one_line=True).replace("-->", "->")
        speaker = clean(passage.speaker, one_line=True)
        at = max(passage.start, made[-1].end if made else 0.0)
        end = max(passage.end, at + 0.001)
        parts = _parts(said, passage.end - passage.start)
        letters, spent = sum(len(part) for part in parts), 0
        for part in parts:
            begins = at + (end - at) * spent / letters
            spent += len(part)
            made.append(Passage(begins, at + (end - at) * spent / letters, _in_lines(part), speaker))
    return made


def _parts(text: str, seconds: float) -> list[str]:
    """The words in as many parts of about equal length as the lines and the time ask for."""
    words = text.split()
    if not words:
        return []
    by_time, by_letters = -(-seconds // _LONGEST), -(-len(text) // (2 * _LINE - 4))
    count = min(len(words), max(1, int(by_time), by_letters))
    parts: list[list[str]] = [[]]
    filled, share = 0, len(text) / count
    for word in words:
        if parts[-1] and filled + len(word) / 2 > share * len(parts) and len(parts) < count:
            parts.append([])
        parts[-1].append(word)
        filled += len(word) + 1
    return [" ".join(part) for part in parts]


def _in_lines(text: str) -> str:
    """In two lines of about equal length where one is too short for it."""
    if len(text) <= _LINE:
        return text
    middle = len(text) // 2
    spaces = [at for at, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    cut = min(spaces, key=lambda at: abs(at - middle))
    return f"{text[:cut]}\n{text[cut + 1 :]}"


def _stamp(seconds: float, point: str) -> str:
    whole = round(max(0.0, seconds) * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
