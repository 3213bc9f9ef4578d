"""Whether the machine itself stood still: a virtual one is taken off its processors by its host, and then no program
plays on. A real-time process on each processor sleeps 5 ms at a time and tells when it was woken late.

    with Witness() as witness: ...
    witness.figures(gaps)

Without the right to real time it would wait for ordinary programs, ours among them; then it says nothing.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.bench.bars import Figure
from tests.bench.rig import Child, Notes, number

SLEEP, LATE = 0.005, 0.005
PRIORITY = 60
"""Above the sound's threads and the sound server's."""
REACH = 0.12
"""Seconds before a gap in which a pause may be its cause: buffers of device, server and recording."""


class Witness:
    """One process a processor, from entering to leaving."""

    def __enter__(self) -> Self:
        self._processes = [Child("witness", str(cpu)) for cpu in sorted(os.sched_getaffinity(0))]
        self._began, self._stolen = time.monotonic(), stolen()
        return self

    def __exit__(self, *_: object) -> None:
        share = (stolen() - self._stolen) / (time.monotonic() - self._began) / len(self._processes)
        self._share = 100 * share
        for process in self._processes:
            process.kill()

    @property
    def pauses(self) -> list[tuple[float, float]]:
        """When a processor came back, on the machine's monotonic clock, and the seconds it had been away."""
        return sorted((number(note[1]), number(note[2])) for note in self._notes() if note[0] == "late")

    @property
    def can_tell(self) -> bool:
        """Whether every process was let be real-time."""
        return not any(note[0] == "ordinary" for note in self._notes())

    def unexplained(self, gaps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Gaps (when, and seconds) that follow no pause of the machine."""
        pauses = self.pauses
        return [
            (at, long) for at, long in gaps if not any(at - REACH <= back <= at + long + away for back, away in pauses)
        ]

    def figures(self, gaps: Sequence[tuple[float, float]]) -> list[Figure]:
        """What to tell beside the gaps; no bar, because the gaps have one."""
        unexplained = [float(len(self.unexplained(gaps)))] if self.can_tell else []
        return [
            Figure("   gaps that follow no pause of the machine itself", unexplained, "", "sum"),
            Figure("pauses of the machine itself over 5 ms", [1000 * away for _, away in self.pauses], "ms"),
            Figure("   share of its time that its host took", [self._share], "%"),
        ]

    def _notes(self) -> Notes:
        return [note for process in self._processes for note in list(process.notes.all)]


def stolen() -> float:
    """Seconds that the host has given to others while a processor of ours had work, of all processors together."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def watch(cpu: int) -> None:
    """Tell of every late waking on this processor, for ever."""
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        print(json.dumps(["ordinary"]), flush=True)
        return
    gc.disable()
    due = time.monotonic()
    while True:
        due += SLEEP
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if now - due > LATE:
            print(json.dumps(["late", now, now - due]), flush=True)
            due = now


if __name__ == "__main__":
    watch(int(sys.argv[1]))
