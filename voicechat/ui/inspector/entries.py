"""Every event the screen has received: entries, their payloads in compressed slabs, and the ids they carry.

An hour of talk, about 12 000 events, costs 3 MB this way. When `keep` are kept the oldest slab goes; sequence numbers
never change, so a cursor, a mark or a query survives that. Runs of deltas of one item are folded into the line of their
first event.

Two numbers name an event. The store's own (`Entry.seq`) has no gaps and never begins anew; everything in this package
means it. The engine's (`Row.seq`) is what evidence and other panes name an event by: it has gaps where the link
dropped rows and begins anew with a new engine. `number_of` and `engine_seq` translate.
"""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from voicechat.journal.entry import Entry as Row, refs_of, summary_of


def session_time(t: float) -> str:
    """`4:06.900`"""
    ms = round(abs(t) * 1000)
    return f"{'−' if t < 0 and ms else ''}{ms // 60_000}:{ms % 60_000 // 1000:02d}.{ms % 1000:03d}"


def relative_time(t: float) -> str:
    """`+0:01.204`, `−12:03.40`: nine columns up to a hundred minutes."""
    told = session_time(abs(t))
    return ("−" if t < 0 else "+") + (told[:8] if len(told) <= 10 else told.partition(".")[0])


def gap_words(gap: float | None) -> str:
    """`+312 ms`, `+1.20 s`, `+3:20`: at most eight columns."""
    if gap is None:
        return ""
    ms = max(0, round(gap * 1000))
    if ms < 1000:
        return f"+{ms} ms"
    if ms < 100_000:
        return f"+{ms / 1000:.2f} s" if ms < 9_995 else f"+{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    return f"+{seconds // 60}:{seconds % 60:02d}"


def parsed(payload: str) -> dict[str, Any]:
    """A payload as an object; empty where it is none. Never raises."""
    try:
        value = json.loads(payload or "{}", strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


KEEP = 10_000
"""Events of a talk that are kept, 280 bytes each, some 150 exchanges; then the oldest slab goes. The tape holds all."""
KEEP_OF_TAPE = 200_000
"""The same for a tape that is looked at again."""
SLAB = 256
"""Payloads compressed together: large enough to pack ten to one, small enough to unpack in a millisecond."""
LONGEST_RUN_TEXT = 400
"""Characters of a run's text that its line keeps."""

Direction = Literal["in", "out", "local"]


class Kind(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What many events share. One object for each combination, so a query looks at kinds before it looks at events."""

    dir: Direction
    type: str
    tags: tuple[str, ...] = ()
    """Words of the engine: `mine` (typed by the user), `unknown`, `harmless`, `audio`."""

    @property
    def is_delta(self) -> bool:
        return self.type.endswith(".delta")


class Refs(NamedTuple):
    """The ids an event carries; empty where it has none."""

    response: str = ""
    item: str = ""
    call: str = ""


class Entry(msgspec.Struct, gc=False):
    """One event. Its payload is fetched with `EventStore.payload`."""

    seq: int
    engine_seq: int
    t: float
    """Session time in seconds."""
    kind: Kind
    summary: str
    size: int
    refs: Refs
    turn: int
    """Number of the turn it belongs to, from 1; 0 before the first."""
    head: int
    """Sequence number of the first event of its run; its own where it is in no run or begins one."""
    added: float | None = None
    """Seconds that a tap has kept it."""


class Run(msgspec.Struct):
    count: int
    last: int
    """Sequence number of its newest event."""
    text: str
    size: int
    """Bytes of all of them on the wire."""
    is_cut: bool = False
    """There was more text than is kept."""


_TURN_STARTS = frozenset({"input_audio_buffer.speech_started", "talk.pressed", "text.entered"})
_RUN_ENDS = (".done", ".completed", ".failed", ".truncated")


@lru_cache(maxsize=256)
def _shared(refs: tuple[str, str, str]) -> Refs:
    """One object for the deltas of an item."""
    return Refs(*refs)


class EventStore:
    """Entries by sequence number. `add` is called with batches; everything else is asked."""

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = max(keep, 2 * SLAB)
        """Most events."""
        self.kinds: dict[tuple[str, str, tuple[str, ...]], Kind] = {}
        self._begin(0)

    def _begin(self, base: int) -> None:
        self.base = base
        """Position of `entries[0]` among all that ever came."""
        self.entries: list[Entry] = []
        self.lines = array("q")
        """Numbers of the events that begin a line: every event that is not inside a run."""
        self.runs: dict[int, Run] = {}
        self._lives: list[int] = []
        """Where the engine's numbers begin anew; they ascend from each of these on."""
        self._lines_with: defaultdict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))
        self._open_runs: dict[tuple[Kind, str], int] = {}
        self._slabs: list[bytes] = []
        self._fresh: list[bytes] = []
        self._opened: tuple[int, list[bytes]] = (-1, [])
        self._turn = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def end(self) -> int:
        """One past the newest sequence number."""
        return self.base + len(self.entries)

    def add(self, rows: Iterable[Row]) -> int:
        """Take in new events; how many of the oldest were dropped for it."""
        for row in rows:
            self._add(row)
        return self._drop()

    def clear(self) -> None:
        """Forget every event. Numbers go on, as they do with a new engine."""
        self._begin(self.end)

    def entry(self, seq: int) -> Entry | None:
        """The event with this number; None when it was dropped or never came."""
        place = seq - self.base
        return self.entries[place] if 0 <= place < len(self.entries) else None

    def run(self, seq: int) -> Run | None:
        return self.runs.get(seq)

    def engine_seq(self, seq: int) -> int:
        """The engine's number of an event; -1 when it was dropped."""
        entry = self.entry(seq)
        return -1 if entry is None else entry.engine_seq

    def number_of(self, engine_seq: int) -> int | None:
        """The store's number of what the engine calls so, of its present life first; None when it is not kept."""
        end = len(self.entries)
        for began in reversed(self._lives):
            first = max(0, began - self.base)
            place = bisect_left(self.entries, engine_seq, first, end, key=lambda entry: entry.engine_seq)
            if place < end and self.entries[place].engine_seq == engine_seq:
                return self.base + place
            end = first
        return None

    def lines_with(self, name: str, id: str) -> array[int]:
        """Sequence numbers of the lines (runs folded) that carry an id, oldest first."""
        known = self._lines_with.get((name, id), array("q"))
        return known[bisect_left(known, self.base) :]

    def members(self, seq: int) -> list[int]:
        """Every event of the run that begins here; the event alone where there is no run."""
        run = self.runs.get(seq)
        if run is None:
            return [seq] if self.entry(seq) is not None else []
        inside = self.entries[seq - self.base : run.last + 1 - self.base]
        return [entry.seq for entry in inside if entry.head == seq]

    def payload(self, seq: int) -> str:
        """Its JSON; empty when it was dropped."""
        place = seq - self.base
        if not 0 <= place < len(self.entries):
            return ""
        slab, line = divmod(place, SLAB)
        if slab >= len(self._slabs):
            return self._fresh[line].decode()
        first = self.base + slab * SLAB
        if self._opened[0] != first:  # whoever reads one payload reads its neighbours next
            self._opened = (first, zlib.decompress(self._slabs[slab]).split(b"\n"))
        return self._opened[1][line].decode()

    def blobs(self) -> Iterator[tuple[int, bytes]]:
        """The payloads, slab by slab: sequence number of the first, and the lines. For searches through everything."""
        for number, slab in enumerate(self._slabs):
            yield self.base + number * SLAB, zlib.decompress(slab)
        if self._fresh:
            yield self.base + len(self._slabs) * SLAB, b"\n".join(self._fresh)

    def _add(self, row: Row) -> None:
        kind, refs, seq, summary = self._kind(row), _shared(refs_of(row.event)), self.end, summary_of(row)
        if row.type in _TURN_STARTS:
            self._turn += 1
        head = self._fold(kind, refs, seq, row.size, summary)
        if not self.entries or row.seq <= self.entries[-1].engine_seq:
            self._lives.append(seq)
        self.entries.append(Entry(seq, row.seq, row.t, kind, summary, row.size, refs, self._turn, head, row.added))
        if head == seq:
            self.lines.append(seq)
            for name, id in zip(Refs._fields, refs, strict=True):
                if id:
                    self._lines_with[name, id].append(seq)
        self._fresh.append(msgspec.json.encode(row.event))
        if len(self._fresh) == SLAB:
            self._slabs.append(zlib.compress(b"\n".join(self._fresh), 1))
            self._fresh = []

    def _kind(self, row: Row) -> Kind:
        key = (row.dir, row.type, row.tags)
        kind = self.kinds.get(key)
        if kind is None:
            # A server that invents a type per event must not fill the table: what is beyond it shares a kind.
            if len(self.kinds) >= 4_096 and row.type != "…":
                return self._kind(msgspec.structs.replace(row, event={"type": "…"}, tags=("unknown",)))
            kind = self.kinds[key] = Kind(row.dir, row.type, row.tags)
        return kind

    def _fold(self, kind: Kind, refs: Refs, seq: int, size: int, summary: str) -> int:
        """The event that this one's line begins with."""
        name = refs.item or refs.response or refs.call
        if not kind.is_delta:
            if self._open_runs and kind.type.endswith(_RUN_ENDS):
                # The end of an item ends its runs; the end of a response has no item and ends those of every item.
                self._open_runs = {key: head for key, head in self._open_runs.items() if refs.item and key[1] != name}
            return seq
        head = self._open_runs.setdefault((kind, name), seq)
        first = self.entry(head)
        if head == seq or first is None:
            return head
        run = self.runs.setdefault(head, Run(1, head, first.summary, first.size))
        run.count += 1
        run.last = seq
        run.size += size
        if len(run.text) < LONGEST_RUN_TEXT:
            run.text += summary
        elif summary:
            run.is_cut = True
        return head

    def _drop(self) -> int:
        over = len(self.entries) - self.keep
        if over < self.keep // 20:
            return 0
        gone = min(-(-over // SLAB), len(self._slabs)) * SLAB
        del self.entries[:gone], self._slabs[: gone // SLAB]
        self.base += gone
        del self.lines[: bisect_left(self.lines, self.base)]
        self._lives = [began for n, began in enumerate(self._lives) if began >= self.base or n == len(self._lives) - 1]
        for key in [key for key, known in self._lines_with.items() if known[-1] < self.base]:
            del self._lines_with[key]
        self.runs = {head: run for head, run in self.runs.items() if head >= self.base}
        self._open_runs = {key: head for key, head in self._open_runs.items() if head >= self.base}
        return gone
