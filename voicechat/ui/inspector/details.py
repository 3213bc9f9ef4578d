"""What the details of an event begin with: what it means, when it came, how large it was, where it leads.

A payload as lines of coloured pieces, without the noise of quotation marks, folded and bounded.

A string that could be taken for something else (a number, `true`, nothing, blanks at an edge) keeps its quotes, so that
colour alone never tells what a value is.

What an event means and what normally follows it, from the texts of `voicechat explain`.
"""

from __future__ import annotations

import json
import pprint
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, chop_cells

from voicechat.ui.inspector.entries import Entry, EventStore, IdName, gap_words, session_time
from voicechat.ui.inspector.matching import gap_before
from voicechat.ui.sanitise import show
from voicechat.ui.wording import grouped

Piece = tuple[str, str]
"""Text, and the theme's name of its colour."""
LONGEST_PAYLOAD = 64 * 1024
"""Characters of one payload that are shown."""
LONGEST_STRING = 240
"""Characters of one string, unless it is unfolded."""
DEEPEST = 60
STEP = 2
_LIKE_OTHER = re.compile(r"\s|.*\s$|$|[-+\d.\[\]{}]+$|(true|false|null|NaN|-?Infinity)$|[-+]?[\d.]+([eE][-+]?\d+)?$")


def json_lines(payload: str, width: int, *, unfolded: bool = False) -> list[list[Piece]]:
    """At most 64 kB of a payload over lines of this width; what is left out is counted. Text that is no JSON stays."""
    try:
        value = json.loads(payload, strict=False)
    except (ValueError, RecursionError):
        return _capped(_wrapped([("", "")], show(payload[: 2 * LONGEST_PAYLOAD]), "foreground", width), len(payload))
    lines = _of_value(value, [], 0, max(16, width), unfolded)
    if isinstance(value, dict):  # braces around everything say nothing
        lines = _members(value, 0, max(16, width), unfolded)
    return _capped(lines, len(payload))


def _capped(lines: Iterator[list[Piece]], size: int) -> list[list[Piece]]:
    taken: list[list[Piece]] = []
    characters = 0
    for line in lines:
        taken.append(line)
        characters += sum(len(text) for text, _ in line)
        if characters > LONGEST_PAYLOAD:
            return [*taken, [(f"… the rest of {size} characters is in the copy", "quiet")]]
    return taken


def _of_value(value: object, before: list[Piece], indent: int, width: int, unfolded: bool) -> Iterator[list[Piece]]:
    """Lines of a value whose first one begins with `before`."""
    match value:
        case dict() | list() if not value:
            yield [*before, ("{}" if isinstance(value, dict) else "[]", "quiet")]
        case dict() | list() if indent >= DEEPEST * STEP:
            yield [*before, ("… deeper", "quiet")]
        case dict():
            yield [*before, ("{", "quiet")]
            yield from _members(value, indent + STEP, width, unfolded)
            yield [(" " * indent + "}", "quiet")]
        case list():
            yield [*before, ("[", "quiet")]
            for item in value:
                yield from _of_value(item, [(" " * (indent + STEP), "quiet")], indent + STEP, width, unfolded)
            yield [(" " * indent + "]", "quiet")]
        case str():
            yield from _of_text(value, before, width, unfolded)
        case bool() | None:
            yield [*before, (json.dumps(value), "tool")]
        case _:
            yield [*before, (json.dumps(value), "you")]


def _members(value: dict[str, object], indent: int, width: int, unfolded: bool) -> Iterator[list[Piece]]:
    for name, member in value.items():
        key = (" " * indent + show(name)[:200], "assistant")
        yield from _of_value(member, [key, ("  ", "quiet")], indent, width, unfolded)


def _of_text(value: str, before: list[Piece], width: int, unfolded: bool) -> Iterator[list[Piece]]:
    folded = len(value) > LONGEST_STRING and not unfolded
    text = show(value[:LONGEST_STRING] if folded else value[:LONGEST_PAYLOAD])
    yield from _wrapped(before, f'"{text}"' if _LIKE_OTHER.match(value) else text, "foreground", width)
    if folded:
        indent = " " * (len(before[0][0]) - len(before[0][0].lstrip()) + STEP)
        yield [(f"{indent}… {len(value) - LONGEST_STRING} characters more", "quiet")]


