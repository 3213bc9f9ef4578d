"""The checks of `diagnose`, run over the talk while it flows; what they find goes to every client, and is kept.

Events are only put aside when they happen, and looked at with the next tick: diagnosing may neither delay the talk nor,
should a check ever fail, end it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from voicechat.engine.link import FromEngine
from voicechat.insight.records import Finding, Record, record_of
from voicechat.insight.run import Diagnosis
from voicechat.journal.entry import Entry
from voicechat.protocol.dialects import ga_name

SILENCE = "audio.input.turn_detection.silence_duration_ms"
MOST_WAITING = 20_000
"""Events between two ticks; a flood beyond it loses its oldest to the diagnosis, never to the list."""


class Problems:
    """`watch` every entry, `tick` with each tick of the engine."""

    def __init__(
        self, post: Callable[[FromEngine], None], started_at: float = 0.0, diagnosis: Diagnosis | None = None
    ) -> None:
        """`started_at`: the zero of session time on the clock of `tick`."""
        self._post = post
        self._diagnosis = diagnosis or Diagnosis(is_ours=True)
        self._waiting: deque[Record] = deque(maxlen=MOST_WAITING)
        self._started_at = started_at
        self._judged: tuple[object, ...] = ()
        self.suggested: tuple[tuple[str, int, str], ...] = ()
        """Settings that would have served this talk better, as `SessionShown` has them."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far, in the order it was first seen."""
        return self._diagnosis.findings

    def watch(self, entry: Entry) -> None:
        """Put one event aside, if the checks have any use for it. They judge what really crossed the wire."""
        if "translated" not in entry.tags and ga_name(entry.type) in self._diagnosis.interest:
            self._waiting.append(record_of(entry.seq, entry.t, entry.dir, entry.event))

    def tick(self, now: float) -> None:
        """Look at what came since the last tick, and at what did not come. Sends findings that are new or changed."""
        changed: dict[str, Finding] = {}
        try:
            while self._waiting:
                collect(changed, self._diagnosis.feed(self._waiting.popleft()))
            collect(changed, self._diagnosis.look_again(now - self._started_at))
        finally:
            for finding in changed.values():
                self._post(finding)
        model = self._diagnosis.model
        heard = (len(model.speech), model.speech[-1] if model.speech else None, model.configured.in_force)
        if heard != self._judged:
            self._judged = heard
            told = self._diagnosis.what_if
            best = told.best if told is not None else None
            self.suggested = ((SILENCE, best.silence_ms, told.gain),) if told is not None and best is not None else ()


def collect(changed: dict[str, Finding], more: Iterable[Finding]) -> None:
    """The newest state of each finding is all that has to be told."""
    for finding in more:
        changed[finding.id] = finding
