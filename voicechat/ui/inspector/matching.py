"""Which events a query wants, out of a hundred thousand, fast enough to be asked at every key.

In this order, each step on what the one before left: kinds (type, direction, tags); the entry; words and fields inside
the payloads, slab by slab.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import operator
import re
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from voicechat.ui.inspector.entries import Entry, EventStore, Kind
from voicechat.ui.inspector.query import Query, Term


class Shown:
    """Sequence numbers of the lines a query shows, oldest first, kept up to date as events come.

    A run appears once, where it began. Only new events are ever matched again.
    """

    def __init__(self, store: EventStore, marked: Container[int] = ()) -> None:
        self.store = store
        self.asked = Query()
        """The query as it was asked."""
        self.query = Query()
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
        terms = (replace(t, amount=newest - t.amount, ago=False) if t.ago else t for t in query.terms)
        self.query = replace(query, terms=tuple(terms))
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
            elif not self.has_line(seq):  # a run that is listed because of a later delta
                insort(self.rows, seq)
        self._matched = self.store.end
        return gone

    def marks_changed(self) -> bool:
        """Ask again where the query is about marks; whether it was."""
        about = any(term.name == "is" and "marked" in term.values for term in self.query.terms)
        if about:
            self.ask(self.query)
        return about

    def place_of(self, seq: int) -> int:
        """The line of an event, else the first later one, else the last; 0 where there is none."""
        return max(0, min(bisect_left(self.rows, seq), len(self.rows) - 1))

    def has_line(self, seq: int) -> bool:
        place = bisect_left(self.rows, seq)
        return place < len(self.rows) and self.rows[place] == seq

    def since(self, seq: int) -> int:
        return len(self.rows) - bisect_right(self.rows, seq)

    def nearest(self, t: float) -> int | None:
        """The line nearest to a time of the session."""
        at = bisect_left(self.rows, t, key=self._time)
        near = self.rows[max(0, at - 1) : at + 1]
        return min(near, key=lambda seq: abs(self._time(seq) - t), default=None)

    def times(self, start: float, end: float) -> list[float]:
        """When the lines between two moments happened, seconds of the session."""
        first = bisect_left(self.rows, start, key=self._time)
        last = bisect_right(self.rows, end, key=self._time)
        return [self._time(seq) for seq in self.rows[first:last]]

    def before(self, place: int) -> Entry | None:
        """The event of the line above."""
        return self.store.entry(self.rows[place - 1]) if 0 < place <= len(self.rows) else None

    def _time(self, seq: int) -> float:
        entry = self.store.entry(seq)
        return entry.t if entry is not None else 0.0


_COMPARES: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}
_SHORT_TYPES = {
    "in": "input_audio_buffer",
    "out": "output_audio_buffer",
    "resp": "response",
    "item": "conversation.item",
    "transcription": "conversation.item.input_audio_transcription",
}
"""The short prefixes of a narrow list, which a filter understands too."""
_TOOL_TYPES = ("response.function_call_arguments", "response.mcp", "mcp_list_tools", "conversation.item.mcp")


def matching(store: EventStore, query: Query, marked: Container[int] = (), since: int = 0) -> list[int]:
    """Sequence numbers of the lines to show, oldest first, from `since` on.

    With runs folded, a run stands for its deltas: it is listed by its first one if any of them matches.
    """
    start, base, entries = max(since, store.base), store.base, store.entries
    about_kinds = [term for term in query.terms if _is_about_kinds(term)]
    kinds = {kind for kind in store.kinds.values() if all(_kind_fits(kind, term) for term in about_kinds)}
    is_folded = query.grouped and len(about_kinds) == len(query.terms)
    # All events of a run are of one kind: its first one, matched when it came, speaks for them.
    found: Iterable[int] = store.lines[bisect_left(store.lines, start) :] if is_folded else range(start, store.end)
    if len(kinds) < len(store.kinds):
        found = [seq for seq in found if entries[seq - base].kind in kinds]
    for term in query.terms:
        if (test := _entry_test(store, term, marked)) is not None:
            found = [seq for seq in found if test(entries[seq - base]) != term.negated]
    for term in query.terms:
        if term.name in ("words", "payload", "id"):
            found = _in_payloads(store, found, term)
    if is_folded or not query.grouped:
        return list(found)
    heads = {entries[seq - base].head for seq in found}
    return sorted(head for head in heads if head >= base)


def _is_about_kinds(term: Term) -> bool:
    return term.name in ("type", "dir", "is") and "marked" not in term.values


def _kind_fits(kind: Kind, term: Term) -> bool:
    return any(_kind_is(kind, term.name, value) for value in term.values) != term.negated


def _kind_is(kind: Kind, name: str, value: str) -> bool:
    if name == "dir":
        return kind.dir == value
    if name == "is":
        return _IS[value](kind) if value in _IS else value in kind.tags
    wanted = _full_type(value)
    if "*" in wanted:
        return fnmatch.fnmatchcase(kind.type, wanted)
    return kind.type == wanted or kind.type.startswith(wanted + ".") or kind.type.endswith("." + wanted)


def _full_type(wanted: str) -> str:
    """`in.speech*` is `input_audio_buffer.speech*`."""
    first, dot, rest = wanted.partition(".")
    return _SHORT_TYPES.get(first, first) + dot + rest


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


def _entry_test(store: EventStore, term: Term, marked: Container[int]) -> Callable[[Entry], bool] | None:
    values, amount = term.values, term.amount
    match term.name:
        case "turn":
            numbers = {int(value) for value in values}
            return lambda entry: entry.turn in numbers
        case "resp":  # the end of an id is enough
            return lambda entry: entry.refs.response.endswith(values)
        case "item":
            return lambda entry: entry.refs.item.endswith(values)
        case "call":
            return lambda entry: entry.refs.call.endswith(values)
        case "is" if "marked" in values:
            return lambda entry: entry.seq in marked
        case "after":
            return lambda entry: entry.t >= amount
        case "before":
            return lambda entry: entry.t < amount
        case "size":
            return lambda entry: _COMPARES[term.compare](entry.size, amount)
        case "gap":
            return lambda entry: _COMPARES[term.compare](gap_before(store, entry), amount)
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


def _in_payloads(store: EventStore, found: Iterable[int], term: Term) -> list[int]:
    """Those whose summary or payload the term matches (or does not, negated)."""
    asked = found if isinstance(found, range) else set(found)
    needles = term.path[-1:] or term.values
    # One look at a whole slab settles most of them: without the word no line of it can match.
    can_skip = not term.negated and all(needle.isascii() for needle in needles)
    bare = [needle.lower().encode() for needle in needles]
    match = _line_test(store, term)
    hits: list[int] = []
    for first, blob in store.blobs():
        lines = blob.split(b"\n")
        low = blob.lower() if can_skip else b""
        if can_skip and not any(needle in low for needle in bare):
            lines = [b""] * len(lines) if term.name == "words" else []
        hits += [seq for seq, line in enumerate(lines, first) if seq in asked and match(seq, line) != term.negated]
    return hits


def _line_test(store: EventStore, term: Term) -> Callable[[int, bytes], bool]:
    match term.name:
        case "words":
            return _words_test(store, term.values)
        case "id":
            ends = [f'{value}"'.encode() for value in term.values]
            return lambda _, line: any(end in line for end in ends)
    scalar = re.compile(rb'"%s":\s*("(?:[^"\\]|\\.)*"|[^,}\]\s]+)' % re.escape(term.path[-1].encode()))
    return lambda _, line: _has_field(line, term, scalar)


def _words_test(store: EventStore, words: tuple[str, ...]) -> Callable[[int, bytes], bool]:
    folded = [word.casefold() for word in words]
    plain = [word.lower().encode() for word in words] if all(word.isascii() for word in words) else None

    def has_words(seq: int, line: bytes) -> bool:
        summary = store.entries[seq - store.base].summary.casefold()
        if any(word in summary for word in folded):
            return True
        if plain is not None:  # twice as fast
            low = line.lower()
            return any(word in low for word in plain)
        text = line.decode("utf-8", "replace").casefold()
        return any(word in text for word in folded)

    return has_words


def _has_field(line: bytes, term: Term, scalar: re.Pattern[bytes]) -> bool:
    """The last name with a fitting value must stand in the line before it is worth parsing (a tenth of the time)."""
    [wanted] = term.values
    is_place = term.path[-1].isdecimal()
    if not is_place and not any(_compares(_scalar(text), term.compare, wanted) for text in scalar.findall(line)):
        return False
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return any(_compares(value, term.compare, wanted) for value in _values(event, term.path))


def _scalar(text: bytes) -> Any:
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
            return _COMPARES[compare](value, float(wanted))
        except ValueError:
            return compare == "!="
    if compare in ("=", "!="):
        return (str(text).casefold() == wanted.casefold()) == (compare == "=")
    return False
