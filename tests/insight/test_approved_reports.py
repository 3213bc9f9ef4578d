"""Every report on the logs kept here, as it was read and approved: each finding with its sentences, its sureness and
the lines it rests on, every event that was read, and the figures of the turns.

A change of diagnosis shows as a difference to read in `approved_reports.txt`; `VOICECHAT_TAKE_SNAPSHOTS=1` writes it
anew.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.insight.foreign_logs import BROKEN, HEALTHY, all_written
from voicechat.insight.metrics.ledger import Ledger, as_csv
from voicechat.insight.readers.log import Reading
from voicechat.insight.records import Record
from voicechat.insight.report import as_plain, diagnose

HERE = Path(__file__).parent
APPROVED = HERE / "approved_reports.txt"
SENTENCES = ("title", "cause", "cure", "rests_on")
READ = ("kind", "encoding", "lines", "events", "unread_lines", "times", "client", "types", "unexplained_errors")


def logs() -> Iterator[tuple[str, bytes]]:
    """Every log kept in this folder, those that share a file one by one."""
    for folder in ("logs", "sessions", "recorded"):
        for path in sorted((HERE / folder).iterdir()):
            yield f"{folder}/{path.name}", path.read_bytes()
    for path in sorted((HERE / "data").glob("*.txt")):
        for part in path.read_text("utf-8").split("#### ")[1:]:
            name, _, text = part.partition("\n")
            yield f"{path.stem}/{name.split(' ')[0]}", text.encode()


def written_logs() -> Iterator[tuple[str, bytes]]:
    """The same talks as every kind of client would have printed them."""
    for session in (*BROKEN, *HEALTHY):
        written = all_written(session.rows(), needs_words=session.needs_words, needs_times=session.needs_times)
        yield from ((f"{session.name} as {kind}", data) for kind, data in written)


def damaged_logs() -> Iterator[tuple[str, bytes]]:
    """The logs again, with lines missing: cut short, begun late, and each third line left out."""
    for name, data in logs():
        lines = data.splitlines(keepends=True)
        half = len(lines) // 2
        kept = {"first half": lines[:half], "second half": lines[half:]}
        for first in range(min(3, half)):
            kept[f"without each third line from {first}"] = [one for n, one in enumerate(lines) if n % 3 != first]
        yield from ((f"{name}, {what}", b"".join(rest)) for what, rest in kept.items())


def finding_lines(finding: dict[str, Any], indent: str = "  ") -> Iterator[str]:
    state = "over" if finding["resolved"] else finding["severity"]
    yield f"{indent}{finding['code']} ({state}, {finding['confidence']})"
    yield from (f"{indent}  {name}: {finding[name]}" for name in SENTENCES)
    for mark in finding["evidence"]:
        yield f"{indent}  line {mark['line']} at {mark['t']}: {mark['ref']}"
    for consequence in finding.get("consequences", ()):
        yield from finding_lines(consequence, indent + "  ")


def report_lines(name: str, data: bytes) -> Iterator[str]:
    ledger, read, content = Ledger(budget=0.01), list[str](), 0

    def also(record: Record, reading: Reading) -> None:
        nonlocal content
        content = crc32(json.dumps(record.event, default=str).encode(), content)
        ledger.feed(record.t or 0.0, record.dir, dict(record.event))
        read.append(f"{reading.line_of(record.seq)} {record.t} {record.dir} {record.stream} {record.type}")

    told = as_plain(diagnose(io.BytesIO(data), "a log", also=also))
    yield f"{name}: {told['verdict']}"
    yield f"  read: {', '.join(str(told['read'][part]) for part in READ)}"
    if told["what_if"]:
        yield f"  what if: {told['what_if']['says']}"
    for finding in told["findings"]:
        yield from finding_lines(finding)
    yield f"  events ({content:x}): {', '.join(read)}"
    figures = ledger.figures()
    yield from (f"  turn {turn}" for turn in as_csv(zip(figures.turns, figures.costs, strict=True)).splitlines()[1:])
    if figures.turns:
        yield f"  sums: {figures.percentiles}, {figures.money}, {figures.usage.output}, {figures.limits}"


def summary(name: str, data: bytes) -> str:
    """A report in one line: it differs from format to format in what a format leaves out."""
    verdict, *lines = report_lines(name, data)
    found = [line.strip() for line in lines if not line.startswith(("   ", "  read", "  events", "  turn", "  sums"))]
    return f"{verdict}; {crc32(' '.join(lines).encode()):x}; {'; '.join(found)}"


def test_reports_on_all_logs_match_the_approved_file() -> None:
    lines = [line for name, data in logs() for line in report_lines(name, data)]
    lines += [summary(name, data) for name, data in written_logs()]
    lines += [summary(name, data) for name, data in damaged_logs()]
    if os.environ.get("VOICECHAT_TAKE_SNAPSHOTS"):
        APPROVED.write_text("\n".join(lines) + "\n", "utf-8")
        return
    log = ""
    for number, (was, now) in enumerate(zip_longest(APPROVED.read_text("utf-8").splitlines(), lines), 1):
        log = now if now and not now.startswith(" ") else log
        assert now == was, f"line {number}, of {log}"
