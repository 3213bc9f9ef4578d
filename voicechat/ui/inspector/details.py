"""The details of an event: what it means, its facts, its links, its JSON; and events as text to copy.

JSON is shown in colours, without the noise of quotation marks, folded and bounded. A string that could
be taken for something else (a number, `true`, nothing, blanks at an edge) keeps its quotes, so that colour alone never
tells what a value is.
"""

from __future__ import annotations

import json
import pprint
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from voicechat.ui.inspector.entries import Entry, EventStore, gap_words, parsed, session_time
from voicechat.ui.inspector.matching import gap_before
from voicechat.ui.sanitise import show
from voicechat.ui.wording import grouped

LONGEST_PAYLOAD = 64 * 1024
"""Characters of one payload that are shown."""
LONGEST_STRING = 240
"""Characters of one string, unless it is unfolded."""
DEEPEST = 60
STEP = 2
_LIKE_OTHER = re.compile(r"\s|.*\s$|$|[-+\d.\[\]{}]+$|(true|false|null|NaN|-?Infinity)$|[-+]?[\d.]+([eE][-+]?\d+)?$")


Line = list[tuple[str, str]]
"""Words of a row with their styles."""


def wrapped(first: Line, text: str, style: str, width: int) -> Iterator[Line]:
    """Rows of a text that begins behind `first`; what does not fit goes on below its first column."""
    column = cell_len("".join(words for words, _ in first))
    room = max(8, width - column)
    fits = cell_len(text) <= room and "\n" not in text
    rows = [text] if fits else [row.plain.rstrip() for row in Content(text).wrap(room)]
    yield [*first, (rows[0], style)]
    for row in rows[1:]:
        yield [(" " * column, ""), (row, style)]


def json_lines(payload: str, width: int, *, unfolded: bool = False) -> list[Line]:
    """At most 64 kB of a payload over rows of this width; what is left out is counted. Text that is no JSON stays."""
    room = max(16, width)
    try:
        value = json.loads(payload, strict=False)
    except (ValueError, RecursionError):
        lines = wrapped([], show(payload[: 2 * LONGEST_PAYLOAD]), "", room)
    else:  # braces around everything say nothing
        members = isinstance(value, dict)
        lines = _members(value, 0, room, unfolded) if members else _of_value(value, [], 0, room, unfolded)
    taken: list[Line] = []
    characters = 0
    for line in lines:
        taken.append(line)
        characters += sum(len(text) for text, _ in line)
        if characters > LONGEST_PAYLOAD:
            return [*taken, [(f"... the rest of {len(payload)} characters is in the copy", "$quiet")]]
    return taken


def _of_value(value: object, first: Line, indent: int, width: int, unfolded: bool) -> Iterator[Line]:
    """Lines of a value that stands behind `first`."""
    match value:
        case dict() | list():
            opening, closing = "{}" if isinstance(value, dict) else "[]"
            if not value or indent >= DEEPEST * STEP:
                yield [*first, ("... deeper" if value else opening + closing, "$quiet")]
                return
            yield [*first, (opening, "$quiet")]
            yield from _members(value, indent + STEP, width, unfolded)
            yield [(" " * indent + closing, "$quiet")]
        case str():
            folded = len(value) > LONGEST_STRING and not unfolded
            text = show(value[:LONGEST_STRING] if folded else value[:LONGEST_PAYLOAD])
            if first and cell_len(first[0][0]) > width // 2:
                yield first
                first = [(" " * (indent + STEP), "")]
            yield from wrapped(first, f'"{text}"' if _LIKE_OTHER.match(value) else text, "", width)
            if folded:
                yield [(f"{' ' * (indent + STEP)}... {len(value) - LONGEST_STRING} characters more", "$quiet")]
        case _:
            yield [*first, (json.dumps(value), "$tool" if isinstance(value, bool | None) else "$you")]


def _members(value: dict[str, object] | list[object], indent: int, width: int, unfolded: bool) -> Iterator[Line]:
    blank = " " * indent
    if isinstance(value, list):
        for item in value:
            yield from _of_value(item, [(blank, "")], indent, width, unfolded)
        return
    for name, member in value.items():
        yield from _of_value(member, [(f"{blank}{show(name)[:200]}  ", "$assistant")], indent, width, unfolded)


