"""Runs the checks over a session: event by event while it flows, or to its end over a log.

Nearly all events interest nobody, and a talk may bring 300 of them a second: an event costs one look into a table
unless the model or a check has asked for its type.

What another turn detection would have done with the same speech: turns cut in a pause, against time waited.

Only the pause that ends a turn (`silence_duration_ms`) can be judged from a log: the server tells where each piece of
speech began and ended, so the pauses between the pieces are known, and those inside them were shorter than the setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from voicechat.insight import checks
from voicechat.insight.checks import (
    Look,
    audio,
    connection,
    microphone,
    refusals,
    responses,
    session,
    tools,
    transcripts,
)
from voicechat.insight.records import IN_PROSE, LOG_ENDED, TIME_PASSED, Board, Finding, Record, part
from voicechat.insight.session_model import OUTPUT, SessionModel
from voicechat.journal.redact import without_keys

HESITATION = 1_200
"""ms: a longer pause is between two turns, a shorter one inside a sentence."""
STEP = 100
MOST = 1_200
FEWEST_TURNS = 3
SHARE = 0.05
"""Of the turns that may still be cut by a setting that is proposed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of silence_duration_ms, and what it would have done."""

    silence_ms: int
    cut: int
    """Turns that end in a pause inside a sentence."""
    later_ms: int
    """By how much each answer would begin later than now."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The setting in force first, then longer ones; `best` is None where nothing is to be gained."""

    turns: int
    settings: tuple[Setting, ...]
    best: Setting | None

    @property
    def gain(self) -> str:
        """`0 instead of 3 of 9 turns cut in a pause, +200 ms a turn`; empty where nothing is proposed."""
        if self.best is None:
            return ""
        cut = f"{self.best.cut} instead of {self.settings[0].cut} of {self.turns} turns cut in a pause"
        return f"{cut}, +{self.best.later_ms} ms a turn"

    @property
    def sentence(self) -> str:
        """`silence_duration_ms 700: 0 instead of 3 of 9 turns cut, +200 ms a turn`."""
        if self.best is None:
            return ""
        return f"silence_duration_ms {self.best.silence_ms} (now {self.settings[0].silence_ms}): {self.gain}"


def what_if(speech: Sequence[tuple[float, float]], silence_ms: float, padding_ms: float) -> WhatIf | None:
    """`speech`: (audio_start_ms, audio_end_ms) of each piece, as the server tells them.

    They hold the padding in front and the silence behind. None where there are too few pieces to say anything.
    """
    if len(speech) < FEWEST_TURNS:
        return None
    pauses = [(start + padding_ms) - (end - silence_ms) for (_, end), (start, _) in pairwise(speech)]
    inside = [pause for pause in pauses if 0 < pause <= HESITATION]
    now = round(silence_ms)
    longer = range(now - now % STEP + STEP, MOST + 1, STEP)
    settings = tuple(Setting(one, sum(pause > one for pause in inside), one - now) for one in (now, *longer))
    limit = SHARE * (len(speech) - len(inside))
    best = next((one for one in settings[1:] if one.cut <= limit), None)
    return WhatIf(len(speech), settings, best if settings[0].cut > limit else None)


RUNS = frozenset(OUTPUT)
"""Deltas, nine in ten events of a log: only the first of a response's run is news to a check."""
AS_TOLD = 0.7
"""How sure a finding is at most where a sentence of prose tells of the failure."""
LOOK_EVERY = 0.5
"""Seconds between looks at what does not happen."""


Check = checks.Check | refusals.Refused
_MODULES = (audio, connection, microphone, responses, session, tools, transcripts)
CHECKS: tuple[Check, ...] = tuple(
    sorted(
        [
            *refusals.CHECKS,
            *(one for module in _MODULES for one in vars(module).values() if isinstance(one, checks.Check)),
        ],
        key=lambda check: check.code,
    )
)
CODES = tuple(check.code for check in CHECKS)


class Diagnosis:
    """The findings of one session. `feed` and `look_again` return what is new or has changed."""

    def __init__(self, asked: Iterable[Check] = CHECKS, *, is_ours: bool = False) -> None:
        """`is_ours`: our own engine tells, so that what it does not tell of did not happen."""
        self.model = SessionModel()
        self.model.witness.is_ours = is_ours
        self._board = Board()
        self._looks: dict[str, list[Look]] = {}
        for check in asked:
            for name in check.on:
                self._looks.setdefault(name, []).append(check.look)
        self.interest = frozenset(self._looks) | self.model.events
        """Types of records that matter; others need not be fed."""
        self._looked_at: float | None = None
        self._seq = 0
        self._run: dict[str, object] = {}
        """Since the last event of another kind: of which response each kind of delta was; sound and words alternate."""

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
        t, last, kind, model = record.t, self._looked_at, record.type, self.model
        is_due = t is not None and (last is None or not 0.0 <= t - last < LOOK_EVERY)
        changed = self.look_again(t) if t is not None and is_due else []
        self._seq = record.seq
        if kind in RUNS:
            response = record.event.get("response_id") or ""
            if self._run.get(kind) == response:
                model.output(record)
                return changed
            self._run[kind] = response
        elif self._run:
            self._run = {}
        model.witness.take(record)
        if kind in self.interest:
            model.feed(record)
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
        looks: Iterable[Look] = self._looks.get(record.type, ())
        if record.type == "response.done":
            looks = (*looks, *self._looks.get(f"response.done {part(record.event, 'response').get('status')}", ()))
        changed = []
        for look in looks:
            for said in look(self.model, record):
                if isinstance(said, Finding):
                    if said.ours and self.model.witness.is_ours:
                        said = replace(said, cure=f"{said.cure} {said.ours}", ours="")
                    if IN_PROSE in record.event:
                        said = replace(said, confidence=min(said.confidence, AS_TOLD))
                    title, cause, cure = map(without_keys, (said.title, said.cause, said.cure))
                    said = replace(said, title=title, cause=cause, cure=cure)
                finding = self._board.take(said)
                if finding is not None:
                    changed.append(finding)
        return changed
