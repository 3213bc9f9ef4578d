"""A talk in exchanges: what you said, what came of it, and the events and times that belong to it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.journal.past_talk import PastTalk
from voicechat.journal.story import Line

PASSING = frozenset(
    "assistant.audible assistant.silent voice.began voice.ended mic.drained playback.ducked playback.resumed "
    "playback.began playback.flush_applied mic.close_applied "
    "tape.began tape.stopped line.step rate_limits.updated end.asked line.hanging_up mic.opened mic.closed".split()
)
"""Events that come with the sound of the moment, between turns as well as in them; comparing them says nothing. What is
wrong with a microphone is among the findings."""
EARLY = 0.05
"""Seconds by which what begins an exchange may come before its first line."""


@dataclass(slots=True)
class Exchange:
    """From one thing you said to the next. The one before the first (`lines` empty) is the opening of the talk."""

    t: float
    lines: list[Line] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    """Kinds of events in order; pieces of one kind count once."""
    numbers: TurnNumbers | None = None

    def said(self, who: str) -> str:
        """All words of one side."""
        return " ".join(line.text for line in self.lines if line.who == who)

    @property
    def cut(self) -> Line | None:
        """The answer that was cut."""
        return next((line for line in self.lines if line.cut_by), None)


def exchanges_of(talk: PastTalk) -> list[Exchange]:
    """The opening, then every exchange in order."""
    made = [Exchange(0.0)]
    for line in talk.story.lines:
        is_answer = line.who != "you" and len(made) > 1
        if is_answer or line.who == "note":
            made[-1].lines.append(line)
        else:
            made.append(Exchange(line.t, [line]))
    _give_events(talk, made)
    _give_numbers(talk, made)
    return made


def _give_events(talk: PastTalk, made: list[Exchange]) -> None:
    """By the ids an event names, else by its time."""
    owner: dict[str, int] = {}
    for place, exchange in enumerate(made):
        owner |= {id: place for line in exchange.lines for id in (line.item_id, line.response_id) if id}
    starts = [exchange.t - EARLY for exchange in made]
    for row in talk.rows:
        ids = [id for id in row.refs if id]
        known = next((owner[id] for id in ids if id in owner), None)
        place = max(0, bisect_right(starts, row.t) - 1) if known is None else known
        for id in ids:
            owner.setdefault(id, place)
        name = f"{row.type} ({row.dir})" if row.dir == "out" else row.type
        is_piece = row.type.endswith(".delta") or row.type == "input_audio_buffer.append"
        if row.type not in PASSING and not (is_piece and name in made[place].types):
            made[place].types.append(name)


def _give_numbers(talk: PastTalk, made: list[Exchange]) -> None:
    """By the answer, else by when you began to speak."""
    free = {turn.number: turn for turn in talk.figures.turns}
    for exchange in made:
        answers = {line.response_id for line in exchange.lines if line.response_id}
        found = next((turn for turn in free.values() if turn.response and turn.response in answers), None)
        if found is not None:
            exchange.numbers = free.pop(found.number)
    for exchange in made[1:]:
        if exchange.numbers is None:
            near = (turn for turn in free.values() if turn.began_at is not None and abs(turn.began_at - exchange.t) < 1)
            found = next(near, None)
            exchange.numbers = free.pop(found.number) if found is not None else None
