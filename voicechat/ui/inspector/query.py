"""The filter language of the event list: words of a line become a `Query`, or a `BadTerm` that says what is wrong.

Terms are ANDed, `,` is or, `-` negates, quotes keep blanks; a bare word searches summaries and payloads.

    type:response,in.speech*  dir:in  is:error  resp:  item:  call:  id:  turn:8  after:4:06  before:30s
    gap:>500ms  size:>4k  .usage.output_tokens>200  group:off

Which events a query wants, out of a hundred thousand, fast enough to be asked at every key.

In this order, each step on what the one before left: kinds (type, direction, tags) by number; numbers of the entry;
words and fields inside the payloads, slab by slab.
"""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import json
import operator
import re
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Literal

from voicechat.ui.inspector.entries import Entry, EventStore, Kind


class Shown:
    """Sequence numbers of the lines in sight of a query, oldest first. A run appears once, where it began.

    The lines that a filter shows, kept up to date as events come: only new events are ever matched again.
    """

    def __init__(self, store: EventStore, marked: Container[int] = ()) -> None:
        self.store = store
        self.asked = EVERYTHING
        """The query as it was asked."""
        self.query = EVERYTHING
        """The same with moments of the session where it said how long ago."""
        self.rows: array[int] = array("q")
        self._marked = marked
        self._matched = 0
        """Events below this number have been matched."""

    def ask(self, query: Query) -> None:
        """Another query, matched against everything kept.

        `30s` ago is counted from now on, not from an ever later moment: lines would leave while they are read.
        """
        self.asked = query
        newest = self.store.entries[-1].t if self.store.entries else 0.0
        terms = tuple(
            replace(sought, term=Moment(sought.term.side, newest - sought.term.seconds, ago=False))
            if isinstance(sought.term, Moment) and sought.term.ago
            else sought
            for sought in query.terms
        )
        self.query = Query(terms, query.grouped)
        self.rows = array("q", matching(self.store, self.query, self._marked))
        self._matched = self.store.end

    def update(self) -> int:
        """Match what has come since, forget what the store dropped; how many lines went at the top."""
        gone = bisect_left(self.rows, self.store.base)
        if gone:
            del self.rows[:gone]
        if self._matched >= self.store.end:
            return gone
        newest = self.rows[-1] if self.rows else -1
        for seq in matching(self.store, self.query, self._marked, self._matched):
            if seq > newest:
                self.rows.append(seq)
            elif not self._has(seq):  # a run that is listed because of a later delta
                insort(self.rows, seq)
        self._matched = self.store.end
        return gone

    def marks_changed(self) -> bool:
        """Ask again where the query is about marks; whether it was."""
        about = any(isinstance(s.term, Field) and "marked" in s.term.values for s in self.query.terms)
        if about:
            self.ask(self.query)
        return about

    def place_of(self, seq: int) -> int:
        """The line of an event, else the first later one, else the last; 0 where there is none."""
        return max(0, min(bisect_left(self.rows, seq), len(self.rows) - 1))

    def has_line(self, seq: int) -> bool:
        """Whether this line is in sight of the query."""
        return self._has(seq)

    def since(self, seq: int) -> int:
        """How many lines begin after this event."""
        return len(self.rows) - bisect_right(self.rows, seq)

    def nearest(self, t: float) -> int | None:
        """The line nearest to a time of the session."""
        if not self.rows:
            return None
        at = bisect_left(self.rows, t, key=self._time)
        near = self.rows[max(0, at - 1) : at + 1]
        return min(near, key=lambda seq: abs(self._time(seq) - t))

    def times(self, start: float, end: float) -> list[float]:
        """When the lines between two moments happened, seconds of the session."""
        first = bisect_left(self.rows, start, key=self._time)
        last = bisect_right(self.rows, end, key=self._time)
        return [self._time(seq) for seq in self.rows[first:last]]

    def before(self, place: int) -> Entry | None:
        """The event of the line above."""
        return self.store.entry(self.rows[place - 1]) if 0 < place <= len(self.rows) else None

    def _has(self, seq: int) -> bool:
        place = bisect_left(self.rows, seq)
        return place < len(self.rows) and self.rows[place] == seq

    def _time(self, seq: int) -> float:
        entry = self.store.entry(seq)
        return entry.t if entry is not None else 0.0


_KIND_FIELDS = frozenset({"type", "dir", "is"})
_TOOL_TYPES = ("response.function_call_arguments", "response.mcp", "mcp_list_tools", "conversation.item.mcp")


