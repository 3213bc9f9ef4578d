"""One event of a session as the checks read it, wherever it came from: the running engine, a tape, somebody's log.

What a check can say: one problem in plain words, with the events it was seen in, the cause and the exact cure.

A problem that repeats is one finding with more evidence, and one that ended stays, marked as resolved. `Board` keeps
them that way; checks just say what they see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.wire import number_within

Severity = Literal["error", "warning", "info"]

MOST_EVIDENCE = 16
"""Kept of a finding: the oldest ones and the newest."""
OLDEST_KEPT = 4
MOST_FINDINGS = 200
"""A session has some dozens of kinds of problems; more than this can only come of ids that a service makes up."""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One event: its number in the session or line in the file, its time in seconds where known, and what it was."""

    seq: int
    t: float | None
    ref: str = ""


class Finding(msgspec.Struct, frozen=True, tag_field="kind", tag="finding"):
    """One problem, also as a message to the clients. `id` is the same for every sighting of it, and the newest finding
    with it is the whole truth."""

    id: str
    code: str
    severity: Severity
    title: str
    """What happened, one sentence."""
    cause: str = ""
    cure: str = ""
    """The exact change: a line of the configuration, a field, a call."""
    evidence: tuple[Evidence, ...] = ()
    """At least one event; a finding without evidence is a defect."""
    rests_on: str = ""
    """The rule or the fact of the protocol it rests on, in words."""
    confidence: float = 1.0
    """0 to 1."""
    resolved: bool = False
    """The state has ended; it stays in the list."""
    ours: str = ""
    """The keys and settings of this program that do it; said only of its own sessions."""


def found(
    code: str,
    severity: Severity,
    title: str,
    *,
    cause: str,
    cure: str,
    evidence: tuple[Evidence | None, ...],
    rests_on: str,
    confidence: float,
    key: str = "",
    ours: str = "",
) -> Finding:
    """A finding of a check. Evidence that is not there is left out; `key` tells two problems of one code apart."""
    seen = tuple(sorted(dict.fromkeys(mark for mark in evidence if mark is not None), key=lambda mark: mark.seq))
    id = f"{code}:{key}" if key else code
    return Finding(id, code, severity, title, cause, cure, seen, rests_on, confidence, ours=ours)


@dataclass(frozen=True, slots=True)
class Ended:
    """The state that a finding told of is over; nothing happens if there was no such finding."""

    id: str
    at: Evidence | None = None


class Board:
    """All findings of a session, one for each problem."""

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """In the order they were first seen."""
        return tuple(self._findings.values())

    def take(self, said: Finding | Ended) -> Finding | None:
        """Join it with what is known. Returns the finding as it is now if it is new or has changed."""
        if isinstance(said, Ended):
            return self._end(said)
        before = self._findings.get(said.id)
        if before is None and (not said.evidence or len(self._findings) >= MOST_FINDINGS):
            return None
        now = said if before is None else replace(said, evidence=joined(before.evidence, said.evidence))
        if now == before:
            return None
        self._findings[said.id] = now
        return now

    def _end(self, said: Ended) -> Finding | None:
        before = self._findings.get(said.id)
        if before is None or before.resolved:
            return None
        more = (said.at,) if said.at is not None else ()
        now = replace(before, resolved=True, evidence=joined(before.evidence, more))
        self._findings[said.id] = now
        return now


def joined(old: tuple[Evidence, ...], new: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """All evidence in order; of very much the oldest and the newest."""
    known = {mark.seq for mark in old}
    every = sorted((*old, *(mark for mark in new if mark.seq not in known)), key=lambda mark: mark.seq)
    if len(every) > MOST_EVIDENCE:
        every = every[:OLDEST_KEPT] + every[OLDEST_KEPT - MOST_EVIDENCE :]
    return tuple(every)


Direction = Literal["in", "out", "local"]

TIME_PASSED = "time.passed"
"""A record without an event: so late it is. Checks that wait for something look at it."""
LOG_ENDED = "log.ended"
"""The last record of a finished log: nothing more will come, whatever was waited for."""

NAMED = "(only its name was printed)"
"""A field that marks an event of which a log told little more than its name."""

IN_PROSE = "(a sentence that somebody wrote)"
"""A field that marks what a sentence tells that no program seems to have printed."""

BESIDE = "(told beside the events)"
"""A field that marks words which a client printed of its own, and not as an event."""


class Record(msgspec.Struct, gc=False):
    """`t` is None where the log gives no times. `type` is the GA spelling, whatever dialect was spoken."""

    seq: int
    t: float | None
    dir: Direction
    event: Mapping[str, Any]
    type: str
    stream: str = ""
    """Which of several sessions in one log, as the log itself tells them apart."""

    def mark(self, ref: str = "") -> Evidence:
        """This event as evidence."""
        return Evidence(self.seq, self.t, f"{self.type} {ref}" if ref else self.type)


def record_of(seq: int, t: float | None, direction: Direction, event: Mapping[str, Any], stream: str = "") -> Record:
    """A record of an event dict as it was on the wire, or of a local one."""
    name = event.get("type")
    kind = name if isinstance(name, str) else ""
    return Record(seq, t, direction, event, GA_NAMES.get(kind, kind), stream)


def part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an event; empty if it is not there or is none."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}  # a look for a Mapping takes five times as long


def text(event: Mapping[str, Any], name: str, longest: int = 200) -> str:
    """A string inside an event, bounded; empty if it is not there or is none."""
    value = event.get(name)
    return value[:longest] if isinstance(value, str) else ""


def number(event: Mapping[str, Any], name: str) -> float | None:
    """A number inside an event; None if it is not there, is none, or is beyond all that is counted or timed."""
    return number_within(event.get(name), -1e15, 1e15)


def elapsed(first: Evidence | None, then: Evidence | None) -> float | None:
    """Seconds between two events; None where one is missing or has no time."""
    if first is None or then is None or first.t is None or then.t is None:
        return None
    return then.t - first.t


def near(first: Evidence | None, then: Evidence | None, seconds: float, events: int) -> bool:
    """Whether they are so close, in either order; by their numbers where the log has no times."""
    if first is None or then is None:
        return False
    apart = elapsed(first, then)
    return abs(then.seq - first.seq) <= events if apart is None else abs(apart) <= seconds