NEAR = 60.0
"""Seconds between an event and the error it caused, at most."""
LOOKS = 20_000
"""Events that are looked at for a cause or an effect, at most."""
LinkName = Literal["response", "item", "call", "cause", "effect", "before"]
LINK_WORDS: dict[LinkName, str] = {
    "cause": "caused by",
    "effect": "refused with",
    "response": "response",
    "item": "item",
    "call": "call",
    "before": "item before it",
}


class Link(NamedTuple):
    """From one event to those it belongs with: its response, its item, its call, the event that caused an error."""

    name: LinkName
    """`before` is `previous_item_id`."""
    id: str
    lines: Sequence[int]
    """Sequence numbers of the lines with this id, runs folded."""

    @property
    def first(self) -> int:
        return self.lines[0]

    @property
    def last(self) -> int:
        return self.lines[-1]

    @property
    def is_a_way(self) -> bool:
        """Whether one can step along it."""
        return self.name in ("response", "item", "call")


def links_of(store: EventStore, seq: int) -> tuple[Link, ...]:
    """Every link of an event, the most telling first."""
    entry = store.entry(seq)
    if entry is None:
        return ()
    payload, refs = parsed(store.payload(seq)), entry.refs
    before = payload.get("previous_item_id")
    before = before if isinstance(before, str) else ""
    ways = (
        Link("response", refs.response, store.lines_with("response", refs.response)),
        Link("item", refs.item, store.lines_with("item", refs.item)),
        Link("call", refs.call, store.lines_with("call", refs.call)),
        Link("before", before, store.lines_with("item", before)),
    )
    return (*_cause_or_effect(store, payload, entry), *(link for link in ways if link.lines))


def step_along(link: Link, seq: int, by: int) -> int:
    """The next (`by` 1) or previous (-1) line of the same response, item or call; stays where there is none."""
    place = bisect_right(link.lines, seq) if by > 0 else bisect_left(link.lines, seq) - 1
    return link.lines[place] if 0 <= place < len(link.lines) else seq


def _cause_or_effect(store: EventStore, payload: dict[str, object], entry: Entry) -> Iterator[Link]:
    """The client event that an error names; the error that names a client event.

    Looked for around the event, not in everything: the server answers a bad event within seconds. Audio never causes
    an error worth a link, and is the bulk.
    """
    place, error = entry.seq - store.base, payload.get("error")
    is_ours = entry.kind.dir == "out"
    id = payload.get("event_id") if is_ours else error.get("event_id") if isinstance(error, dict) else None
    if not isinstance(id, str) or not id:
        return
    needle = json.dumps(id)
    for near in range(place + 1, place + LOOKS) if is_ours else range(place - 1, place - LOOKS, -1):
        if not 0 <= near < len(store.entries) or abs(store.entries[near].t - entry.t) > NEAR:
            return
        other, kind = store.entries[near], store.entries[near].kind
        fits = (kind.dir, kind.type) == ("in", "error") if is_ours else kind.dir == "out" and "audio" not in kind.tags
        if fits and needle in store.payload(other.seq):
            yield Link("effect" if is_ours else "cause", id, (other.seq,))
            return


LONGEST_COPY = 512 * 1024
"""Characters of an excerpt: clipboards reached through a terminal take no more."""
MOST_EVENTS = 5_000
LONGEST_RUN = 500
"""Events of a folded run that are copied as JSON."""


class Excerpt(NamedTuple):
    """Events as lines of a tape, and how much of what was wanted is in it."""

    text: str
    events: int
    wanted: int


def excerpt(store: EventStore, lines: Sequence[int], *, grouped: bool) -> Excerpt:
    """These lines as a tape, folded runs event by event, in the order they happened; the newest if it is too much."""
    wanted = sorted({seq for line in lines for seq in (store.members(line) if grouped else [line])})
    taken: list[str] = []
    room = LONGEST_COPY
    for seq in reversed(wanted[-MOST_EVENTS:]):
        text = as_line(store, seq)
        room -= len(text)
        if room < 0 and taken:
            break
        taken.append(text)
    return Excerpt("".join(reversed(taken)), len(taken), len(wanted))