def matching(store: EventStore, query: Query, marked: Container[int] = (), since: int = 0) -> list[int]:
    """Sequence numbers of the lines to show, oldest first, from `since` on.

    With runs folded, a run stands for its deltas: it is listed by its first one if any of them matches.
    """
    start = max(since, store.base)
    kinds = _wanted_kinds(store.kinds, query.terms)
    if query.grouped and all(_is_about_kinds(sought.term) for sought in query.terms):
        # All events of a run are of one kind: its first one, matched when it came, speaks for them.
        first = bisect_left(store.lines, start)
        wanted = list(map(kinds.__contains__, store.line_kinds[first:]))
        return list(compress(store.lines[first:], wanted))
    if not query.terms:
        found: Iterable[int] = range(start, store.end)
    elif len(kinds) == len(store.kinds):
        found = range(start, store.end)
    else:
        found = [start + place for place, kind in enumerate(store.kind_of[start - store.base :]) if kind in kinds]
    for test in _entry_tests(store, query.terms, marked):
        found = [seq for seq in found if test(store.entries[seq - store.base])]
    for sought in query.terms:
        if isinstance(sought.term, Words | Path) or (isinstance(sought.term, Field) and sought.term.name == "id"):
            found = _in_payloads(store, found, sought)
    if not query.grouped:
        return list(found)
    return _heads(store, found)


def _heads(store: EventStore, found: Iterable[int]) -> list[int]:
    base = store.base
    heads = [store.heads[seq - base] for seq in found]
    if not store.runs:
        return heads
    return sorted({head for head in heads if head >= base})


def _is_about_kinds(term: object) -> bool:
    return isinstance(term, Field) and term.name in _KIND_FIELDS and "marked" not in term.values


def _wanted_kinds(kinds: Sequence[Kind], terms: Sequence[Sought]) -> set[int]:
    wanted = {kind.number for kind in kinds}
    for sought in terms:
        term = sought.term
        if isinstance(term, Field) and _is_about_kinds(term):
            wanted &= {
                kind.number
                for kind in kinds
                if any(_kind_is(kind, term.name, v) for v in term.values) != sought.negated
            }
    return wanted


def _kind_is(kind: Kind, name: str, value: str) -> bool:
    if name == "dir":
        return kind.dir == value
    if name == "is":
        return _IS[value](kind) if value in _IS else value in kind.tags
    wanted = full_type(value)
    if "*" in wanted:
        return fnmatch.fnmatchcase(kind.type, wanted)
    return kind.type == wanted or kind.type.startswith(wanted + ".") or kind.type.endswith("." + wanted)


def is_error(kind: Kind) -> bool:
    """Whether events of this kind tell of a failure that is not a harmless race."""
    failed = kind.type == "error" or kind.type.endswith((".failed", ".error"))
    return failed and "harmless" not in kind.tags


_IS: dict[str, Callable[[Kind], bool]] = {
    "error": is_error,
    "vad": lambda kind: "speech_st" in kind.type or kind.type.startswith("voice."),
    "delta": lambda kind: kind.is_delta,
    "audio": lambda kind: "audio" in kind.tags,
    "tool": lambda kind: kind.type.startswith(_TOOL_TYPES) or "tool" in kind.tags,
}


def _entry_tests(
    store: EventStore, terms: Sequence[Sought], marked: Container[int]
) -> Iterator[Callable[[Entry], bool]]:
    for sought in terms:
        test = _entry_test(store, sought.term, marked)
        if test is not None:
            yield _negation(test) if sought.negated else test


def _negation(test: Callable[[Entry], bool]) -> Callable[[Entry], bool]:
    return lambda entry: not test(entry)


def _entry_test(store: EventStore, term: object, marked: Container[int]) -> Callable[[Entry], bool] | None:
    match term:
        case Turn(numbers=numbers):
            return lambda entry: entry.turn in numbers
        case Field(name="resp", values=values):
            return lambda entry: _ends(entry.refs.response, values)
        case Field(name="item", values=values):
            return lambda entry: _ends(entry.refs.item, values)
        case Field(name="call", values=values):
            return lambda entry: _ends(entry.refs.call, values)
        case Field(name="is", values=values) if "marked" in values:
            return lambda entry: entry.seq in marked
        case Moment(side=side, seconds=seconds, ago=ago):
            newest = store.entries[-1].t if store.entries else 0.0
            at = newest - seconds if ago else seconds
            return (lambda entry: entry.t >= at) if side == "after" else (lambda entry: entry.t < at)
        case Amount(name="size", compare=compare, amount=amount):
            return lambda entry: COMPARES[compare](entry.size, amount)
        case Amount(compare=compare, amount=amount):
            return lambda entry: COMPARES[compare](gap_before(store, entry), amount)
        case _:
            return None


