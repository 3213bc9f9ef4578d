"""What the details of an event begin with: what it means, when it came, how large it was, where it leads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from voicechat.ui.inspector.entries import Entry, EventStore
from voicechat.ui.inspector.json_lines import Piece, wrapped
from voicechat.ui.inspector.links import Link
from voicechat.ui.inspector.matching import gap_before
from voicechat.ui.inspector.meaning import meaning_of
from voicechat.ui.inspector.words import gap_words, grouped, session_time
from voicechat.ui.sanitise import show

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