def _wrapped(before: list[Piece], text: str, color: str, width: int) -> Iterator[list[Piece]]:
    """Text after a beginning; what does not fit goes on below its first column where that leaves room."""
    column = cell_len("".join(piece for piece, _ in before))
    if column > width // 2:
        column = min(column, STEP + len(before[0][0]) - len(before[0][0].lstrip()))
    used = cell_len("".join(piece for piece, _ in before))
    lead = before
    for paragraph in text.split("\n"):
        first, rest = _split_at(paragraph, max(8, width - used))
        yield [*lead, (first, color)]
        lead, used = [(" " * column, "quiet")], column
        while rest:
            part, rest = _split_at(rest, max(8, width - column))
            yield [*lead, (part, color)]


def wrapped(text: str, color: str, width: int, indent: int = 0) -> list[list[Piece]]:
    """A sentence over lines of this width."""
    return list(_wrapped([(" " * indent, "quiet")], text, color, width))


def _split_at(text: str, room: int) -> tuple[str, str]:
    """The part that fits, at a blank if one is near the end."""
    if cell_len(text) <= room:
        return text, ""
    head = chop_cells(text[: room + 1], room)[0]
    blank = head.rfind(" ")
    end = blank + 1 if blank > len(head) * 2 // 3 else len(head)
    return text[:end], text[end:]


