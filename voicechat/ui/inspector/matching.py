"""Which events a query wants, out of a hundred thousand, fast enough to be asked at every key.

In this order, each step on what the one before left: kinds (type, direction, tags) by number; numbers of the entry;
words and fields inside the payloads, slab by slab.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

from voicechat.ui.inspector.entries import Entry, EventStore, Kind
from voicechat.ui.inspector.query import (
    COMPARES,
    EVERYTHING,
    Amount,
    Field,
    Moment,
    Path,
    Query,
    Sought,
    Turn,
    Words,
    full_type,
)


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
