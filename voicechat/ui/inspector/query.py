"""The filter language of the event list: words of a line become a `Query`, or a `BadTerm` that says what is wrong.

Terms are ANDed, `,` is or, `-` negates, quotes keep blanks; a bare word searches summaries and payloads.

    type:response,in.speech*  dir:in  is:error  resp:  item:  call:  id:  turn:8  after:4:06  before:30s
    gap:>500ms  size:>4k  .usage.output_tokens>200  group:off
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

FIELDS = ("type", "dir", "is", "resp", "item", "call", "id", "turn", "after", "before", "gap", "size", "group")
IS = ("error", "vad", "delta", "audio", "tool", "mine", "unknown", "harmless", "marked")
LONGEST = 500
"""Characters of a filter that are read."""
_ALLOWED = {"dir": ("in", "out", "local"), "is": IS, "group": ("on", "off")}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1.0, "b": 1.0, "k": 1024.0, "m": 1024.0 * 1024.0}
_QUOTED = re.compile(r"""(?:"[^"]*|'[^']*|[“”][^”]*)(["'”]|\Z)""")
_WORD = re.compile(rf"""(?:[^\s"'“”]|{_QUOTED.pattern})+""")
_PATH = re.compile(r"^\.([\w.\[\]]+?)(>=|<=|!=|>|<|=|~)(.+)$")
_AMOUNT = re.compile(r"^(>=|<=|>|<|=)?(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|b|k)?$", re.IGNORECASE)
_CLOCK = re.compile(r"^(\d{1,9}):(\d{1,2}(?:\.\d{1,9})?)$")


@dataclass(frozen=True, slots=True)
class Term:
    name: str
    """One of `FIELDS`; `words` searches summary and payload, `payload` compares a field of the payload."""
    values: tuple[str, ...] = ()
    """Any of these."""
    compare: str = ""
    amount: float = 0.0
    """Seconds (`after` and `before`: of the session) or bytes."""
    ago: bool = False
    """`amount` counts back from the newest event."""
    path: tuple[str, ...] = ()
    """The end of the path of the payload's field."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All terms hold. `grouped` false splits the runs of deltas."""

    terms: tuple[Term, ...] = ()
    grouped: bool = True


class BadTerm(Exception):
    """Why a filter cannot be read; the last good one stays in force."""

    @property
    def reason(self) -> str:
        return str(self)


def parse(text: str) -> Query | BadTerm:
    """The query of a line. Never raises."""
    try:
        terms = list(_terms(text[:LONGEST]))
    except BadTerm as bad:
        return bad
    grouped = True
    for term in terms:
        if term.name == "group":
            grouped = (term.values == ("on",)) != term.negated
    return Query(tuple(term for term in terms if term.name != "group"), grouped)


def _terms(text: str) -> Iterator[Term]:
    if not all(quoted[1] for quoted in _QUOTED.finditer(text)):
        raise BadTerm("a quotation mark is not closed")
    for raw in (found[0] for found in _WORD.finditer(text)):
        word = _QUOTED.sub(lambda quoted: quoted[0][1:-1], raw)
        if raw[0] in "\"'“”":  # never a field
            yield Term("words", (word,))
        elif word.startswith("-") and len(word) > 1:
            yield replace(_term(word[1:]), negated=True)
        else:
            yield _term(word)


def _term(word: str) -> Term:
    if word.startswith("."):
        return _payload(word)
    name, colon, value = word.partition(":")
    if not colon or not name.isalpha():
        return Term("words", tuple(part for part in word.split(",") if part) or (word,))
    _require(f"no field “{name}”", name, FIELDS)
    if not value:
        raise BadTerm(f"{name}: needs a value")
    values = tuple(part for part in value.split(",") if part)
    match name:
        case "dir" | "is" | "group":
            for part in value.split(","):
                _require(f"{name}:{part}", part, _ALLOWED[name])
        case "turn" if not all(part.isdecimal() for part in values):
            raise BadTerm(f"turn:{value}: a turn is a number, as in turn:8")
        case "after" | "before":
            return _moment(name, value)
        case "gap" | "size":
            return _amount(name, value)
    return Term(name, values)


def _require(what: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        near = difflib.get_close_matches(word, allowed, 1, 0.4)
        raise BadTerm(f"{what}: " + (f"did you mean {near[0]}?" if near else f"one of {', '.join(allowed)}"))


def _moment(name: str, value: str) -> Term:
    if clock := _CLOCK.match(value):
        return Term(name, amount=int(clock[1]) * 60 + float(clock[2]))
    found = _AMOUNT.match(value)
    if found is None or found[1] or (found[3] or "").lower() not in _SECONDS:
        raise BadTerm(f"{name}:{value}: a time of the session (4:06) or how long ago (30s)")
    return Term(name, amount=float(found[2]) * _SECONDS[(found[3] or "").lower()], ago=True)


def _amount(name: str, value: str) -> Term:
    units, example = (_SECONDS, "gap:>500ms") if name == "gap" else (_BYTES, "size:>4k")
    found = _AMOUNT.match(value)
    if found is None or (found[3] or "").lower() not in units:
        raise BadTerm(f"{name}:{value}: as in {example}")
    return Term(name, compare=found[1] or ">=", amount=float(found[2]) * units[(found[3] or "").lower()])


def _payload(word: str) -> Term:
    found = _PATH.match(word)
    path = tuple(part for part in re.split(r"[.\[\]]+", found[1]) if part) if found else ()
    if found is None or not path:
        raise BadTerm(f"{word}: a field is compared, as in .usage.output_tokens>200 or .status=failed")
    return Term("payload", (found[3].strip("\"'"),), found[2], path=path)
