"""A talk under load: the real screen and engine over a scripted server, and what both cost and suffered meanwhile.

with LoadedTalk() as talk:
    talk.begin()            # the server answers; give it what to send
    ...                     # press keys
    taken = talk.end()
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from tests.bench.bars import Figure
from tests.bench.rig import AnsweringServer, Chat, Monitor, Notes, Room, counted_between, cpu, memory, number
from tests.bench.witness import Witness

SETTLE = 3.0
"""Seconds from the start of the load until it is measured."""


@dataclass(frozen=True)
class Taken:
    """What a stretch of the talk showed. CPU in per cent of a core, memory gained in MB: screen, engine."""

    seconds: float
    notes: Notes
    gaps: list[tuple[float, float]]
    """When, and seconds."""
    witness: Witness
    cpu: list[float]
    memory: list[float]
    painted: float
    """Bytes that went to the terminal."""

    @property
    def counts(self) -> dict[str, float]:
        """What the engine's own counters gained."""
        return counted_between(self.notes)

    def sound(self) -> list[Figure]:
        """Nothing of the sound may have been lost."""
        return [
            Figure("underruns the device reported", [self.counts["underflows"]], "", "sum", 0.0),
            Figure("overruns the device reported", [self.counts["overflows"]], "", "sum", 0.0),
            Figure("restarts of the stream", [self.counts["restarts"]], "", "sum", 0.0),
            Figure("gaps in the recording", [len(self.gaps)], "", "sum", 0.0),
            Figure("   their length", [1000 * long for _, long in self.gaps], "ms"),
            *self.witness.figures(self.gaps),
        ]

    def costs(self) -> list[Figure]:
        return [
            Figure("CPU: screen", self.cpu[:1], "%"),
            Figure("CPU: engine", self.cpu[1:], "%"),
            Figure("memory gained: screen", self.memory[:1], "MB"),
            Figure("memory gained: engine", self.memory[1:], "MB"),
            Figure("painted", [self.painted / self.seconds / 1000], "kB/s"),
        ]


class LoadedTalk:
    """Room, server, chat and monitor, from the open line on."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._witnessing = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.room = self._stack.enter_context(Room())
            self.server = self._stack.enter_context(AnsweringServer())
            self.chat = self._stack.enter_context(Chat(self.room, self.server.url))
            self._monitor = self._stack.enter_context(Monitor(self.room))
            self.server.notes.wait("open")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._witnessing.close()
        self._stack.close()

    def begin(self) -> None:
        """Measure from when the load has settled."""
        time.sleep(SETTLE)
        self._witness = self._witnessing.enter_context(Witness())
        self._pids = (self.chat.pid, self.chat.engine)
        self._before = len(self.chat.notes.all), self.chat.painted
        self._cpu, self._memory = [cpu(pid) for pid in self._pids], [memory(pid) for pid in self._pids]
        self.since = time.monotonic()

    def end(self) -> Taken:
        """What it was. The talk goes on, the recording does not."""
        until = time.monotonic()
        seconds = until - self.since
        used = [100 * (cpu(pid) - spent) / seconds for pid, spent in zip(self._pids, self._cpu, strict=True)]
        gained = [memory(pid) - had for pid, had in zip(self._pids, self._memory, strict=True)]
        notes, painted = self.chat.notes.all[self._before[0] :], self.chat.painted - self._before[1]
        self._monitor.close()
        self._witnessing.close()
        gaps = self._monitor.heard().gaps(self.since, until)
        return Taken(seconds, notes, gaps, self._witness, used, gained, painted)

    def waits_for(self, command: str, pressed: float) -> list[float]:
        """Milliseconds from a key press until the engine had taken the command; empty: it has not yet."""
        taken = [number(note[-1]) for note in self.chat.notes.of("command") if note[1] == command]
        return [1000 * (at - pressed) for at in taken if at >= pressed][:1]
