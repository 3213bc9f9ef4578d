"""An event, or several, as text for somewhere else: JSON, Python, or lines of a tape."""

from __future__ import annotations

import json
import pprint
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicechat.ui.inspector.entries import EventStore

LONGEST_COPY = 512 * 1024
"""Characters of an excerpt: clipboards reached through a terminal take no more."""
MOST_EVENTS = 5_000
LONGEST_RUN = 500
"""Events of a folded run that are copied as JSON."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A copy, and how much of what was wanted is in it."""

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
