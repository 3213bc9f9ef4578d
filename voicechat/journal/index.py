"""A tape made ready to be shown at any moment: run once, front to back, and looked up by time from then on.

The core runs over the inputs again; of its states one in `EVERY` is kept (they are immutable and share what did not
change), and a moment between two is at most `EVERY` steps away. What the panes show beside the state - rows of events,
findings, figures, the microphone's history - is kept as it came, so going back costs a look, not a second run.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from voicechat.config.settings import Settings
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.step import step
from voicechat.core.viewing import mic_view
from voicechat.engine.eventlog import row_of
from voicechat.engine.figures import Bookkeeper
from voicechat.engine.link import FromEngine, MicSpan, Numbers
from voicechat.engine.problems import Problems
from voicechat.errors import TapeError
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry
from voicechat.journal.observers import Observers
from voicechat.journal.rerun import Past, walk
from voicechat.journal.source import Source
from voicechat.journal.tape import TapeLine

EVERY = 64
"""Inputs between two kept states: a seek runs at most so many steps (about 5 ms)."""
LOOK = 0.25
"""Seconds of tape between two looks of the checks at what did not happen."""
LONGEST_SILENCE = 600.0
"""Seconds without a line over which the checks look every `LOOK`; nothing they wait for takes longer."""
_SOUND: Final = re.compile(r"<(\d{1,8}) bytes of base64>")


@dataclass(frozen=True, slots=True)
class Shot:
    """The session at one moment of the core's clock."""

    state: State
    policy: TurnPolicy
    now: float