NEAR = 60.0
"""Seconds between an event and the error it caused, at most."""
LOOKS = 20_000
"""Events that are looked at for a cause or an effect, at most."""
LinkName = Literal["response", "item", "call", "cause", "effect", "before"]


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the event in hand to another one.

    From one event to those it belongs with: its response, its item, its call, and the event that caused an error.

    Ids are looked up in the store. Cause and effect are looked for around the event, not in everything: the server
    answers a bad event within seconds, and the way through a hundred thousand payloads takes a tenth of one.
    """

    name: LinkName
    """`before` is `previous_item_id`."""
    id: str
    first: int
    """Sequence number of the first line with this id."""
    last: int
    count: int
    """Lines with this id, runs folded."""

    @property
    def is_a_way(self) -> bool:
        """Whether it can be walked along."""
        return self.name in ("response", "item", "call")


def links_of(store: EventStore, seq: int) -> tuple[Link, ...]:
    """Every link of an event, the most telling first."""
    entry = store.entry(seq)
    if entry is None:
        return ()
    payload = parsed(store.payload(seq))
    refs = entry.refs
    before = payload.get("previous_item_id")
    made = [
        _cause(store, payload, entry),
        _effect(store, payload, entry),
        _way(store, "response", "response", refs.response),
        _way(store, "item", "item", refs.item),
        _way(store, "call", "call", refs.call),
        _way(store, "before", "item", before if isinstance(before, str) else ""),
    ]
    return tuple(link for link in made if link is not None)


def step_along(link: Link, store: EventStore, seq: int, by: int) -> int:
    """The next (`by` 1) or previous (-1) line of the same response, item or call; stays where there is none."""
    lines = store.lines_with(_id_name(link.name), link.id)
    place = bisect_right(lines, seq) if by > 0 else bisect_left(lines, seq) - 1
    return lines[place] if 0 <= place < len(lines) else seq


def parsed(payload: str) -> dict[str, object]:
    """A payload as an object; empty where it is none. Never raises."""
    try:
        value = json.loads(payload or "{}", strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _id_name(name: LinkName) -> IdName:
    match name:
        case "response" | "call":
            return name
        case _:
            return "item"


def _way(store: EventStore, name: LinkName, id_name: IdName, id: str) -> Link | None:
    lines = store.lines_with(id_name, id) if id else None
    return Link(name, id, lines[0], lines[-1], len(lines)) if lines else None


def _cause(store: EventStore, payload: dict[str, object], entry: Entry) -> Link | None:
    """The client event that an error names."""
    error = payload.get("error")
    id = error.get("event_id") if isinstance(error, dict) else None
    if not isinstance(id, str) or not id:
        return None
    earlier = (store.entries[place] for place in range(entry.seq - store.base - 1, -1, -1))
    found = _first_naming(store, _near(entry, earlier), "out", json.dumps(id))
    return Link("cause", id, found, found, 1) if found is not None else None


def _effect(store: EventStore, payload: dict[str, object], entry: Entry) -> Link | None:
    """The error that names this client event."""
    id = payload.get("event_id")
    if entry.kind.dir != "out" or not isinstance(id, str) or not id:
        return None
    later = (store.entries[place] for place in range(entry.seq - store.base + 1, len(store.entries)))
    errors = (other for other in _near(entry, later) if other.kind.type == "error")
    found = _first_naming(store, errors, "in", json.dumps(id))
    return Link("effect", id, found, found, 1) if found is not None else None


def _near(entry: Entry, others: Iterable[Entry]) -> Iterator[Entry]:
    for looks, other in enumerate(others):
        if looks >= LOOKS or abs(other.t - entry.t) > NEAR:
            return
        yield other


def _first_naming(store: EventStore, entries: Iterable[Entry], direction: str, needle: str) -> int | None:
    """The first whose payload has this JSON string. Audio never causes an error worth a link, and is the bulk."""
    for entry in entries:
        if entry.kind.dir == direction and "audio" not in entry.kind.tags and needle in store.payload(entry.seq):
            return entry.seq
    return None


LONGEST_COPY = 512 * 1024
"""Characters of an excerpt: clipboards reached through a terminal take no more."""
MOST_EVENTS = 5_000
LONGEST_RUN = 500
"""Events of a folded run that are copied as JSON."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A copy, and how much of what was wanted is in it.

    An event, or several, as text for somewhere else: JSON, Python, or lines of a tape.
    """

    text: str
    events: int
    wanted: int


def excerpt(store: EventStore, lines: Sequence[int], *, grouped: bool) -> Excerpt:
    """These lines as a tape, folded runs event by event, in the order they happened; the newest if it is too much."""
    wanted = sorted({seq for line in lines for seq in (store.members(line) if grouped else [line])})
    taken: list[str] = []
    room = LONGEST_COPY
    for seq in reversed(wanted[-MOST_EVENTS:]):
        text = as_tape(store, [seq])
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


def as_tape(store: EventStore, seqs: Iterable[int]) -> str:
    """JSON lines as `voicechat run --json` prints them and a tape holds them: `{"t", "dir", "event"}`."""
    lines = []
    for seq in seqs:
        entry = store.entry(seq)
        if entry is not None:
            line = {"t": round(entry.t, 6), "dir": entry.kind.dir, "event": _event(store, seq)}
            lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    return "".join(lines)


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


LINK_WORDS = {
    "cause": "caused by",
    "effect": "refused with",
    "response": "response",
    "item": "item",
    "call": "call",
    "before": "item before it",
}


@dataclass(frozen=True, slots=True)
class Description:
    """Lines above the payload, and which of them are links."""

    lines: list[list[Piece]]
    link_rows: dict[int, int]
    """Row of `lines` to number in `links`."""


def title_of(entry: Entry) -> tuple[str, str]:
    """Name, and the id that says the most."""
    refs = entry.refs
    return show(entry.kind.type), show(refs.call or refs.response or refs.item)


def describe(store: EventStore, entry: Entry, links: Sequence[Link], width: int) -> Description:
    """Its links (first: a low pane must show them), what it means, its facts."""
    lines: list[list[Piece]] = []
    rows: dict[int, int] = {}
    for number, link in enumerate(links):
        rows[len(lines)] = number
        lines.append(_link_line(store, entry, link, number))
    meaning, follows = meaning_of(entry.kind.type)
    if meaning:
        lines += wrapped(meaning, "foreground", width)
    if follows:
        lines += wrapped(f"Then: {follows}", "quiet", width)
    lines += wrapped(facts_of(store, entry), "quiet", width)
    lines.append([])
    return Description(lines, rows)


def facts_of(store: EventStore, entry: Entry) -> str:
    """When, after what, how large, in which turn."""
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


def _link_line(store: EventStore, entry: Entry, link: Link, number: int) -> list[Piece]:
    line: list[Piece] = [(f"{number + 1} ", "key"), (f"{LINK_WORDS[link.name]} ", "quiet"), (show(link.id), "accent")]
    match link.name:
        case "response" | "item" | "call":
            lines = store.lines_with(link.name, link.id)
            return [*line, (f"  {bisect_right(lines, entry.seq)} of {len(lines)}", "quiet")]
    other = store.entry(link.first)
    return [*line, (f"  {show(other.kind.type)} {session_time(other.t)}" if other else "", "quiet")]
