"""The filter language of the event list: words of a line become a `Query`, or a `BadTerm` that says what is wrong.

Terms are ANDed, `,` is or, `-` negates, quotes keep blanks; a bare word searches summaries and payloads.

    type:response,in.speech*  dir:in  is:error  resp:  item:  call:  id:  turn:8  after:4:06  before:30s
    gap:>500ms  size:>4k  .usage.output_tokens>200  group:off
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

FIELDS = ("type", "dir", "is", "resp", "item", "call", "id", "turn", "after", "before", "gap", "size", "group")
IS = ("error", "vad", "delta", "audio", "tool", "mine", "unknown", "harmless", "marked")
SHORT = (
    ("in.", "input_audio_buffer."),
    ("out.", "output_audio_buffer."),
    ("resp.", "response."),
    ("item.", "conversation.item."),
    ("transcription.", "conversation.item.input_audio_transcription."),
)
"""The short prefixes of a narrow list, which a filter understands too."""
LONGEST = 500
"""Characters of a filter that are read."""

Compare = Callable[[float, float], bool]
COMPARES: Mapping[str, Compare] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1.0, "b": 1.0, "k": 1024.0, "m": 1024.0 * 1024.0}
_PATH = re.compile(r"^\.([\w.\[\]]+?)(>=|<=|!=|>|<|=|~)(.+)$")
_AMOUNT = re.compile(r"^(>=|<=|>|<|=)?(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|b|k)?$", re.IGNORECASE)
_CLOCK = re.compile(r"^(\d{1,9}):(\d{1,2}(?:\.\d{1,9})?)$")


@dataclass(frozen=True, slots=True)
class Words:
    """Any of these words, in the summary or the payload."""

    any_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One of `values` for `type`, `dir`, `is`, `resp`, `item`, `call` or `id`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One of these turns."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """After or before a moment of the session; `ago` counts back from the newest event."""

    side: Literal["after", "before"]
    seconds: float
    ago: bool


@dataclass(frozen=True, slots=True)
class Amount:
    """The time since the event before (`gap`, seconds) or the size on the wire (`size`, bytes)."""

    name: Literal["gap", "size"]
    compare: str
    amount: float


@dataclass(frozen=True, slots=True)
class Path:
    """A field anywhere in the payload whose path ends so, compared with a number, a word or a part of one (`~`)."""

    path: tuple[str, ...]
    compare: str
    value: str


Term = Words | Field | Turn | Moment | Amount | Path


@dataclass(frozen=True, slots=True)
class Sought:
    """A term, perhaps negated."""

    term: Term
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted of the list. `grouped` false splits the runs of deltas."""

    terms: tuple[Sought, ...] = ()
    grouped: bool = True


@dataclass(frozen=True, slots=True)
class BadTerm:
    """Why a filter cannot be read; the last good one stays in force."""

    reason: str


EVERYTHING = Query()


def parse(text: str) -> Query | BadTerm:
    """The query of a line. Never raises."""
    words = _split(text[:LONGEST])
    if isinstance(words, BadTerm):
        return words
    sought: list[Sought] = []
    grouped = True
    for word, quoted in words:
        negated = word.startswith("-") and len(word) > 1 and not quoted
        term = _term(word[1:] if negated else word, quoted)
        if isinstance(term, BadTerm):
            return term
        if isinstance(term, bool):
            grouped = term != negated
        else:
            sought.append(Sought(term, negated))
    return Query(tuple(sought), grouped)


def _split(text: str) -> list[tuple[str, bool]] | BadTerm:
    """Words at blanks; quotes keep blanks, and a word that begins with one is never a field."""
    words: list[tuple[str, bool]] = []
    word, quote, began_quoted, seen = "", "", False, False
    for character in text:
        if quote:
            if character == quote:
                quote = ""
            else:
                word += character
        elif character in "\"'“”":
            quote = "”" if character == "“" else character
            began_quoted = began_quoted or not word
            seen = True
        elif character.isspace():
            if word or seen:
                words.append((word, began_quoted))
            word, began_quoted, seen = "", False, False
        else:
            word += character
    if quote:
        return BadTerm("a quotation mark is not closed")
    if word or seen:
        words.append((word, began_quoted))
    return words


def _term(word: str, quoted: bool) -> Term | BadTerm | bool:
    if quoted:
        return Words((word,))
    if word.startswith("."):
        return _path(word)
    name, colon, value = word.partition(":")
    if not colon or not name.isalpha():
        return Words(tuple(part for part in word.split(",") if part) or (word,))
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, 1, 0.4)
        return BadTerm(
            f"no field “{name}”" + (f": did you mean {near[0]}?" if near else f"; there is {', '.join(FIELDS)}")
        )
    if not value:
        return BadTerm(f"{name}: needs a value")
    return _field(name, value)


def _field(name: str, value: str) -> Term | BadTerm | bool:
    values = tuple(part for part in value.split(",") if part)
    match name:
        case "group":
            return _one_of(name, value, ("on", "off")) or value == "on"
        case "dir":
            return _one_of(name, value, ("in", "out", "local")) or Field(name, values)
        case "is":
            return _one_of(name, value, IS) or Field(name, values)
        case "turn":
            if not all(part.isdecimal() for part in values):
                return BadTerm(f"turn:{value}: a turn is a number, as in turn:8")
            return Turn(tuple(int(part) for part in values))
        case "after" | "before":
            return _moment("after" if name == "after" else "before", value)
        case "gap" | "size":
            return _amount("gap" if name == "gap" else "size", value)
        case _:
            return Field(name, values)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> BadTerm | None:
    for part in value.split(","):
        if part not in allowed:
            near = difflib.get_close_matches(part, allowed, 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(allowed)}"
            return BadTerm(f"{name}:{part}: {hint}")
    return None


def _moment(side: Literal["after", "before"], value: str) -> Moment | BadTerm:
    if clock := _CLOCK.match(value):
        return Moment(side, int(clock[1]) * 60 + float(clock[2]), ago=False)
    amount = _AMOUNT.match(value)
    if amount is None or amount[1] or (amount[3] or "").lower() not in _UNITS:
        return BadTerm(f"{side}:{value}: a time of the session (4:06) or how long ago (30s)")
    return Moment(side, float(amount[2]) * _UNITS[(amount[3] or "").lower()], ago=True)


def _amount(name: Literal["gap", "size"], value: str) -> Amount | BadTerm:
    units = _UNITS if name == "gap" else _BYTES
    amount = _AMOUNT.match(value)
    if amount is None or (amount[3] or "").lower() not in units:
        return BadTerm(f"{name}:{value}: as in {'gap:>500ms' if name == 'gap' else 'size:>4k'}")
    return Amount(name, amount[1] or ">=", float(amount[2]) * units[(amount[3] or "").lower()])


def _path(word: str) -> Path | BadTerm:
    found = _PATH.match(word)
    path = tuple(part for part in re.split(r"[.\[\]]+", found[1]) if part) if found else ()
    if found is None or not path:
        return BadTerm(f"{word}: a field is compared, as in .usage.output_tokens>200 or .status=failed")
    return Path(path, found[2], found[3].strip("\"'"))


def full_type(wanted: str) -> str:
    """`in.speech*` is `input_audio_buffer.speech*`."""
    for short, full in SHORT:
        if wanted.startswith(short) and not wanted.startswith(full):
            return full + wanted[len(short) :]
    return {
        "in": "input_audio_buffer",
        "out": "output_audio_buffer",
        "resp": "response",
        "item": "conversation.item",
    }.get(wanted, wanted)
