"""Every event the screen has been told of, packed away in compressed slabs; only the newest lie open.

An hour of talk, about 12 000 events, costs 1 MB this way. When 200 000 are kept the oldest slab goes; sequence numbers
never change, so a cursor, a mark or a query survives that. Runs of deltas of one item are folded into the line of their
first event.

Two numbers name an event. The store's own (`Entry.seq`) has no gaps and never begins anew; everything in this package
means it. The engine's (`EventRow.seq`) is what evidence and other panes name an event by: it has gaps where the link
dropped rows and begins anew with a new engine. `number_of` and `engine_seq` translate.

Times, gaps and amounts in few columns.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, overload

import msgspec

from voicechat.engine.link import EventRow


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


KEEP = 10_000
"""Events of a talk that are kept, 170 bytes each, some 150 exchanges; then the oldest slab goes. The tape holds all."""
KEEP_OF_TAPE = 200_000
"""The same for a tape that is looked at again."""
SLAB = 256
"""Events compressed together: large enough to pack ten to one, small enough to unpack in a millisecond."""
OPEN = 8 * SLAB
"""Newest entries that stay unpacked: what is on the screen, with the pages before it."""
UNPACKED = 4
"""Older slabs of entries that stay unpacked after somebody read in them."""
LONGEST_RUN_TEXT = 400
"""Characters of a run's text that its line keeps: nobody reads more on one row."""

Direction = Literal["in", "out", "local"]
IdName = Literal["response", "item", "call"]


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
    added: float | None = None
    """Seconds that a tap has kept it."""


class Run(msgspec.Struct):
    """A run of deltas that is shown as one line."""

    count: int
    last: int
    """Sequence number of its newest event."""
    text: str
    size: int
    """Bytes of all of them on the wire."""
    is_cut: bool = False
    """There was more text than is kept."""


class _Packed(msgspec.Struct, array_like=True, gc=False):
    """An entry as it lies in a slab; its number follows from its place."""

    t: float
    kind: int
    summary: str
    size: int
    refs: tuple[str, str, str]
    turn: int
    head: int
    added: float | None


_PACK, _UNPACK = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(list[_Packed])
NO_REFS = Refs()
_TURN_STARTS = frozenset({"input_audio_buffer.speech_started", "talk.pressed", "text.entered"})
_RUN_ENDS = (".done", ".completed", ".failed", ".truncated")


