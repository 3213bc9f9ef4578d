"""One step of a conversation: an event comes in, the next state and what to do about it come out.

The heart of voicechat is this one function and the list of rules below. A rule (`rules/*.py`) answers one question,
sees the whole state and changes only the slices it owns; rules never call each other's effects, they *announce*
(`AnswerInterrupted`, `ReplyWanted`, ...) and every rule hears the announcement in the same step, at the same `now`.

There are no timers. Slices keep facts ("the last audible sample left at 2.1"), each rule derives from them when it
wants to be asked again, and `next_deadline` is the earliest of these moments: the session sends `TimePassed` then. A
stale timer cannot exist, because nothing has to be cancelled.

What follows from the state as a whole (is the mic open? may the audio callback interrupt by itself?) is settled once,
after the last announcement, so that nothing flaps within a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from voicechat.core.continuous import why_not
from voicechat.core.effects import Effect
from voicechat.core.events import (
    Announcement,
    AnyEvent,
    Event,
    LineFailed,
    LineLost,
    LineNoted,
    LineOpened,
    LineStep,
    PlaybackEmptied,
    PlaybackMoved,
    Received,
    SendRefused,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules import (
    barge_in,
    budget,
    commit,
    configuration,
    connection,
    conversation,
    developer,
    microphone,
    playback,
    push_to_talk,
    reply_gate,
    resuming,
    roll_over,
    server_errors,
    single_response,
    tools,
    typed_text,
)
from voicechat.core.rules.result import RuleResult
from voicechat.core.state import State
from voicechat.errors import LocalProtocolError
from voicechat.protocol.server_events import SERVER_EVENTS
from voicechat.protocol.wire import MalformedFrame, UnknownEvent

OnEvent = Callable[[State, AnyEvent, float, TurnPolicy], RuleResult]
Settle = Callable[[State, float, TurnPolicy], RuleResult]
Deadline = Callable[[State, float, TurnPolicy], float | None]

MOST_EVENTS = 64
"""Events and announcements of one step; more is a loop between rules, a defect that must not pass silently."""


class Step(Struct, frozen=True):
    """What became of one event."""

    state: State
    effects: tuple[Effect, ...] = ()
    """To be carried out in this order."""
    announced: tuple[Announcement, ...] = ()
    """What the rules told each other, for the tape and the curious."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the rule list."""

    name: str
    owns: tuple[str, ...]
    """The slices of `State` that this rule alone changes."""
    on_event: OnEvent
    deadline: Deadline | None = None
    settle: Settle | None = None
    takes: Sequence[type] | None = None
    """The server events that it takes; None: all of them. What happens on this side of the wire goes to every rule."""
    after: tuple[str, ...] = ()
    """The rules that must have taken an event before this one does; every other order gives the same conversation."""
    settles_after: tuple[str, ...] = ()
    """The rules that must be settled before this one is."""


RULES: tuple[Rule, ...] = (
    # What a new connection must be told is collected first, because the others end what was with the old one.
    Rule("resuming", ("resumption",), resuming.on_event, takes=resuming.TAKES),
    # The transcript is written from the state in which the event found us.
    Rule("conversation", ("conversation",), conversation.on_event, conversation.deadline, after=("resuming",)),
    # Ending closes the mic before anything else (R30).
    Rule(
        "microphone",
        ("microphone",),
        microphone.on_event,
        microphone.deadline,
        microphone.settle,
        takes=(),
        after=("resuming", "conversation"),
        settles_after=("configuration", "playback"),
    ),
    Rule(
        "push_to_talk",
        ("talk",),
        push_to_talk.on_event,
        push_to_talk.deadline,
        push_to_talk.settle,
        takes=push_to_talk.TAKES,
        after=("resuming", "microphone"),
        settles_after=("microphone",),
    ),
    # Silence never waits for a server (R8): the loudspeaker comes before the rules that write to the connection.
    Rule("playback", ("playback",), playback.on_event, playback.deadline, playback.settle, takes=playback.TAKES),
    Rule(
        "barge_in",
        ("voice",),
        barge_in.on_event,
        barge_in.deadline,
        barge_in.settle,
        takes=barge_in.TAKES,
        after=("playback",),
        settles_after=("playback", "microphone"),
    ),
    Rule("developer", ("hands",), developer.on_event, takes=developer.TAKES),
    Rule("server_errors", (), server_errors.on_event, takes=server_errors.TAKES),
    Rule("budget", ("budget",), budget.on_event, takes=()),
    Rule("tools", ("tools",), tools.on_event, tools.deadline, takes=tools.TAKES, after=("microphone",)),
    Rule("reply_gate", ("gate",), reply_gate.on_event, reply_gate.deadline, takes=reply_gate.TAKES),
    Rule(
        "commit", ("segment",), commit.on_event, commit.deadline, takes=commit.TAKES, after=("resuming", "reply_gate")
    ),
    Rule("typed_text", ("typing",), typed_text.on_event, takes=typed_text.TAKES, after=("resuming",)),
    Rule(
        "single_response",
        ("responses",),
        single_response.on_event,
        single_response.deadline,
        after=("conversation", "playback", "barge_in", "tools", "typed_text"),
    ),
    Rule(
        "configuration",
        ("configuration", "choices", "wishes"),
        configuration.on_event,
        configuration.deadline,
        configuration.settle,
        takes=configuration.TAKES,
        after=("push_to_talk",),
    ),
    Rule("roll_over", ("renewal",), roll_over.on_event, roll_over.deadline, roll_over.settle, takes=()),
    # Every other rule sees the connection as it was when the event happened.
    Rule(
        "connection",
        ("connection",),
        connection.on_event,
        connection.deadline,
        connection.settle,
        takes=connection.TAKES,
        after=("resuming", "barge_in"),
    ),
)
"""Every rule, in the order in which it takes an event. A test swaps neighbours and finds what `after` leaves out."""


