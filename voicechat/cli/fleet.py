"""`voicechat fleet scan|ask|compare|report`: thousands of sessions diagnosed, as tables. Needs the extra `fleet`."""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicechat.fleet.tables import Change

EVERY = 0.5
"""Seconds between two words of progress; ten times as long where no terminal shows them."""
MOST_SHOWN = 200
WIDEST = 60
"""Columns of a cell on a terminal."""
PAGE = 10_000
"""Rows that are fetched at once."""


def scan_command(
    sources: tuple[str, ...], out: Path, engine: str, workers: int, ray_address: str, as_json: bool
) -> None:
    from dataclasses import asdict

    from voicechat.fleet.engines import local, on_ray
    from voicechat.fleet.scan import scan

    chosen = on_ray(ray_address) if engine == "ray" else local(workers or os.cpu_count() or 1)
    done = scan(sources, out, chosen, _teller(), clock=time.monotonic)
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        told = f"{done.files:,} files in {out}: {done.read:,} read, {done.kept:,} kept, {done.unread:,} unreadable; "
        print(f"{told}{done.events:,} events in {done.seconds:.1f} s")


def _teller() -> Callable[[str, bool], None]:
    is_screen = sys.stderr.isatty()
    last = time.monotonic()

    def tell(told: str, is_last: bool) -> None:
        nonlocal last
        now = time.monotonic()
        if is_last or now - last >= (EVERY if is_screen else 10 * EVERY):
            last = now
            print(
                f"\r{told}\x1b[K" if is_screen else told, end="" if is_screen and not is_last else "\n", file=sys.stderr
            )

    return tell


def ask_command(sql: str, tables: Path, format: str) -> None:
    """Ask the tables in SQL (DuckDB), read only: no other file, no network, no extension."""
    from voicechat.fleet.tables import Tables

    columns, result = Tables(tables).ask(sql)
    if format == "table":
        rows = result.fetchmany(MOST_SHOWN + 1)
        _print_table(columns, rows[:MOST_SHOWN])
        if len(rows) > MOST_SHOWN:
            print(f"only the first {MOST_SHOWN}; --format csv writes all", file=sys.stderr)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if format == "csv":
        writer.writerow(columns)
    while rows := result.fetchmany(PAGE):
        if format == "csv":
            writer.writerows(rows)
        else:
            for row in rows:
                print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str))


def _print_table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    from voicechat.ui.sanitise import clean

    cells = [[clean(_cell(value), one_line=True) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[place]) for row in cells), 1) for place, name in enumerate(columns)]
    for row in (list(columns), ["-" * width for width in widths], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    told = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return told if len(told) <= WIDEST else f"{told[: WIDEST - 1]}…"


def compare_command(a: Path, b: Path, every: bool, as_json: bool) -> None:
    from voicechat.fleet.tables import Tables, compare

    changes = compare(Tables(a), Tables(b))
    if as_json:
        print(json.dumps({"changes": [one.as_plain() for one in changes]}))
        return
    shown = [one for one in changes if every or one.is_sure]
    columns = ("", "what", "A", "95 %", "B", "95 %", "B - A, 95 %")
    _print_table(columns, [_changed(one) for one in shown])
    print(
        f"{len(changes)} compared, {sum(one.is_sure for one in changes)} surely changed (*). Shares: Wilson; "
        "percentiles: Woodruff, by whole sessions; differences: Newcombe.\n"
        f"Of {len(changes)} that are the same, about {len(changes) * 0.05:.1f} would look changed by chance.",
        file=sys.stderr,
    )


def _changed(one: Change) -> tuple[str, ...]:
    def shown(value: float) -> str:
        return (
            f"{value:.2%}" if one.kind == "share" else f"{value:.3f} s" if one.kind == "seconds" else f"{value:.4f} USD"
        )

    def span(pair: tuple[float, float]) -> str:
        return f"{shown(pair[0])} … {shown(pair[1])}"

    mark = "*" if one.is_sure else ""
    return mark, one.what, shown(one.a), span(one.a_interval), shown(one.b), span(one.b_interval), span(one.difference)


def report_command(tables: Path, out: str, title: str, force: bool) -> None:
    from voicechat.cli.out_file import opened
    from voicechat.fleet.page import page_of
    from voicechat.fleet.tables import Tables

    page = page_of(Tables(tables), title)
    with opened(out, force=force) as stream:
        stream.write(page.encode())
    if out != "-":
        print(out)
