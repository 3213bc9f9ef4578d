"""From one event to those it belongs with: its response, its item, its call, and the event that caused an error.

Found by looking when asked (some milliseconds in a hundred thousand events), so nothing has to be kept in step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from voicechat.ui.inspector.entries import Entry, EventStore


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the event in hand to another one."""

    name: str
    """`response`, `item`, `call`, `cause`, `effect` or `before` (previous_item_id)."""
    id: str
    first: int
    """Sequence number of the first event with this id."""
    last: int
    count: int


def links_of(store: EventStore, seq: int) -> tuple[Link, ...]:
    """Every link of an event, the most telling first."""
    entry = store.entry(seq)
    if entry is None:
        return ()
    payload = _parsed(store.payload(seq))
    made = [_cause(store, payload), _effect(store, payload, entry)]
    refs = entry.refs
    if refs.response:
        made.append(_run(store, "response", refs.response, lambda other: other.refs.response == refs.response))
    if refs.item:
        made.append(_run(store, "item", refs.item, lambda other: other.refs.item == refs.item))
    if refs.call:
        made.append(_run(store, "call", refs.call, lambda other: other.refs.call == refs.call))
    before = payload.get("previous_item_id")
    if isinstance(before, str) and before:
        made.append(_run(store, "before", before, lambda other: other.refs.item == before))
    return tuple(link for link in made if link is not None)


def step_along(link: Link, store: EventStore, seq: int, by: int) -> int:
    """The next (`by` 1) or previous (-1) event of the same response, item or call; stays where there is none."""
    same = {"response": lambda e: e.refs.response == link.id, "item": lambda e: e.refs.item == link.id}
    test: Callable[[Entry], bool] = same.get(link.name, lambda e: e.refs.call == link.id)
    place = seq - store.base + by
    while 0 <= place < len(store.entries):
        entry = store.entries[place]
        if test(entry) and entry.head == entry.seq:
            return entry.seq
        place += by
    return seq


def _run(store: EventStore, name: str, id: str, test: Callable[[Entry], bool]) -> Link | None:
    found = [entry.seq for entry in store.entries if test(entry)]
    return Link(name, id, found[0], found[-1], len(found)) if found else None


def _cause(store: EventStore, payload: dict[str, object]) -> Link | None:
    """The client event that an error names."""
    error = payload.get("error")
    id = error.get("event_id") if isinstance(error, dict) else None
    if not isinstance(id, str) or not id:
        return None
    found = _with_event_id(store, id, "out")
    return Link("cause", id, found, found, 1) if found is not None else None


def _effect(store: EventStore, payload: dict[str, object], entry: Entry) -> Link | None:
    """The error that names this client event."""
    id = payload.get("event_id")
    if entry.kind.dir != "out" or not isinstance(id, str) or not id:
        return None
    needle = id.encode()
    for first, blob in store.blobs():
        if needle not in blob:
            continue
        for i, line in enumerate(blob.split(b"\n")):
            other = store.entry(first + i)
            if needle in line and other is not None and other.kind.type == "error":
                return Link("effect", id, other.seq, other.seq, 1)
    return None


def _with_event_id(store: EventStore, id: str, direction: str) -> int | None:
    needle = json.dumps(id).encode()
    for first, blob in store.blobs():
        if needle not in blob:
            continue
        for i, line in enumerate(blob.split(b"\n")):
            other = store.entry(first + i)
            if needle not in line or other is None or other.kind.dir != direction:
                continue
            if _parsed(line.decode()).get("event_id") == id:
                return other.seq
    return None


def _parsed(payload: str) -> dict[str, object]:
    try:
        value = json.loads(payload or "{}", strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