class Film:
    """`develop` it as far as is wanted, then ask. Times are session time, seconds."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self.length = source.length
        self.rows: list[Entry] = []
        self.row_times: list[float] = []
        self.mic: list[MicSpan] = []
        self.findings: list[tuple[float, Finding]] = []
        self.numbers: list[Numbers] = []
        self.developed = 0.0
        """So far every moment is known."""
        self.is_whole = False
        self.problem = ""
        """Why the rest of the tape cannot be shown; empty: it can."""
        self.zero = 0.0
        """The core's clock at session time 0."""
        self._walk: Iterator[tuple[TapeLine, Past | None]] = walk(source.head, source.entries())
        self._inputs: list[tuple[float, Event]] = []
        self._times: list[float] = []
        self._kept: list[State] = []
        self._policy = TurnPolicy()
        self._last: tuple[int, State] = (0, State())
        """The newest state that was asked for, and the number of inputs it comes after."""
        self._looked = 0.0
        self._line = 1
        self._problems = Problems(self._take)
        self._book = Bookkeeper(settings, self._take)
        observers = Observers(self._observer_stopped)
        self._list = observers.guarded("event list", self._list_event)
        self._check = observers.guarded("problem checks", self._problems.watch)
        self._tick_checks = observers.guarded("problem checks", self._problems.tick)
        self._count = observers.guarded("metrics", self._book.watch)
        self._tick_metrics = observers.guarded("metrics", self._book.tick)

    def develop(self, until: float, steps: int = 1_000_000_000) -> None:
        """Run on to a moment, or for so many lines. Raises nothing: a tape that cannot be read further ends there."""
        while not self.is_whole and self.developed <= until and steps > 0:
            steps -= 1
            try:
                entry, past = next(self._walk)
            except StopIteration:
                self._end()
            except TapeError as error:
                self.problem = f"line {self._line + 1}: {error.message}" if self._inputs else error.message
                self._end()
            else:
                self._take_line(entry, past)

    def shot(self, t: float) -> Shot:
        """The session as it was at `t`."""
        count, now = bisect_right(self._times, t), self.zero + t
        if not count:
            return Shot(self._first, self._policy, now)
        kept = (count - 1) // EVERY
        reached, state = kept * EVERY + 1, self._kept[kept]
        if reached <= self._last[0] <= count:  # time goes on: only what is new is run
            reached, state = self._last
        for at, event in self._inputs[reached:count]:
            state = step(state, event, at, self._policy).state
        self._last = (count, state)
        return Shot(state, self._policy, now)

    def count_until(self, t: float) -> int:
        """How many rows there are up to `t`."""
        return bisect_right(self.row_times, t)

    def event_after(self, t: float) -> float | None:
        """When the next event happened; None behind the last one."""
        place = bisect_right(self.row_times, t + 1e-6)
        return self.row_times[place] if place < len(self.row_times) else None

    def event_before(self, t: float) -> float | None:
        """When the event before `t` happened."""
        place = bisect_right(self.row_times, t - 1e-6) - 1
        return self.row_times[place] if place >= 0 else None

    def findings_at(self, t: float) -> dict[str, Finding]:
        """Every finding as it stood at `t`."""
        place = bisect_right(self.findings, t, key=lambda one: one[0])
        return {finding.id: finding for _, finding in self.findings[:place]}

    def numbers_at(self, t: float) -> Numbers | None:
        """The figures as they stood at `t`."""
        place = bisect_right(self.numbers, t, key=lambda one: one.t)
        return self.numbers[place - 1] if place else None

    def mic_between(self, start: float, end: float) -> tuple[MicSpan, ...]:
        """The microphone's states that began in (start, end]."""
        first = bisect_right(self.mic, start, key=lambda one: one.t)
        return tuple(self.mic[first : bisect_right(self.mic, end, key=lambda one: one.t)])

    @property
    def _first(self) -> State:
        return self._kept[0] if self._kept else State()

    def _take_line(self, entry: TapeLine, past: Past | None) -> None:
        t = max(self.developed, entry.t)  # whoever wrote the log may have let time run back
        self._look_until(t)
        if entry.kind == "event":
            self._take_event(entry, t)
        if past is not None:
            self._take_past(past, t)
        self.developed = t
        self._line = entry.line

    def _take_event(self, line: TapeLine, t: float) -> None:
        size = size_of(line.data) if line.dir != "local" else 0
        entry = Entry(len(self.rows), round(t, 6), line.dir, line.data, size)
        self._list(entry)
        self._check(entry)
        self._count(entry)

    def _list_event(self, entry: Entry) -> None:
        self.rows.append(row_of(entry))
        self.row_times.append(entry.t)

    def _observer_stopped(self, name: str) -> None:
        self.problem = self.problem or f"the {name} stopped after an error"

    def _take_past(self, past: Past, t: float) -> None:
        if not self._inputs:
            self.zero, self._policy = past.now - t, past.policy
        if len(self._inputs) % EVERY == 0:
            self._kept.append(past.state)
        self._inputs.append((past.now, past.event))
        self._times.append(t)
        mic = mic_view(past.state, past.now, past.policy)
        last = self.mic[-1] if self.mic else None
        if last is None or last.is_open != mic.is_on_air or last.reason != mic.reason:
            self.mic.append(MicSpan(t, mic.is_on_air, mic.reason))

    def _look_until(self, t: float) -> None:
        """What the checks and the figures say of the time that passes between two lines."""
        self._looked = max(self._looked, t - LONGEST_SILENCE)
        while self._looked + LOOK <= t:
            self._looked += LOOK
            self._tick_checks(self._looked)
            self._tick_metrics(self._looked)

    def _end(self) -> None:
        self.is_whole = True
        self._look_until(self.length)
        self._looked = self.length
        self._tick_checks(self.length)
        self._tick_metrics(self.length, last=True)
        self.length = max(self.length, self.developed)
        self.developed = self.length

    def _take(self, message: FromEngine) -> None:
        match message:
            case Finding():
                self.findings.append((self._looked, message))
            case Numbers():
                self.numbers.append(message)
            case _:
                pass


def size_of(event: dict[str, Any]) -> int:
    """Bytes the event had on the wire, with the sound that the tape leaves out."""
    size = len(msgspec.json.encode(event))
    for name in ("audio", "delta"):
        said = event.get(name)
        if isinstance(said, str) and (left_out := _SOUND.fullmatch(said)):
            size += int(left_out[1]) - len(said)
    return size