def in_settling_order(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that settle, in the order of the list as far as `settles_after` allows it."""
    left = [rule for rule in rules if rule.settle is not None]
    ordered: list[Rule] = []
    while left:
        waiting = {rule.name for rule in left}
        rule = next(rule for rule in left if waiting.isdisjoint(rule.settles_after))
        left.remove(rule)
        ordered.append(rule)
    return tuple(ordered)


_SETTLERS: tuple[Settle, ...] = tuple(rule.settle for rule in in_settling_order(RULES) if rule.settle is not None)
_ON_EVENT: tuple[OnEvent, ...] = tuple(rule.on_event for rule in RULES)


def by_server_event(rules: Sequence[Rule]) -> dict[type, tuple[OnEvent, ...]]:
    """The functions that take each server event, in the order of `rules`."""
    kinds: tuple[type, ...] = (*SERVER_EVENTS.values(), UnknownEvent, MalformedFrame)
    return {kind: tuple(rule.on_event for rule in rules if rule.takes is None or kind in rule.takes) for kind in kinds}


_ON_SERVER_EVENT = by_server_event(RULES)
_DEADLINES: tuple[Deadline, ...] = tuple(rule.deadline for rule in RULES if rule.deadline is not None)


def step(state: State, event: Event, now: float, policy: TurnPolicy) -> Step:
    """The state after `event`, and what has to be done.

    `now` is the session's monotonic clock in seconds. `policy` holds the numbers of the start; what was chosen while
    talking overrules them. No input raises, with one exception: a loop between rules
    raises `LocalProtocolError`.
    """
    if not _is_of_this_line(state, event):
        return Step(state)
    effects: list[Effect] = []
    announced: list[Announcement] = []
    if (told := why_not(state, event)) is not None:
        announced.append(told)
    else:
        state = _handle(state, event, now, policy, effects, announced)
    handled = 0
    while True:
        while handled < len(announced):
            if handled >= MOST_EVENTS:
                raise LocalProtocolError(f"the turn rules answer each other without end: {announced[-4:]}")
            state = _handle(state, announced[handled], now, policy, effects, announced)
            handled += 1
        for settle in _SETTLERS:
            result = settle(state, now, state.choices.policy or policy)
            if result.state is not None:
                state = result.state
            effects += result.effects
            announced += result.announced
        if handled == len(announced):
            return Step(state, tuple(effects), tuple(announced))


def next_deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the next `TimePassed` is due, on the clock of `now`; None if nothing waits for time."""
    policy = state.choices.policy or policy
    earliest: float | None = None
    for deadline in _DEADLINES:  # after every delta: a generator would cost half as much again
        at = deadline(state, now, policy)
        if at is not None and (earliest is None or at < earliest):
            earliest = at
    return earliest


def overdue(state: State, now: float, policy: TurnPolicy) -> tuple[str, ...]:
    """The names of the rules whose deadline has passed."""
    policy = state.choices.policy or policy
    due = ((rule.name, rule.deadline(state, now, policy)) for rule in RULES if rule.deadline is not None)
    return tuple(name for name, at in due if at is not None and at <= now)


def _handle(
    state: State,
    event: AnyEvent,
    now: float,
    policy: TurnPolicy,
    effects: list[Effect],
    announced: list[Announcement],
) -> State:
    for on_event in _ON_SERVER_EVENT[type(event.event)] if type(event) is Received else _ON_EVENT:
        result = on_event(state, event, now, state.choices.policy or policy)
        if result.state is not None:
            state = result.state
        if result.effects:
            effects += result.effects
        if result.announced:
            announced += result.announced
    return state


def _is_of_this_line(state: State, event: Event) -> bool:
    """Whether this may be obeyed: news of a line that is gone is recorded by the session, never obeyed."""
    match event:
        case (Received() | LineStep() | LineNoted() | LineOpened() | LineFailed() | LineLost() | SendRefused()) | (
            PlaybackEmptied() | PlaybackMoved()
        ):
            line = state.connection
            return event.connection in (line.number, None) and line.phase in ("connecting", "open")
        case _:
            return True
