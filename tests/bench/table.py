"""One way to print figures, so that every benchmark reads alike."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence


def machine() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{os.cpu_count()} cores, load {load:.1f}"


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
