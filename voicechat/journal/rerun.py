"""The states a session went through, from its tape: what replay shows, and where transcripts come from.

A tape with its start is run through the core as it was. Without one (it was begun in the middle of a talk, or another
program wrote it) the wire alone tells the story: what the server said, at the times it said it.

Running the core over a tape again: the same inputs at the same moments must bring the same effects.

A bug report thereby becomes a test: what the core decided, and the first decision in which today's core differs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from voicechat.core.events import ConnectWanted, Event, LineOpened, Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.step import step
from voicechat.journal.lines import (
    Start,
    effect_as_plain,
    effect_of_today,
    input_of,
    is_wire_event,
    server_event,
    start_of,
)
from voicechat.journal.redact import concealer, redacted
from voicechat.journal.tape import Tape, TapeLine

conceal = concealer(tuple)
"""What looks like a key is on no tape; a key that was known by its value is not in what the core was told either."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where today's core decides otherwise. Lines are those of the file."""

    line: int
    """The input upon which it did."""
    t: float
    input: dict[str, Any]
    recorded: tuple[dict[str, Any], ...]
    now: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a check."""

    inputs: int
    effects: int
    difference: Difference | None
    is_cut: bool
    """The tape ends in the middle of a step (the process was killed); that step was left out."""


def check(tape: Tape) -> Checked:
    """Compare every decision, up to the first that differs. Raises TapeError for a tape that cannot be run again."""
    start = start_of(tape.head)
    state = start.state()
    wires: deque[dict[str, Any]] = deque()
    is_redacted = tape.head.get("redacted") is True
    inputs = effects = 0
    for taken, recorded, is_last in steps(tape, wires):
        wire = wires.popleft() if is_wire_event(taken.data) and wires else None
        result = step(state, input_of(taken.data, wire), taken.at or 0.0, start.policy)
        state = result.state
        decided = tuple(as_on_tape(effect_as_plain(effect), is_redacted=is_redacted) for effect in result.effects)
        if tape.head["tape"] < 3:
            recorded = tuple(effect_of_today(one) for one in recorded)
        if tape.head["tape"] == 1:
            decided, recorded = _comparable(decided), _comparable(recorded)
        inputs += 1
        if decided == recorded:
            effects += len(decided)
            continue
        if is_last and decided[: len(recorded)] == recorded:
            return Checked(inputs - 1, effects, None, True)
        return Checked(inputs, effects, Difference(taken.line, taken.t, taken.data, recorded, decided), False)
    return Checked(inputs, effects, None, False)


def steps(tape: Tape, wires: deque[dict[str, Any]]) -> Iterator[tuple[TapeLine, tuple[dict[str, Any], ...], bool]]:
    """(input, the effects recorded upon it, whether it is the last); server events are put into `wires` on the way."""
    taken: TapeLine | None = None
    effects: list[dict[str, Any]] = []
    for entry in tape.entries():
        if entry.kind == "event":
            if entry.dir == "in":
                wires.append(entry.data)
        elif entry.kind == "effect":
            effects.append(entry.data)
        else:
            if taken is not None:
                yield taken, tuple(effects), False
            taken, effects = entry, []
    if taken is not None:
        yield taken, tuple(effects), True


def _comparable(effects: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The effects without those of which version 1 of a tape knows another form: generations, and who turns down."""
    told = ("BeginPlayback", "ResumePlayback", "DuckPlayback")
    kept = (effect for effect in effects if effect["type"] not in told)
    return tuple({"type": one["type"]} if one["type"] == "SilencePlayback" else one for one in kept)


def as_on_tape(plain: dict[str, Any], *, is_redacted: bool = False) -> dict[str, Any]:
    """What an effect is after it was written and read."""
    line = {"effect": plain}
    kept = conceal(msgspec.json.encode(redacted(line) if is_redacted else line))
    effect: dict[str, Any] = msgspec.json.decode(kept, type=dict[str, Any])["effect"]
    return effect


@dataclass(frozen=True, slots=True)
class Past:
    """The session after one input. `now` is the clock the core was given, `t` session time; both seconds."""

    t: float
    now: float
    line: int
    state: State
    policy: TurnPolicy
    event: Event
    """The input."""


def rerun(tape: Tape) -> Iterator[Past]:
    """Every state, in order. Raises TapeError for a tape that says its start and cannot be read further."""
    return (past for _, past in walk(tape.head, tape.entries()) if past is not None)


def last_state(tape: Tape) -> Past | None:
    """How the session ended; None for a tape in which nothing happened."""
    last = deque(rerun(tape), maxlen=1)
    return last[0] if last else None


def walk(head: Mapping[str, Any], entries: Iterable[TapeLine]) -> Iterator[tuple[TapeLine, Past | None]]:
    """Every line, and with an input the state it led to. Raises TapeError as `rerun` does."""
    return _as_it_was(entries, start_of(head)) if "start" in head else _by_the_wire(entries)


def _as_it_was(entries: Iterable[TapeLine], start: Start) -> Iterator[tuple[TapeLine, Past | None]]:
    state = start.state()
    wires: deque[dict[str, Any]] = deque()
    for entry in entries:
        past: Past | None = None
        if entry.kind == "event" and entry.dir == "in":
            wires.append(entry.data)
        elif entry.kind == "input":
            wire = wires.popleft() if is_wire_event(entry.data) and wires else None
            event, now = input_of(entry.data, wire), entry.at or 0.0
            state = step(state, event, now, start.policy).state
            past = Past(entry.t, now, entry.line, state, start.policy, event)
        yield entry, past


def _by_the_wire(entries: Iterable[TapeLine]) -> Iterator[tuple[TapeLine, Past | None]]:
    policy = TurnPolicy()
    state = State()
    opening: list[Event] = [ConnectWanted(), LineOpened(1, configured=True)]
    for event in opening:
        state = step(state, event, 0.0, policy).state
    for entry in entries:
        past: Past | None = None
        if entry.kind == "event" and entry.dir == "in":
            received = Received(state.connection.number, server_event(entry.data))
            state = step(state, received, entry.t, policy).state
            past = Past(entry.t, entry.t, entry.line, state, policy, received)
        yield entry, past
