"""One way to print figures, so that every benchmark reads alike."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence

import numpy as np

YARD_TIMES = 15
YARD_STEPS = 16_000
YARD_BLOCKS = 1_600
PIECES, SLEEP = 40, 0.01
"""A talk wakes up every ten milliseconds for half a millisecond of work, in which some machines take three times as
long for it as without the sleep: caches are empty then, and the clock is low."""


def machine() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{os.cpu_count()} cores, load {load:.1f}"


def yardstick() -> str:
    """How fast this machine is now, so that figures of other hours and machines can be compared: see `yard`."""
    took = sorted(yard() for _ in range(YARD_TIMES))
    whole = f"yardstick: {statistics.median(took):.1f} ms ({took[0]:.1f} to {took[-1]:.1f})"
    return f"{whole}; in {PIECES} pieces, each out of a sleep: {woken():.1f} ms"


def woken() -> float:
    """Milliseconds of the same work in pieces, with a sleep before each."""
    took = 0.0
    for _ in range(PIECES):
        time.sleep(SLEEP)
        took += yard(PIECES)
    return took


def yard(pieces: int = 1) -> float:
    """Milliseconds of a fixed piece of work: dictionaries and strings, and numpy on blocks of 480 samples."""
    began = time.perf_counter()
    words: dict[str, int] = {}
    for step in range(YARD_STEPS // pieces):
        word = f"word {step % 97}"
        words[word] = words.get(word, 0) + len(word.split())
    block = np.linspace(-1.0, 1.0, 480, dtype=np.float32)
    for _ in range(YARD_BLOCKS // pieces):
        block = block * np.float32(0.999) + np.float32(np.sqrt(np.dot(block, block) / block.size)) * np.float32(0.001)
    assert len(words) == 97 and np.isfinite(block).all()
    return 1000 * (time.perf_counter() - began)


def show(title: str, rows: Sequence[tuple[str, Sequence[float], str, str]]) -> None:
    """Rows are (what, values, unit, bar). Prints n, median, p95, worst."""
    print(f"{title} ({machine()})")
    print(f"{'':<44}{'n':>5}{'median':>10}{'p95':>10}{'worst':>10}   bar")
    for what, values, unit, bar in rows:
        if not values:
            print(f"{what:<44}{0:>5}{'—':>10}{'—':>10}{'—':>10}   {bar}")
            continue
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        figures = "".join(f"{value:>7.1f} {unit:<2}" for value in (statistics.median(ordered), p95, ordered[-1]))
        print(f"{what:<44}{len(ordered):>5}{figures}   {bar}")
