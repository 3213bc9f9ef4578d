"""Every event the screen has been told of: light entries in memory, payloads packed away in compressed slabs.

100 000 events cost about 40 MB this way. When 200 000 are kept the oldest slab goes; sequence numbers never change, so
a cursor, a mark or a query survives that. Runs of deltas of one item are folded into the line of their first event.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from voicechat.engine.link import EventRow

KEEP = 200_000
"""Events kept; then the oldest slab goes (5 % at a time, so dropping costs nothing per event)."""
SLAB = 256
"""Payloads compressed together: large enough to pack ten to one, small enough to unpack in a millisecond."""
LONGEST_RUN_TEXT = 400
"""Characters of a run's text that its line keeps: nobody reads more on one row."""

Direction = Literal["in", "out", "local"]


class Kind(msgspec.Struct, frozen=True, gc=False):
    """What many events share. One object for each combination, so a query looks at kinds before it looks at events."""

    number: int
    dir: Direction
    type: str
    tags: tuple[str, ...] = ()
    """Words of the engine: `mine` (typed by the user), `unknown`, `harmless`, `audio`."""

    @property
    def is_delta(self) -> bool:
        return self.type.endswith(".delta")


class Refs(msgspec.Struct, frozen=True, gc=False):
    """The ids an event carries; empty where it has none."""

    response: str = ""
    item: str = ""
    call: str = ""


class Entry(msgspec.Struct, gc=False):
    """One event. Its payload is fetched with `EventStore.payload`."""

    seq: int
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


class Run(msgspec.Struct):
    """A run of deltas that is shown as one line."""

    count: int
    last: int
    """Sequence number of its newest event."""
    text: str
    size: int
    """Bytes of all of them on the wire."""


NO_REFS = Refs()
_TURN_STARTS = frozenset({"input_audio_buffer.speech_started", "talk.pressed", "text.entered"})
_RUN_ENDS = (".done", ".completed", ".failed", ".truncated")


class EventStore:
    """Entries by sequence number. `add` is called with batches; everything else is asked."""

    def __init__(self, keep: int = KEEP) -> None:
        self.entries: list[Entry] = []
        self.base = 0
        """Position of `entries[0]` among all that ever came."""
        self.kinds: list[Kind] = []
        self.kind_of = array("H")
        """Kind numbers, parallel to `entries`: what a query scans."""
        self.runs: dict[int, Run] = {}
        self._keep = max(keep, 2 * SLAB)
        self._kinds: dict[tuple[str, str, tuple[str, ...]], Kind] = {}
        self._refs: dict[tuple[str, str, str], Refs] = {}
        self._open_runs: dict[tuple[int, str], int] = {}
        self._slabs: list[bytes] = []
        self._fresh: list[bytes] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def end(self) -> int:
        """One past the newest sequence number."""
        return self.base + len(self.entries)

    def add(self, rows: Iterable[EventRow]) -> int:
        """Take in new events; how many of the oldest were dropped for it."""
        for row in rows:
            self._add(row)
        return self._drop()

    def entry(self, seq: int) -> Entry | None:
        """The event with this number; None when it was dropped or never came."""
        place = seq - self.base
        return self.entries[place] if 0 <= place < len(self.entries) else None

    def run(self, seq: int) -> Run | None:
        """The run of several events that begins here."""
        return self.runs.get(seq)

    def payload(self, seq: int) -> str:
        """Its JSON; empty when it was dropped."""
        place = seq - self.base
        if not 0 <= place < len(self.entries):
            return ""
        slab, line = divmod(place, SLAB)
        if slab >= len(self._slabs):
            return self._fresh[place - len(self._slabs) * SLAB].decode()
        return zlib.decompress(self._slabs[slab]).split(b"\n")[line].decode()

    def blobs(self) -> Iterator[tuple[int, bytes]]:
        """The payloads, slab by slab: sequence number of the first, and the lines. For searches through everything."""
        for number, slab in enumerate(self._slabs):
            yield self.base + number * SLAB, zlib.decompress(slab)
        if self._fresh:
            yield self.base + len(self._slabs) * SLAB, b"\n".join(self._fresh)

    def _add(self, row: EventRow) -> None:
        kind = self._kind(row)
        if row.type in _TURN_STARTS:
            self._turn += 1
        refs = self._shared(row.refs)
        seq = self.end
        head = self._fold(kind, refs, seq, row)
        self.entries.append(Entry(seq, row.t, kind, row.summary, row.size, refs, self._turn, head))
        self.kind_of.append(kind.number)
        self._fresh.append(row.payload.encode("utf-8", "replace").replace(b"\n", b" "))
        if len(self._fresh) == SLAB:
            self._slabs.append(zlib.compress(b"\n".join(self._fresh), 1))
            self._fresh = []

    def _kind(self, row: EventRow) -> Kind:
        key = (row.dir, row.type, row.tags)
        kind = self._kinds.get(key)
        if kind is None:
            # A server that invents a type per event must not fill the table: what is beyond it shares a kind.
            if len(self.kinds) >= 4_096 and row.type != "…":
                return self._kind(msgspec.structs.replace(row, type="…", tags=("unknown",)))
            kind = Kind(len(self.kinds), row.dir, row.type, row.tags)
            self._kinds[key] = kind
            self.kinds.append(kind)
        return kind

    def _shared(self, refs: Sequence[str]) -> Refs:
        if not any(refs):
            return NO_REFS
        key = (refs[0], refs[1], refs[2])
        shared = self._refs.get(key)
        if shared is None:
            shared = self._refs[key] = Refs(*key)
        return shared

    def _fold(self, kind: Kind, refs: Refs, seq: int, row: EventRow) -> int:
        name = refs.item or refs.response or refs.call
        if not kind.is_delta:
            if self._open_runs and kind.type.endswith(_RUN_ENDS):
                self._close_runs(refs, name)
            return seq
        key = (kind.number, name)
        head = self._open_runs.get(key)
        if head is None:
            self._open_runs[key] = seq
            return seq
        run = self.runs.get(head)
        if run is None:
            first = self.entry(head)
            run = self.runs[head] = Run(1, head, first.summary if first else "", first.size if first else 0)
        run.count += 1
        run.last = seq
        run.size += row.size
        if len(run.text) < LONGEST_RUN_TEXT:
            run.text += row.summary
        return head

    def _close_runs(self, refs: Refs, name: str) -> None:
        """The end of an item ends its runs; the end of a response has no item and ends those of every item."""
        ended = [key for key in self._open_runs if not refs.item or key[1] == name]
        for key in ended:
            del self._open_runs[key]

    def _drop(self) -> int:
        over = len(self.entries) - self._keep
        if over < self._keep // 20:
            return 0
        slabs = -(-over // SLAB)
        gone = min(slabs, len(self._slabs)) * SLAB
        del self.entries[:gone], self.kind_of[:gone], self._slabs[: gone // SLAB]
        self.base += gone
        self.runs = {head: run for head, run in self.runs.items() if head >= self.base}
        self._open_runs = {key: head for key, head in self._open_runs.items() if head >= self.base}
        self._refs.clear()  # ids that come again are shared anew
        return gone
