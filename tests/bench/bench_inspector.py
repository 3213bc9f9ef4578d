"""What the event list can carry: keys while 20 000 events flow each second, and work in a hundred thousand of them.

    python -m tests.bench.bench_inspector [--quick]

The widget runs alone in a pty of 140x45 (see `inspector_app.py`). Key latency is from the byte written to the pty until
the list has done what it says. The work of a filter, a search and a move of the cursor is CPU time up to the bytes that
paint it.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import random
import select
import struct
import sys
import time
from collections import defaultdict
from fcntl import ioctl
from termios import TIOCSWINSZ

from tests.bench.bars import Figure, judge

KEYS = (b"\x1b[A", b"\x1b[A", b"\x1b[B", b"\x1b[F", b"\x1b[A", b"\x1b[F")
"""Up, down and End: half of the time the list follows."""
EVENTS = 100_000
Facts = dict[str, list[list[object]]]


class Child:
    """The app in its terminal, and what it notes."""

    def __init__(self, what: str, amount: float) -> None:
        self.notes, notes = os.pipe()
        os.set_inheritable(notes, True)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
            argv = [sys.executable, "-m", "tests.bench.inspector_app", what, str(amount), str(notes)]
            os.execve(sys.executable, argv, environment)
        os.close(notes)
        ioctl(self.terminal, TIOCSWINSZ, struct.pack("HHHH", 45, 140, 0, 0))
        self.facts: Facts = defaultdict(list)
        self.is_over = False
        self._half = b""

    def read(self, seconds: float) -> None:
        """Take notes and drain the screen, until something came or the time is over."""
        ready = select.select([self.terminal, self.notes], [], [], max(0.0, seconds))[0]
        if self.terminal in ready:
            try:
                os.read(self.terminal, 65536)
            except OSError:
                self.is_over = True
        if self.notes in ready:
            *lines, self._half = (self._half + os.read(self.notes, 65536)).split(b"\n")
            for line in lines:
                name, *values = json.loads(line)
                self.facts[name].append(values)

    def until_over(self, patience: float) -> None:
        """Read on until the app has ended."""
        ends = time.monotonic() + patience
        while not self.is_over and time.monotonic() < ends:
            self.read(0.1)
        os.waitpid(self.pid, 0)


def pressed(child: Child, seconds: float) -> list[float]:
    """Milliseconds from each byte to its action; a key that is not answered within a second counts as one second."""
    while not child.facts["began"]:
        child.read(1.0)
    waits: list[float] = []
    ends = time.monotonic() + seconds - 1.0
    while time.monotonic() < ends:
        child.facts["key"].clear()
        at = time.monotonic()
        os.write(child.terminal, KEYS[len(waits) % len(KEYS)])
        while not child.facts["key"] and time.monotonic() < at + 1.0:
            child.read(0.05)
        told = child.facts["key"]
        waits.append(1000 * (float(str(told[0][0])) - at) if told else 1000.0)
        rest = time.monotonic() + random.uniform(0.02, 0.12)
        while time.monotonic() < rest:
            child.read(rest - time.monotonic())
    return waits


def numbers(facts: Facts, name: str, place: int = 0) -> list[float]:
    return [float(str(values[place])) for values in facts[name]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look")
    seconds = 5.0 if parser.parse_args().quick else 20.0
    flooded = Child("flood", seconds)
    waits = pressed(flooded, seconds)
    flooded.until_over(10)
    filled = Child("full", EVENTS)
    filled.until_over(90)
    facts = filled.facts
    lost = [float(str(sent)) - float(str(kept)) for sent, kept in flooded.facts["events"]]
    for text in {str(values[0]): None for values in facts["type"] + facts["search"]}:
        took = [f"{float(str(v[1])):.0f}" for v in facts["type"] + facts["search"] if v[0] == text]
        print(f"  {text:<32} {', '.join(took)} ms")
    return judge(
        "the event list alone, 140x45",
        [
            Figure("key to action, 20 000 events/s", waits, "ms", "p95", 10),
            Figure("events the list has lost", lost, "", "sum", 0),
            Figure("CPU of the process, 20 000 events/s", numbers(flooded.facts, "cpu"), "%"),
            Figure("seconds of CPU for 100 000 events", numbers(facts, "filled", 1), "s"),
            Figure("memory over the start, 100 000 events", numbers(facts, "memory"), "MB", "worst", 60),
            Figure("filter by kind, painted", numbers(facts, "type", 1), "ms", "p95", 20),
            Figure("search in payloads, painted", numbers(facts, "search", 1), "ms", "p95", 300),
            Figure("move of the cursor, painted", numbers(facts, "move"), "ms", "p95", 5),
            Figure("the same with the details open", numbers(facts, "details"), "ms"),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
