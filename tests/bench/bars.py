"""One way to print figures, so that every benchmark reads alike: a table that judges them against bars.

It gives the ratio between figure and bar, and the exit status that follows; and how fast this machine is now.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Statistic = Literal["median", "p95", "mean", "worst", "sum"]


@dataclass(frozen=True, slots=True)
class Figure:
    """Measured values, and what a statistic of them must not exceed, or fall below; without a bar: shown only."""

    what: str
    values: Sequence[float]
    unit: str = ""
    statistic: Statistic = "p95"
    bar: float | None = None
    is_floor: bool = False
    """The bar is the least that is allowed."""

    def value(self, statistic: Statistic) -> float:
        ordered = sorted(self.values)
        match statistic:
            case "median":
                return share(ordered, 0.5)
            case "p95":
                return share(ordered, 0.95)
            case "mean":
                return sum(ordered) / len(ordered)
            case "worst":
                return ordered[-1]
        return sum(ordered)

    @property
    def holds(self) -> bool:
        """Without a single value nothing was shown, and a bar without a figure is missed."""
        if self.bar is None or not self.values:
            return self.bar is None
        value = self.value(self.statistic)
        return value >= self.bar - 1e-9 if self.is_floor else value <= self.bar + 1e-9


def share(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


def judge(title: str, figures: Iterable[Figure]) -> int:
    """Print n, median, p95, worst, and figure, bar and ratio where there is a bar. 0 when all bars hold, else 1."""
    print(f"{title} ({machine()})")
    print(f"{'':<52}{'n':>6}{'median':>9}{'p95':>9}{'worst':>9}      judged")
    missed = []
    for figure in figures:
        missed += [] if figure.holds else [figure.what]
        if not figure.values:
            missing = "" if figure.holds else "MISSED: no value"
            print(f"{figure.what:<52}{0:>6}{'—':>9}{'—':>9}{'—':>9}   {missing}")
            continue
        told = "".join(f"{figure.value(kind):>9.1f}" for kind in ("median", "p95", "worst"))
        print(f"{figure.what:<52}{len(figure.values):>6}{told} {figure.unit:<3}  {verdict(figure)}", flush=True)
    print("every bar holds" if not missed else f"missed: {'; '.join(missed)}", flush=True)
    return 1 if missed else 0


def verdict(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    value = figure.value(figure.statistic)
    ratio = f"{value / figure.bar:.2f}" if figure.bar else "-"
    sign = "" if figure.holds else "  MISSED"
    sign_of_bar = ">=" if figure.is_floor else "<="
    return f"{figure.statistic} {value:.1f} {sign_of_bar} {figure.bar:g} {figure.unit}  ratio {ratio}{sign}"


def options(about: str | None, /, **defaults: Any) -> argparse.Namespace:
    """The command line, described by a module's docstring: a default of False makes a switch of `--name`, any other
    gives it its type."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        flag = f"--{name.replace('_', '-')}"
        if default is False:
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(default), default=default, help="default: %(default)s")
    return parser.parse_args()


def seconds_asked(about: str | None, minutes: float, quick: float) -> float:
    """Seconds to measure, from `--minutes N` or `--quick`."""
    given = options(about, minutes=minutes, quick=False)
    return quick if given.quick else 60 * float(given.minutes)


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
