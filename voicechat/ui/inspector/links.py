"""From one event to those it belongs with: its response, its item, its call, and the event that caused an error.

Ids are looked up in the store. Cause and effect are looked for around the event, not in everything: the server answers
a bad event within seconds, and the way through a hundred thousand payloads takes a tenth of one.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from voicechat.ui.inspector.entries import Entry, EventStore, IdName

NEAR = 60.0
"""Seconds between an event and the error it caused, at most."""
LOOKS = 20_000
"""Events that are looked at for a cause or an effect, at most."""
LinkName = Literal["response", "item", "call", "cause", "effect", "before"]


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the event in hand to another one."""

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
