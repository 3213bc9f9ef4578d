"""A table that judges: figures against bars, the ratio between them, and the exit status that follows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.table import machine

Statistic = Literal["median", "p95", "mean", "worst", "sum"]


@dataclass(frozen=True, slots=True)
class Figure:
    """Measured values, and what a statistic of them must not exceed; without a bar they are only told."""

    what: str
    values: Sequence[float]
    unit: str = ""
    statistic: Statistic = "p95"
    bar: float | None = None

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
        return self.bar is None or (bool(self.values) and self.value(self.statistic) <= self.bar + 1e-9)


def share(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


def judge(title: str, figures: Sequence[Figure]) -> int:
    """Print n, median, p95, worst, and figure, bar and ratio where there is a bar. 0 when all bars hold, else 1."""
    print(f"{title} ({machine()})")
    print(f"{'':<52}{'n':>6}{'median':>9}{'p95':>9}{'worst':>9}      judged")
    for figure in figures:
        if not figure.values:
            print(f"{figure.what:<52}{0:>6}{'—':>9}{'—':>9}{'—':>9}   {'MISSED: no value' if figure.bar else ''}")
            continue
        told = "".join(f"{figure.value(kind):>9.1f}" for kind in ("median", "p95", "worst"))
        print(f"{figure.what:<52}{len(figure.values):>6}{told} {figure.unit:<3}  {verdict(figure)}")
    missed = [figure.what for figure in figures if not figure.holds]
    print("every bar holds" if not missed else f"missed: {'; '.join(missed)}", flush=True)
    return 1 if missed else 0


def verdict(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    value = figure.value(figure.statistic)
    ratio = f"{value / figure.bar:.2f}" if figure.bar else "-"
    sign = "" if figure.holds else "  MISSED"
    return f"{figure.statistic} {value:.1f} <= {figure.bar:g} {figure.unit}  ratio {ratio}{sign}"


def asked(about: str, minutes: float, quick: float) -> float:
    """Seconds to measure, from `--minutes N` or `--quick`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=minutes, help="how long to measure (default %(default)g)")
    parser.add_argument("--quick", action="store_true", help=f"a short look of {quick:g} s")
    given = parser.parse_args()
    return quick if given.quick else 60 * float(given.minutes)
