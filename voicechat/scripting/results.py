"""What came of a script: one result for every act, wait and expectation, as JSON and as JUnit XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voicechat.engine.link import EventRow
from voicechat.scripting.model import Script

Outcome = Literal["held", "failed", "skipped"]
EVIDENCE = 14
"""Events shown with a failure."""
NOISE = (".delta", "ping", "line.step")
"""Ends of event names that come by the hundred and prove nothing."""
LONGEST_LINE = 200
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was done, waited for or expected."""

    step: int
    label: str
    what: str
    outcome: Outcome
    line: int = 0
    at: float = 0.0
    """Session time of its end."""
    seconds: float = 0.0
    found: str = ""
    """What was measured, or found instead."""
    is_soft: bool = False
    evidence: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        name = f"step {self.step}" + (f" ({self.label})" if self.label else "")
        return f"{name}: {self.what}"


@dataclass
class Results:
    """Everything that came of one run; `stopped` says why it ended early, for any reason but a failed expectation."""

    script: Script
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    tape: str = ""

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)


def evidence_of(events: Iterable[EventRow], now: float) -> tuple[str, ...]:
    """The last events before a failure, one line each."""
    rows = [row for row in events if row.t <= now and not row.type.endswith(NOISE)]
    arrows = {"in": "<-", "out": "->", "local": "--"}
    lines = (f"{row.t:9.3f} {arrows[row.dir]} {row.type} {row.summary}".rstrip() for row in rows[-EVIDENCE:])
    return tuple(line[:LONGEST_LINE] for line in lines)


def as_json(results: Results, code: int, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The whole run as one object. Names stay, new ones may come."""
    return {
        "script": str(results.script.path),
        "name": results.script.name,
        "held": code == 0,
        "exit_code": code,
        "seconds": round(results.seconds, 3),
        "counts": {name: results.count(name) for name in ("held", "failed", "skipped")},
        "results": [_result(result) for result in results.results],
        "stopped": results.stopped,
        "tape": results.tape,
        "summary": dict(summary),
    }


def _result(result: Result) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "step": result.step,
        "label": result.label,
        "line": result.line,
        "what": result.what,
        "outcome": result.outcome,
        "at_s": round(result.at, 3),
        "seconds": round(result.seconds, 3),
        "found": result.found,
    }
    if result.is_soft:
        plain["soft"] = True
    if result.evidence:
        plain["evidence"] = list(result.evidence)
    return plain


def as_junit(results: Results) -> str:
    """JUnit XML: a suite for the script, a case for every result; what ended the talk early is an error."""
    counts = {name: results.count(name) for name in ("held", "failed", "skipped")}
    is_error = bool(results.stopped)
    numbers = {
        "tests": str(len(results.results) + is_error),
        "failures": str(counts["failed"]),
        "errors": str(int(is_error)),
        "skipped": str(counts["skipped"]),
        "time": f"{results.seconds:.3f}",
    }
    top = ET.Element("testsuites", {"name": "voicechat", **numbers})
    suite = ET.SubElement(top, "testsuite", {"name": _xml(results.script.name), **numbers})
    for result in results.results:
        case = _case(suite, results.script, result.title, result.seconds)
        case.set("line", str(result.line))
        if result.outcome == "failed":
            failure = ET.SubElement(case, "failure", {"message": _xml(result.found), "type": "expectation"})
            failure.text = _xml("\n".join((result.found, "", *result.evidence)))
        elif result.outcome == "skipped":
            ET.SubElement(case, "skipped", {"message": "the script ended before it"})
    if is_error:
        case = _case(suite, results.script, "the talk", results.seconds)
        ET.SubElement(case, "error", {"message": _xml(results.stopped), "type": "talk"})
    if results.tape:
        ET.SubElement(suite, "system-out").text = _xml(f"tape: {results.tape}")
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, script: Script, name: str, seconds: float) -> ET.Element:
    about = {"classname": _xml(script.name), "name": _xml(name), "file": _xml(str(script.path))}
    return ET.SubElement(suite, "testcase", {**about, "time": f"{seconds:.3f}"})


def _xml(text: str) -> str:
    """XML knows no control characters, not even escaped."""
    return _NOT_XML.sub("�", text)
