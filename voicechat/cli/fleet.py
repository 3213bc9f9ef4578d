"""`voicechat fleet scan|ask|compare|report`: thousands of sessions diagnosed, as tables. Needs the extra `fleet`."""

from __future__ import annotations

import csv
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voicechat.cli.printing import columns, print_json, progress

if TYPE_CHECKING:
    from voicechat.fleet.tables import Change

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

    chosen = partial(on_ray, ray_address) if engine == "ray" else partial(local, workers or os.cpu_count() or 1)
    done = scan(sources, out, chosen, progress(), clock=time.monotonic)
    if as_json:
        print_json(asdict(done))
    else:
        told = f"{done.files:,} files in {out}: {done.read:,} read, {done.kept:,} kept, {done.unread:,} unreadable; "
        print(f"{told}{done.events:,} events in {done.seconds:.1f} s")


def ask_command(sql: str, tables: Path, format: str) -> None:
    """Ask the tables in SQL (DuckDB), read only: no other file, no network, no extension."""
    from voicechat.fleet.tables import Tables

    names, result = Tables(tables).ask(sql)
    if format == "table":
        rows = result.fetchmany(MOST_SHOWN + 1)
        print(*columns([[_cell(value) for value in row] for row in rows[:MOST_SHOWN]], head=names), sep="\n")
        if len(rows) > MOST_SHOWN:
            print(f"only the first {MOST_SHOWN}; --format csv writes all", file=sys.stderr)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if format == "csv":
        writer.writerow(names)
    while rows := result.fetchmany(PAGE):
        if format == "csv":
            writer.writerows(rows)
        else:
            for row in rows:
                print_json(dict(zip(names, row, strict=True)), default=str)


def _cell(value: object) -> str:
    told = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return told if len(told) <= WIDEST else f"{told[: WIDEST - 1]}…"


def compare_command(a: Path, b: Path, every: bool, as_json: bool) -> None:
    from voicechat.fleet.tables import Tables, compare

    changes = compare(Tables(a), Tables(b))
    if as_json:
        print_json({"changes": [one.as_plain() for one in changes]})
        return
    shown = [one for one in changes if every or one.is_sure]
    head = ("", "what", "A", "95 %", "B", "95 %", "B - A, 95 %")
    print(*columns([_changed(one) for one in shown], head=head), sep="\n")
    print(
        f"{len(changes)} compared, {sum(one.is_sure for one in changes)} surely changed (*). Shares: Wilson; "
        "percentiles: Woodruff, by whole sessions; differences: Newcombe.\n"
        f"Of {len(changes)} that are the same, about {len(changes) * 0.05:.1f} would look changed by chance.",
        file=sys.stderr,
    )


def _changed(one: Change) -> tuple[str, ...]:
    form = {"share": "{:.2%}", "seconds": "{:.3f} s", "usd": "{:.4f} USD"}[one.kind]

    def span(pair: tuple[float, float]) -> str:
        return " … ".join(map(form.format, pair))

    mark, a, b = "*" if one.is_sure else "", form.format(one.a), form.format(one.b)
    return mark, one.what, a, span(one.a_interval), b, span(one.b_interval), span(one.difference)


def report_command(tables: Path, out: str, title: str, force: bool) -> None:
    from voicechat.cli.out_file import opened
    from voicechat.fleet.page import page_of
    from voicechat.fleet.tables import Tables

    page = page_of(Tables(tables), title)
    with opened(out, force=force) as stream:
        stream.write(page.encode())
    if out != "-":
        print(out)