class Entries(Sequence[Entry]):
    """The entries that are kept, oldest first. Whoever reads them in order unpacks each slab once."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._slabs: list[bytes] = []
        self._open: list[Entry] = []
        self._unpacked: dict[int, list[Entry]] = {}
        """By the number of their first entry, which stays when older slabs go; the one unpacked last is the last."""
        self._first = 0
        """Number of the oldest entry."""

    def __len__(self) -> int:
        return len(self._slabs) * SLAB + len(self._open)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        packed = len(self._slabs) * SLAB
        if place < 0:
            place += packed + len(self._open)
        if place >= packed:
            return self._open[place - packed]
        if place < 0:
            raise IndexError(place)
        slab, line = divmod(place, SLAB)
        entries = self._unpacked.get(self._first + slab * SLAB)
        return (entries if entries is not None else self._unpack(slab))[line]

    def append(self, entry: Entry) -> None:
        """Take in the newest; when enough lie open the oldest of those are packed."""
        self._open.append(entry)
        if len(self._open) >= OPEN + SLAB:
            packed = [
                _Packed(
                    old.t, old.kind.number, old.summary, old.size,
                    (old.refs.response, old.refs.item, old.refs.call), old.turn, old.head, old.added,
                )
                for old in self._open[:SLAB]
            ]  # fmt: skip
            self._slabs.append(zlib.compress(_PACK.encode(packed), 1))
            del self._open[:SLAB]

    def drop(self, slabs: int) -> None:
        """Forget the oldest."""
        gone = min(slabs, len(self._slabs))
        del self._slabs[:gone], self._open[: (slabs - gone) * SLAB]
        self._first += slabs * SLAB
        self._unpacked = {first: entries for first, entries in self._unpacked.items() if first >= self._first}

    def clear(self, first: int) -> None:
        """Forget all; the next one has this number."""
        del self._slabs[:], self._open[:]
        self._unpacked.clear()
        self._first = first

    def _unpack(self, slab: int) -> list[Entry]:
        first = self._first + slab * SLAB
        entries = [
            Entry(
                first + line, packed.t, self._kinds[packed.kind], packed.summary, packed.size,
                Refs(*packed.refs) if any(packed.refs) else NO_REFS, packed.turn, packed.head, packed.added,
            )
            for line, packed in enumerate(_UNPACK.decode(zlib.decompress(self._slabs[slab])))
        ]  # fmt: skip
        while len(self._unpacked) >= UNPACKED:
            del self._unpacked[next(iter(self._unpacked))]
        self._unpacked[first] = entries
        return entries


class EventStore:
    """Entries by sequence number. `add` is called with batches; everything else is asked."""

    def __init__(self, keep: int = KEEP) -> None:
        self.base = 0
        """Position of `entries[0]` among all that ever came."""
        self.kinds: list[Kind] = []
        self.entries = Entries(self.kinds)
        self.kind_of = array("H")
        """Kind numbers, parallel to `entries`."""
        self.heads = array("q")
        """Numbers of the events that their lines begin with, parallel to `entries`."""
        self.lines = array("q")
        """Numbers of the events that begin a line: every event that is not inside a run."""
        self.line_kinds = array("H")
        """Kind numbers, parallel to `lines`."""
        self.runs: dict[int, Run] = {}
        self.keep = max(keep, 2 * SLAB)
        """Most events."""
        self._engine_seqs = array("q")
        """The engine's numbers, parallel to `entries`: ascending from each number in `_lives` on."""
        self._lives: list[int] = []
        self._lines_with: dict[IdName, dict[str, array[int]]] = {"response": {}, "item": {}, "call": {}}
        self._kinds: dict[tuple[str, str, tuple[str, ...]], Kind] = {}
        self._refs: dict[tuple[str, str, str], Refs] = {}
        self._open_runs: dict[tuple[int, str], int] = {}
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

    def engine_seq(self, seq: int) -> int:
        """The engine's number of an event; -1 when it was dropped."""
        place = seq - self.base
        return self._engine_seqs[place] if 0 <= place < len(self.entries) else -1

    def number_of(self, engine_seq: int) -> int | None:
        """The store's number of what the engine calls so, of its present life first; None when it is not kept."""
        end = len(self.entries)
        for began in reversed(self._lives):
            first = max(0, began - self.base)
            place = bisect_left(self._engine_seqs, engine_seq, first, end)
            if place < end and self._engine_seqs[place] == engine_seq:
                return self.base + place
            end = first
        return None

    def lines_with(self, name: IdName, id: str) -> array[int]:
        """Sequence numbers of the lines (runs folded) that carry an id, oldest first."""
        known = self._lines_with[name].get(id, array("q"))
        return known[bisect_left(known, self.base) :]

    def members(self, seq: int) -> list[int]:
        """Every event of the run that begins here; the event alone where there is no run."""
        run = self.runs.get(seq)
        if run is None:
            return [seq] if self.entry(seq) is not None else []
        return [other for other in range(seq, run.last + 1) if self.heads[other - self.base] == seq]

    def payload(self, seq: int) -> str:
        """Its JSON; empty when it was dropped."""
        place = seq - self.base
        if not 0 <= place < len(self.entries):
            return ""
        slab, line = divmod(place, SLAB)
        if slab >= len(self._slabs):
            return self._fresh[place - len(self._slabs) * SLAB].decode()
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

    def _add(self, row: EventRow) -> None:
        kind = self._kind(row)
        if row.type in _TURN_STARTS:
            self._turn += 1
        refs = self._shared(row.refs)
        seq = self.end
        head = self._fold(kind, refs, seq, row)
        self.entries.append(Entry(seq, row.t, kind, row.summary, row.size, refs, self._turn, head, row.added))
        self.kind_of.append(kind.number)
        self.heads.append(head)
        if not self._lives or row.seq <= self._engine_seqs[-1]:
            self._lives.append(seq)
        self._engine_seqs.append(row.seq)
        if head == seq:
            self.lines.append(seq)
            self.line_kinds.append(kind.number)
            if refs is not NO_REFS:
                self._note_ids(refs, seq)
        self._fresh.append(row.payload.encode("utf-8", "replace").replace(b"\n", b" "))
        if len(self._fresh) == SLAB:
            self._slabs.append(zlib.compress(b"\n".join(self._fresh), 1))
            self._fresh = []

    def _note_ids(self, refs: Refs, seq: int) -> None:
        named = self._lines_with
        for lines, id in ((named["response"], refs.response), (named["item"], refs.item), (named["call"], refs.call)):
            if not id:
                continue
            known = lines.get(id)
            if known is None:
                lines[id] = array("q", (seq,))
            else:
                known.append(seq)

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
            if len(self._refs) >= SLAB:  # ids that come again are shared anew
                self._refs.clear()
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
        elif row.summary:
            run.is_cut = True
        return head

    def _close_runs(self, refs: Refs, name: str) -> None:
        """The end of an item ends its runs; the end of a response has no item and ends those of every item."""
        ended = [key for key in self._open_runs if not refs.item or key[1] == name]
        for key in ended:
            del self._open_runs[key]

    def clear(self) -> None:
        """Forget every event. Numbers go on, as they do with a new engine."""
        self.base = self.end
        self.entries.clear(self.base)
        del self.kind_of[:], self.heads[:], self._engine_seqs[:], self.lines[:], self.line_kinds[:]
        self.runs.clear()
        self._open_runs.clear()
        self._refs.clear()
        for lines in self._lines_with.values():
            lines.clear()
        self._slabs, self._fresh, self._lives, self._opened, self._turn = [], [], [], (-1, []), 0

    def _drop(self) -> int:
        over = len(self.entries) - self.keep
        if over < self.keep // 20:
            return 0
        slabs = -(-over // SLAB)
        gone = min(slabs, len(self._slabs)) * SLAB
        self.entries.drop(gone // SLAB)
        del self.kind_of[:gone], self.heads[:gone], self._engine_seqs[:gone], self._slabs[: gone // SLAB]
        self.base += gone
        kept = bisect_left(self.lines, self.base)
        del self.lines[:kept], self.line_kinds[:kept]
        self._lives = [began for n, began in enumerate(self._lives) if began >= self.base or n == len(self._lives) - 1]
        for name, lines in self._lines_with.items():
            self._lines_with[name] = {id: known for id, known in lines.items() if known[-1] >= self.base}
        self.runs = {head: run for head, run in self.runs.items() if head >= self.base}
        self._open_runs = {key: head for key, head in self._open_runs.items() if head >= self.base}
        return gone