def gap_before(store: EventStore, entry: Entry) -> float:
    """Seconds since the event before it; 0 for the first one kept.

    Audio that flows all the time would make every gap a packet's length, so it only counts before other audio.
    """
    place = entry.seq - store.base - 1
    if "audio" not in entry.kind.tags:
        while place >= 0 and "audio" in store.entries[place].kind.tags:
            place -= 1
    return entry.t - store.entries[place].t if place >= 0 else 0.0


def _ends(id: str, values: tuple[str, ...]) -> bool:
    """A suffix of an id is enough."""
    return bool(id) and id.endswith(values)


def _in_payloads(store: EventStore, found: Iterable[int], sought: Sought) -> list[int]:
    """Those whose summary or payload the term matches (or does not, negated)."""
    asked = found if isinstance(found, range) else set(found)
    hits: list[int] = []
    match = _line_match(store, sought.term)
    needles = _needles(sought.term)
    for first, blob in store.blobs():
        lines = blob.split(b"\n")
        low = blob.lower() if needles else b""
        # One look at a whole slab settles most of them: without the word no line of it can match.
        if needles and not sought.negated and not any(needle in low for needle in needles):
            if isinstance(sought.term, Words):
                hits += [seq for seq in range(first, first + len(lines)) if seq in asked and match(seq, b"")]
            continue
        hits += [
            first + i for i, line in enumerate(lines) if first + i in asked and match(first + i, line) != sought.negated
        ]
    return hits


def _needles(term: object) -> tuple[bytes, ...]:
    """What at least one line must contain, in small letters; none where only a look at every line can tell."""
    match term:
        case Words(any_of=words) if all(word.isascii() for word in words):
            return tuple(word.lower().encode() for word in words)
        case Path(path=path) if path and path[-1].isascii():
            return (path[-1].lower().encode(),)
        case Field(values=values) if all(value.isascii() for value in values):
            return tuple(value.lower().encode() for value in values)
        case _:
            return ()


def _line_match(store: EventStore, term: object) -> Callable[[int, bytes], bool]:
    match term:
        case Words(any_of=words):
            folded = tuple(word.casefold() for word in words)
            plain = tuple(word.lower().encode() for word in words) if all(word.isascii() for word in words) else ()
            return lambda seq, line: _has_words(store, seq, line, folded, plain)
        case Path():
            scalar = re.compile(rb'"%s":\s*("(?:[^"\\]|\\.)*"|[^,}\]\s]+)' % re.escape(term.path[-1].encode()))
            return lambda seq, line: _has_field(line, term, scalar)
        case Field(values=values):
            ends = tuple(f'{value}"'.encode() for value in values)
            return lambda seq, line: any(end in line for end in ends)
        case _:
            return lambda seq, line: False


def _has_words(store: EventStore, seq: int, line: bytes, folded: tuple[str, ...], plain: tuple[bytes, ...]) -> bool:
    summary = store.entries[seq - store.base].summary.casefold()
    if any(word in summary for word in folded):
        return True
    if plain:
        low = line.lower()
        return any(word in low for word in plain)
    text = line.decode("utf-8", "replace").casefold()
    return any(word in text for word in folded)


def _has_field(line: bytes, term: Path, scalar: re.Pattern[bytes]) -> bool:
    """The last name with a fitting value must stand in the line before it is worth parsing (a tenth of the time)."""
    if not term.path[-1].isdecimal() and not any(
        _compares(_value_of(found), term.compare, term.value) for found in scalar.findall(line)
    ):
        return False
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return any(_compares(value, term.compare, term.value) for value in _values(event, term.path))


def _value_of(text: bytes) -> Any:
    """A scalar of JSON; numbers, the usual question, without its parser."""
    with contextlib.suppress(ValueError):
        return float(text)
    try:
        return json.loads(text)
    except ValueError:
        return None


def _values(value: Any, path: tuple[str, ...], depth: int = 0) -> Iterator[Any]:
    """Every value whose path ends with `path`."""
    if depth > 40:
        return
    exact, there = _step_into(value, path)
    if there:
        yield exact
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _values(child, path, depth + 1)


def _step_into(value: Any, path: tuple[str, ...]) -> tuple[Any, bool]:
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None, False
    return value, True


def _compares(value: Any, compare: str, wanted: str) -> bool:
    text = {True: "true", False: "false", None: "null"}.get(value) if isinstance(value, bool | None) else str(value)
    if compare == "~":
        return wanted.casefold() in str(text).casefold()
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(wanted)
        except ValueError:
            return compare == "!="
        return value != number if compare == "!=" else COMPARES[compare](value, number)
    if compare in ("=", "!="):
        return (str(text).casefold() == wanted.casefold()) == (compare == "=")
    return False


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
