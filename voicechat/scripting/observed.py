"""What a script has seen of its talk so far: events, words, findings and figures, as the engine told them.

Times are session time in seconds, unless they are `arrived`, which is the reader's own clock.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from voicechat.core.view import TurnView, View
from voicechat.engine.link import Batch, EventRow, Finding, FromEngine, Numbers, Snapshot, Turns
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.scripting.model import ANSWER_AUDIBLE, ANSWER_ENDED, Wanted

MOST_EVENTS = 50_000
"""Kept of a talk; the oldest go first."""
UNDER_WAY = ("waiting", "thinking", "speaking", "finishing")
"""Reply states in which an answer is still on its way to the listener."""
FIRST_WORDS = frozenset(
    {
        "response.output_text.delta",
        "response.text.delta",
    }
)
SPOKEN_WORDS = frozenset({"response.output_audio_transcript.delta", "response.audio_transcript.delta"})
AT_LAST = ("failed", "incomplete")
OUT_OF_ORDER = 1.0
"""Seconds by which an event may be told late."""
EARLY = 0.5
"""Seconds by which the sound of an answer may be here before the event that announces it."""


@dataclass(slots=True)
class AnswerSeen:
    """One response of the service, as the listener has it."""

    id: str
    created_at: float
    audible_at: float | None = None
    done_at: float | None = None
    ended_at: float | None = None
    has_words: bool = False
    status: str = ""

    @property
    def is_answer(self) -> bool:
        """A call of a tool, or an answer cancelled at birth, is none."""
        return self.audible_at is not None or self.has_words or self.status in AT_LAST


class Observed:
    """Give it every message of the engine."""

    def __init__(self) -> None:
        self.events: list[EventRow] = []
        self.answers: list[AnswerSeen] = []
        self.view: View | None = None
        self.findings: dict[str, Finding] = {}
        self.numbers: tuple[TurnNumbers, ...] = ()
        self.tape = ""
        """The folder of the tape that is being made."""
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._seen_at: dict[str, float] = {}
        """When each transcript entry was first told of; its own time counts from the service's session."""
        self._taken: set[int] = set()
        self._offset: float | None = None
        self._sounds_since: float | None = None

    def take(self, message: FromEngine, arrived: float) -> None:
        """One message, `arrived` on the reader's clock."""
        match message:
            case Batch(rows=rows):
                for row in rows:
                    self._see(row)
                del self.events[:-MOST_EVENTS]
            case Snapshot(view=view, t=t):
                self.view = view
                self._learn_time(t, arrived)  # events of the sound may be dated some milliseconds ahead
                self._end_answers(view, t)
            case Turns(changed=changed, order=order):
                for turn in changed:
                    self._seen_at.setdefault(turn.key, self.session_time(arrived))
                self._turns |= {turn.key: turn for turn in changed}
                self._order = self._order if order is None else order
            case Numbers(figures=figures):
                self.numbers = figures.turns
            case Finding(id=id):
                self.findings[id] = message
            case _:
                pass

    def session_time(self, now: float) -> float:
        """The talk's time at `now` of the reader's clock; never too late, by some milliseconds too early."""
        return 0.0 if self._offset is None else now - self._offset

    @property
    def turns(self) -> tuple[TurnView, ...]:
        return tuple(self._turns[key] for key in self._order if key in self._turns)

    def turns_since(self, at: float) -> tuple[TurnView, ...]:
        """Entries of the transcript that are there since then."""
        return tuple(turn for turn in self.turns if self._seen_at[turn.key] >= at)

    def since(self, at: float) -> Iterator[EventRow]:
        """Events from then on, in the order they flowed."""
        # Moments of the sound are told a little late, so the list is not quite in the order of their times.
        first = bisect_left(self.events, at - OUT_OF_ORDER, key=lambda row: row.t)
        return (row for row in islice(self.events, first, None) if row.t >= at)

    def find(self, wanted: Wanted, since: float, *, again: bool = False) -> EventRow | None:
        """The first such event since then. It is found once only, unless `again`."""
        for row in self._moments(wanted.type, since):
            if (again or row.seq not in self._taken) and fits(row, wanted):
                return row
        return None

    def use_up(self, row: EventRow) -> None:
        """No later wait is for this one."""
        self._taken.add(row.seq)

    def _moments(self, type: str, since: float) -> Iterator[EventRow]:
        if type not in (ANSWER_AUDIBLE, ANSWER_ENDED):
            yield from (row for row in self.since(since) if row.type == type)
            return
        # An answer that was asked for before this turn is not this turn's, whenever it ends.
        for place, answer in enumerate(self.answers):
            at = answer.audible_at if type == ANSWER_AUDIBLE else answer.ended_at
            if at is not None and answer.created_at >= since:
                seq = -2 * place - (1 if type == ANSWER_AUDIBLE else 2)
                payload = json.dumps({"type": type, "status": answer.status, "response_id": answer.id})
                yield EventRow(seq, at, "local", type, payload=payload)

    def _learn_time(self, t: float, arrived: float) -> None:
        if self._offset is None or arrived - t < self._offset:
            self._offset = arrived - t

    def _see(self, row: EventRow) -> None:
        self.events.append(row)
        match row.type:
            case "response.created" if row.dir == "in":
                self._create(row)
            case "response.done" if row.dir == "in":
                self._finish(row)
            case "assistant.audible":
                self._sounds_since = row.t
                self._make_audible(row.t)
            case "assistant.silent":
                self._sounds_since = None
            case "playback.flushed":
                self._drop_unheard(row.t)
            case "tape.began":
                self.tape = str(payload_of(row).get("folder", ""))
            case name if name in FIRST_WORDS or name in SPOKEN_WORDS:
                self._hear_words(row, is_text=name in FIRST_WORDS)

    def _create(self, row: EventRow) -> None:
        before = self.answers[-1] if self.answers else None
        answer = AnswerSeen(row.refs[0], row.t)
        self.answers.append(answer)
        early = self._sounds_since is not None and row.t - self._sounds_since <= EARLY
        if early and (before is None or before.ended_at is not None):
            answer.audible_at = row.t

    def _make_audible(self, at: float) -> None:
        """The oldest answer that was not heard yet: sound comes in the order of the answers."""
        for place, answer in enumerate(self.answers):
            if answer.audible_at is None and answer.ended_at is None and answer.status in ("", "completed"):
                answer.audible_at = at
                for earlier in self.answers[:place]:
                    earlier.ended_at = at if earlier.ended_at is None else earlier.ended_at
                return

    def _drop_unheard(self, at: float) -> None:
        """What had been received and was not heard yet is not going to be."""
        for answer in self.answers:
            if answer.done_at is not None and answer.audible_at is None and answer.ended_at is None:
                answer.ended_at = at

    def _hear_words(self, row: EventRow, *, is_text: bool) -> None:
        for answer in reversed(self.answers):
            if answer.id == row.refs[0]:
                answer.has_words = True
                if is_text and answer.audible_at is None:
                    answer.audible_at = row.t
                return

    def _finish(self, row: EventRow) -> None:
        for answer in reversed(self.answers):
            if answer.id == row.refs[0]:
                answer.done_at = row.t
                response = payload_of(row).get("response")
                answer.status = str(response.get("status", "")) if isinstance(response, dict) else ""
                return

    def _end_answers(self, view: View, t: float) -> None:
        for answer in self.answers:
            if answer.ended_at is None and answer.done_at is not None and answer.is_answer:
                if t >= answer.done_at and view.reply.state not in UNDER_WAY:
                    answer.ended_at = t


def payload_of(row: EventRow) -> dict[str, Any]:
    """The event itself; long texts in it are cut."""
    try:
        event = json.loads(row.payload or "{}")
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def fits(row: EventRow, wanted: Wanted) -> bool:
    """Whether an event has the fields that are asked for."""
    if row.type != wanted.type:
        return False
    if not wanted.where:
        return True
    event = payload_of(row)
    return all(value_at(event, path) == value for path, value in wanted.where.items())


def value_at(event: object, path: str) -> object:
    """The value at `response.output.0.type`; None where there is none."""
    for part in path.split("."):
        if isinstance(event, dict):
            event = event.get(part)
        elif isinstance(event, list) and part.isdigit() and int(part) < len(event):
            event = event[int(part)]
        else:
            return None
    return event
