"""What the event list can carry: keys while 20 000 events flow each second, and work in a hundred thousand of them.

    python -m tests.bench.bench_inspector [--quick]

The widget runs alone in a pty of 140x45 (see `inspector_app.py`). Key latency is from the byte written to the pty until
the list has done what it says. The work of a filter, a search and a move of the cursor is CPU time up to the bytes that
paint it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.bars import Figure, judge, options
from tests.bench.rig import NotesReader, number
from tests.support.terminal import Terminal
from tests.support.vaudio import until

KEYS = (b"\x1b[A", b"\x1b[A", b"\x1b[B", b"\x1b[F", b"\x1b[A", b"\x1b[F")
"""Up, down and End: half of the time the list follows."""
EVENTS = 100_000


@contextmanager
def app(what: str, amount: float) -> Iterator[tuple[Terminal, NotesReader]]:
    """The app in its terminal, and what it notes."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    argv = [sys.executable, "-m", "tests.bench.inspector_app", what, str(amount), str(write)]
    with Terminal(argv, kitty=False, size=(140, 45), environ={"LC_ALL": "C.UTF-8"}) as terminal:
        os.close(write)
        yield terminal, NotesReader(read)
        until(terminal.is_gone, 90.0, "the app does not end")


def pressed(terminal: Terminal, notes: NotesReader, seconds: float) -> list[float]:
    """Milliseconds from each byte to its action; a key that is not answered within a second counts as one second."""
    notes.wait("began")
    waits: list[float] = []
    ends = time.monotonic() + seconds - 1.0
    while time.monotonic() < ends:
        at = time.monotonic()
        terminal.type(KEYS[len(waits) % len(KEYS)])
        while not (told := notes.of("key", at)) and time.monotonic() < at + 1.0:
            time.sleep(0.005)
        waits.append(1000 * (number(told[0][1]) - at) if told else 1000.0)
        time.sleep(random.uniform(0.02, 0.12))
    return waits


def main() -> int:
    seconds = 5.0 if options(__doc__, quick=False).quick else 20.0
    with app("flood", seconds) as (terminal, flooded):
        waits = pressed(terminal, flooded, seconds)
    with app("full", EVENTS) as (_, filled):
        pass

    def noted(kind: str, place: int = 1, notes: NotesReader = filled) -> list[float]:
        return [number(note[place]) for note in notes.of(kind)]

    found = filled.of("type") + filled.of("search")
    lost = [number(sent) - number(kept) for _, sent, kept in flooded.of("events")]
    for text in {str(note[1]): None for note in found}:
        took = [f"{number(note[2]):.0f}" for note in found if note[1] == text]
        print(f"  {text:<32} {', '.join(took)} ms")
    return judge(
        "the event list alone, 140x45",
        [
            Figure("key to action, 20 000 events/s", waits, "ms", "p95", 10),
            Figure("events the list has lost", lost, "", "sum", 0),
            Figure("CPU of the process, 20 000 events/s", noted("cpu", 1, flooded), "%"),
            Figure("seconds of CPU for 100 000 events", noted("filled", 2), "s"),
            Figure("memory over the start, 100 000 events", noted("memory"), "MB", "worst", 60),
            Figure("filter by kind, painted", noted("type", 2), "ms", "p95", 20),
            Figure("search in payloads, painted", noted("search", 2), "ms", "p95", 300),
            Figure("move of the cursor, painted", noted("move"), "ms", "p95", 5),
            Figure("the same with the details open", noted("details"), "ms"),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
