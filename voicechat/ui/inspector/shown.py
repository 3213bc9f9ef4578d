"""The lines that a filter shows, kept up to date as events come: only new events are ever matched again."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Container
from dataclasses import replace

from voicechat.ui.inspector.entries import Entry, EventStore
from voicechat.ui.inspector.matching import matching
from voicechat.ui.inspector.query import EVERYTHING, Field, Moment, Query


class Shown:
    """Sequence numbers of the lines in sight of a query, oldest first. A run appears once, where it began."""

    def __init__(self, store: EventStore, marked: Container[int] = ()) -> None:
        self.store = store
        self.asked = EVERYTHING
        """The query as it was asked."""
        self.query = EVERYTHING
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
        terms = tuple(
            replace(sought, term=Moment(sought.term.side, newest - sought.term.seconds, ago=False))
            if isinstance(sought.term, Moment) and sought.term.ago
            else sought
            for sought in query.terms
        )
        self.query = Query(terms, query.grouped)
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
            elif not self._has(seq):  # a run that is listed because of a later delta
                insort(self.rows, seq)
        self._matched = self.store.end
        return gone

    def marks_changed(self) -> bool:
        """Ask again where the query is about marks; whether it was."""
        about = any(isinstance(s.term, Field) and "marked" in s.term.values for s in self.query.terms)
        if about:
            self.ask(self.query)
        return about

    def place_of(self, seq: int) -> int:
        """The line of an event, else the first later one, else the last; 0 where there is none."""
        return max(0, min(bisect_left(self.rows, seq), len(self.rows) - 1))

    def has_line(self, seq: int) -> bool:
        """Whether this line is in sight of the query."""
        return self._has(seq)

    def since(self, seq: int) -> int:
        """How many lines begin after this event."""
        return len(self.rows) - bisect_right(self.rows, seq)

    def nearest(self, t: float) -> int | None:
        """The line nearest to a time of the session."""
        if not self.rows:
            return None
        at = bisect_left(self.rows, t, key=self._time)
        near = self.rows[max(0, at - 1) : at + 1]
        return min(near, key=lambda seq: abs(self._time(seq) - t))

    def times(self, start: float, end: float) -> list[float]:
        """When the lines between two moments happened, seconds of the session."""
        first = bisect_left(self.rows, start, key=self._time)
        last = bisect_right(self.rows, end, key=self._time)
        return [self._time(seq) for seq in self.rows[first:last]]

    def before(self, place: int) -> Entry | None:
        """The event of the line above."""
        return self.store.entry(self.rows[place - 1]) if 0 < place <= len(self.rows) else None

    def _has(self, seq: int) -> bool:
        place = bisect_left(self.rows, seq)
        return place < len(self.rows) and self.rows[place] == seq

    def _time(self, seq: int) -> float:
        entry = self.store.entry(seq)
        return entry.t if entry is not None else 0.0