def as_json(store: EventStore, seq: int) -> str:
    """The event over lines, as people read it; a folded run as an array of its events."""
    members = store.members(seq)
    if len(members) > 1:
        return json.dumps([_event(store, member) for member in members[:LONGEST_RUN]], indent=2, ensure_ascii=False)
    return json.dumps(_event(store, seq), indent=2, ensure_ascii=False)


def as_python(store: EventStore, seq: int) -> str:
    """A call that sends the same event through a Realtime connection object of the `openai` package.

    Events of the server are given as a dictionary: nobody can send those.
    """
    entry = store.entry(seq)
    event = pprint.pformat(_event(store, seq), width=100, sort_dicts=False)
    if entry is not None and entry.kind.dir == "out":
        return f"await connection.send({event})\n"
    return f"event = {event}\n"


def as_line(store: EventStore, seq: int) -> str:
    """A JSON line as `voicechat run --json` prints it and a tape holds it: `{"t", "dir", "event"}`."""
    entry = store.entry(seq)
    if entry is None:
        return ""
    line = {"t": round(entry.t, 6), "dir": entry.kind.dir, "event": _event(store, seq)}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def _event(store: EventStore, seq: int) -> object:
    payload = store.payload(seq)
    try:
        return json.loads(payload or "{}", strict=False)
    except (ValueError, RecursionError):
        return {"type": "unreadable", "text": payload}


@lru_cache(maxsize=512)
def meaning_of(name: str) -> tuple[str, str]:
    """The two sentences; empty ones where there is no text about it."""
    from voicechat.insight.explain.lookup import lookup  # its tables are read when first asked for

    found = lookup(name)
    return (found.meaning, found.next) if found is not None else ("", "")


def title_of(entry: Entry) -> tuple[str, str]:
    """Name, and the id that says the most."""
    refs = entry.refs
    return show(entry.kind.type), show(refs.call or refs.response or refs.item)


def describe(store: EventStore, entry: Entry, links: Sequence[Link], width: int) -> list[Line]:
    """Its links, one line each (first: a low pane must show them), what it means, its facts."""
    lines = [_link_line(store, entry, link, number) for number, link in enumerate(links, 1)]
    meaning, follows = meaning_of(entry.kind.type)
    parts = ((meaning, ""), (f"Then: {follows}" if follows else "", "$quiet"), (facts_of(store, entry), "$quiet"))
    return [*lines, *(row for text, style in parts if text for row in wrapped([], text, style, width)), []]


def facts_of(store: EventStore, entry: Entry) -> str:
    parts = [session_time(entry.t)]
    if entry.seq > store.base:
        parts.append(f"{gap_words(gap_before(store, entry))} after the event before")
    run = store.run(entry.seq)
    if run is not None:
        last = store.entry(run.last)
        until = f" until {session_time(last.t)}" if last else ""
        parts.append(f"{grouped(run.count)} of them{until}")
    size = run.size if run else entry.size
    if size:
        parts.append(f"{grouped(size)} bytes on the wire")
    if entry.added is not None:
        parts.append(f"the tap kept it {entry.added * 1000:.2f} ms")
    if entry.turn:
        parts.append(f"turn {entry.turn}")
    parts += [word for word in entry.kind.tags if word in ("mine", "unknown", "harmless")]
    return " · ".join(parts)


def _link_line(store: EventStore, entry: Entry, link: Link, number: int) -> Line:
    if link.is_a_way:
        where = f"  {bisect_right(link.lines, entry.seq)} of {len(link.lines)}"
    else:
        other = store.entry(link.first)
        where = f"  {show(other.kind.type)} {session_time(other.t)}" if other else ""
    words = f"{LINK_WORDS[link.name]} "
    return [(f"{number} ", "bold $key"), (words, "$quiet"), (show(link.id), "$accent"), (where, "$quiet")]
