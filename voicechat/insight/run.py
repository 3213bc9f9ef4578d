"""Runs the checks over a session: event by event while it flows, or to its end over a log.

Nearly all events interest nobody, and a talk may bring 300 of them a second: an event costs one look into a table
unless the model or a check has asked for its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from voicechat.insight.checks import audio, connection, microphone, refusals, responses, session, tools, transcripts
from voicechat.insight.findings import Board, Ended, Finding
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record
from voicechat.insight.session_model import OUTPUT, SessionModel
from voicechat.insight.what_if import WhatIf, what_if
from voicechat.journal.redact import without_keys

RUNS = frozenset(OUTPUT)
"""Deltas, nine in ten events of a log: only the first of a response's run is news to a check."""
LOOK_EVERY = 0.5
"""Seconds between looks at what does not happen."""


class Check(Protocol):
    """A row of a module of `checks`."""

    @property
    def code(self) -> str: ...

    @property
    def on(self) -> tuple[str, ...]:
        """Types of records it looks at."""
        ...

    def look(self, model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
        """What this record shows, now that the model knows it."""
        ...


_MODULES = (audio, connection, microphone, refusals, responses, session, tools, transcripts)
CHECKS: tuple[Check, ...] = tuple(
    sorted((check for module in _MODULES for check in module.CHECKS), key=lambda check: check.code)
)
CODES = tuple(check.code for check in CHECKS)


class Diagnosis:
    """The findings of one session. `feed` and `look_again` return what is new or has changed."""

    def __init__(self, asked: Iterable[Check] = CHECKS, *, is_ours: bool = False) -> None:
        """`is_ours`: our own engine tells, so that what it does not tell of did not happen."""
        self.model = SessionModel()
        self.model.witness.is_ours = is_ours
        self._board = Board()
        self._checks: dict[str, list[Check]] = {}
        for check in asked:
            for name in check.on:
                self._checks.setdefault(name, []).append(check)
        self.interest = frozenset(self._checks) | self.model.events
        """Types of records that matter; others need not be fed."""
        self._looked_at: float | None = None
        self._seq = 0
        self._run: tuple[str, object] | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All so far, in the order they were first seen."""
        return self._board.findings

    @property
    def what_if(self) -> WhatIf | None:
        """Other pauses at the end of a turn; None where the server does not detect turns, or by meaning."""
        silence, padding = (self.model.configured.vad(f"{name}_ms") for name in ("silence_duration", "prefix_padding"))
        is_known = isinstance(silence, int | float) and isinstance(padding, int | float)
        return what_if(self.model.speech, float(silence), float(padding)) if is_known else None

    def feed(self, record: Record) -> list[Finding]:
        """Take in the next event of the session, in the order they flowed."""
        t, last = record.t, self._looked_at
        is_due = t is not None and (last is None or not 0.0 <= t - last < LOOK_EVERY)
        changed = self.look_again(t) if t is not None and is_due else []
        self._seq = record.seq
        run = (record.type, record.event.get("response_id")) if record.type in RUNS else None
        if run is not None and run == self._run:
            self.model.feed(record)
            return changed
        self._run = run
        self.model.witness.take(record)
        if record.type in self.interest:
            self.model.feed(record)
            if record.type in self._checks:
                changed += self._ask(record)
        return changed

    def look_again(self, now: float) -> list[Finding]:
        """Time has passed: ask the checks that wait for something, at most every half second."""
        if self._looked_at is not None and 0.0 <= now - self._looked_at < LOOK_EVERY:
            return []
        self._looked_at = now
        return self._ask(Record(self._seq, now, "local", {}, TIME_PASSED))

    def finish(self, at: float | None = None) -> list[Finding]:
        """The log ends here, or `at` this later time of a line that told of no event."""
        changed = [] if at is None or (self._looked_at is not None and at <= self._looked_at) else self.look_again(at)
        return [*changed, *self._ask(Record(self._seq, self._looked_at, "local", {}, LOG_ENDED))]

    def _ask(self, record: Record) -> list[Finding]:
        changed = []
        for check in self._checks.get(record.type, ()):
            for said in check.look(self.model, record):
                if isinstance(said, Finding):
                    if said.ours and self.model.witness.is_ours:
                        said = replace(said, cure=f"{said.cure} {said.ours}", ours="")
                    title, cause, cure = map(without_keys, (said.title, said.cause, said.cure))
                    said = replace(said, title=title, cause=cause, cure=cure)
                finding = self._board.take(said)
                if finding is not None:
                    changed.append(finding)
        return changed
