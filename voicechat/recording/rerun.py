"""The states a session went through, from its tape: what replay shows, and where transcripts come from.

A tape with its start is run through the core as it was. Without one (it was begun in the middle of a talk, or another
program wrote it) the wire alone tells the story: what the server said, at the times it said it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voicechat.core.events import ConnectWanted, Event, LineOpened, Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.step import step
from voicechat.recording.check import steps
from voicechat.recording.lines import Start, input_of, server_event, start_of
from voicechat.recording.tape import Tape


@dataclass(frozen=True, slots=True)
class Past:
    """The session after one input. `now` is the clock the core was given, `t` session time; both seconds."""

    t: float
    now: float
    line: int
    state: State
    policy: TurnPolicy


def rerun(tape: Tape) -> Iterator[Past]:
    """Every state, in order. Raises TapeError for a tape that says its start and cannot be read further."""
    return _as_it_was(tape, start_of(tape.head)) if "start" in tape.head else _by_the_wire(tape)


def last_state(tape: Tape) -> Past | None:
    """How the session ended; None for a tape in which nothing happened."""
    last = deque(rerun(tape), maxlen=1)
    return last[0] if last else None


def _as_it_was(tape: Tape, start: Start) -> Iterator[Past]:
    state = State(wishes=start.wishes, choices=start.choices)
    wires: deque[dict[str, Any]] = deque()
    for taken, _, _ in steps(tape, wires):
        wire = wires.popleft() if taken.data.get("type") == "Received" and wires else None
        now = taken.at or 0.0
        state = step(state, input_of(taken.data, wire), now, start.policy).state
        yield Past(taken.t, now, taken.line, state, start.policy)


def _by_the_wire(tape: Tape) -> Iterator[Past]:
    policy = TurnPolicy()
    state = State()
    opening: list[Event] = [ConnectWanted(), LineOpened(1, configured=True)]
    for event in opening:
        state = step(state, event, 0.0, policy).state
    for entry in tape.entries():
        if entry.kind != "event" or entry.dir != "in":
            continue
        state = step(state, Received(state.connection.number, server_event(entry.data)), entry.t, policy).state
        yield Past(entry.t, entry.t, entry.line, state, policy)
