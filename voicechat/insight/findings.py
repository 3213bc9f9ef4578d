"""What a check can say: one problem in plain words, with the events it was seen in, the cause and the exact cure.

A problem that repeats is one finding with more evidence, and one that ended stays, marked as resolved. `Board` keeps
them that way; checks just say what they see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]

MOST_EVIDENCE = 16
"""Kept of a finding: the oldest ones and the newest."""
OLDEST_KEPT = 4
MOST_FINDINGS = 200
"""A session has some dozens of kinds of problems; more than this can only come of ids that a service makes up."""


class Evidence(NamedTuple):
    """One event: its number in the session or line in the file, its time in seconds where known, and what it was."""

    seq: int
    t: float | None
    ref: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `id` is the same for every sighting of it."""

    id: str
    code: str
    severity: Severity
    title: str
    """What happened, one sentence."""
    cause: str
    cure: str
    """The exact change: a line of the configuration, a field, a call."""
    evidence: tuple[Evidence, ...]
    """At least one event; a finding without evidence is a defect."""
    rests_on: str
    """The rule or the fact of the protocol it rests on, in words."""
    confidence: float
    """0 to 1."""
    resolved: bool = False
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
