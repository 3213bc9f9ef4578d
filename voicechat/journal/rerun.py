"""The states a session went through, from its tape: what replay shows, and where transcripts come from.

A tape with its start is run through the core as it was. Without one (it was begun in the middle of a talk, or another
program wrote it) the wire alone tells the story: what the server said, at the times it said it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from voicechat.core.events import ConnectWanted, Event, LineOpened, Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.step import step
from voicechat.journal.lines import Start, input_of, is_wire_event, server_event, start_of
from voicechat.journal.tape import Entry, Tape


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


def walk(head: Mapping[str, Any], entries: Iterable[Entry]) -> Iterator[tuple[Entry, Past | None]]:
    """Every line, and with an input the state it led to. Raises TapeError as `rerun` does."""
    return _as_it_was(entries, start_of(head)) if "start" in head else _by_the_wire(entries)


def _as_it_was(entries: Iterable[Entry], start: Start) -> Iterator[tuple[Entry, Past | None]]:
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


def _by_the_wire(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Past | None]]:
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
