"""What a diagnosis of a log says: as text for people, as plain data for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from voicechat.diagnose.findings import Evidence, Finding
from voicechat.diagnose.readers.log import Reading, read_log
from voicechat.diagnose.run import Diagnosis

ORDER = {"error": 0, "warning": 1, "info": 2}
SIGNS = {"error": "✗", "warning": "!", "info": "·"}
WIDTH = 100
MOST_EVIDENCE_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Report:
    """One log: how it was read, and what was found in it, the worst first."""

    name: str
    reading: Reading
    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Nothing is wrong with it, and there was something to look at."""
        return not self.findings and self.reading.events > 0


def diagnose(stream: BinaryIO, name: str) -> Report:
    """Read a log to its end and ask every check."""
    reading = Reading()
    diagnosis = Diagnosis()
    for record in read_log(stream, reading):
        diagnosis.feed(record)
    diagnosis.finish()
    worst_first = sorted(diagnosis.findings, key=lambda one: (ORDER[one.severity], one.evidence[0].seq))
    return Report(name, reading, tuple(worst_first))


def as_plain(report: Report) -> dict[str, Any]:
    """The contract of `diagnose --json`."""
    reading = report.reading
    return {
        "findings": [_finding(one, reading) for one in report.findings],
        "healthy": report.is_healthy,
        "read": {
            "file": report.name,
            "kind": reading.kind,
            "encoding": reading.encoding,
            "lines": reading.lines,
            "events": reading.events,
            "unread_lines": reading.unread,
            "times": _times(reading),
            "types": dict(sorted(reading.types.items())),
        },
    }


def in_words(report: Report) -> str:
    """For people: what was read, then each finding with its evidence and its cure."""
    reading = report.reading
    head = f"{report.name}: {reading.events} events ({reading.kind}, {reading.encoding}, times {_times(reading)})"
    if not reading.events:
        return f"{head}\n  Nothing in it looks like an event of the Realtime API."
    if report.is_healthy:
        return f"{head}\n  Healthy: no check found anything wrong."
    blocks = ["\n".join(_block(one, reading)) for one in report.findings]
    return "\n\n".join([head, *blocks])


def _block(finding: Finding, reading: Reading) -> Iterator[str]:
    ended = "  (it ended)" if finding.resolved else ""
    yield f"{SIGNS[finding.severity]} {finding.code}: {finding.title}{ended}"
    yield from _wrapped("cause", finding.cause)
    yield from _wrapped("cure", finding.cure)
    for mark in finding.evidence[:MOST_EVIDENCE_SHOWN]:
        yield f"    line {reading.line_of(mark.seq)}{_at(mark)}  {mark.ref}"
    if (more := len(finding.evidence) - MOST_EVIDENCE_SHOWN) > 0:
        yield f"    and {more} more"
    yield f"    {finding.rests_on} · {finding.confidence:.0%} sure"


def _wrapped(label: str, text: str) -> Iterator[str]:
    if text:
        yield from textwrap.wrap(text, WIDTH, initial_indent=f"    {label + ':':<7}", subsequent_indent=" " * 11)


def _at(mark: Evidence) -> str:
    return "" if mark.t is None else f"  {mark.t:.3f} s"


def _finding(finding: Finding, reading: Reading) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "cause": finding.cause,
        "cure": finding.cure,
        "evidence": [{"line": reading.line_of(mark.seq), "t": mark.t, "ref": mark.ref} for mark in finding.evidence],
        "rests_on": finding.rests_on,
        "confidence": finding.confidence,
        "resolved": finding.resolved,
    }


def _times(reading: Reading) -> str:
    if reading.has_times:
        return "from the log"
    return "from the ids, in whole seconds" if reading.times_from_ids else "none"
