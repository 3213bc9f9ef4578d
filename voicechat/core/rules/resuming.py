"""R27: a new session is told what the old one knew, before anything else is said to it (R21).

It asks for nothing: what the loss has cut off is answered when the user says so (R14).
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.events import (
    AnyEvent,
    ConfigurationInForce,
    LineLost,
    LineReleased,
    Noticed,
    Received,
    TurnsRemembered,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import PREFIX, Memory, memory_of
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Resumption, State
from voicechat.core.user_turns import SERVER_LAG
from voicechat.protocol.client_events import ConversationItemCreate
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.server_events import ServerError

UNNOTICED = 2.5
"""Seconds; a line may be dead for 1.5 of them before anybody notices (R27), and a server needs one to hear a voice."""


TAKES = (ServerError,)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Note what the old line did not take in; tell the new one what was said, once its configuration is in force."""
    match event:
        case LineLost():
            lost = replace(state.resumption, again_from=again_from(state, now, policy))
            return RuleResult(replace(state, resumption=lost))
        case ConfigurationInForce() if state.connection.lost_at is not None or state.resumption.is_due:
            return _resumed(state, now, policy)
        case Received(event=ServerError(error=error)) if is_of_memory(error):
            return _not_taken(state)
        case LineReleased():
            return RuleResult(replace(state, resumption=Resumption()))
        case _:
            return NOTHING


def is_of_memory(error: ErrorDetail) -> bool:
    """Whether a refusal is about an item of the memory."""
    return f"{PREFIX}-" in (error.event_id or "")


def again_from(state: State, now: float, policy: TurnPolicy) -> float | None:
    """Since when the user's words went to a line that did not take them in; None where there are none.

    A line is dead before anybody notices it, and a server that never finished a turn has forgotten it with the line.
    """
    mic, voice, talk = state.microphone, state.voice, state.talk
    if mic.muted or mic.unattended:
        return None
    if talk.pressed_at is not None:
        return None if talk.opened_at is None else talk.pressed_at - policy.pre_roll
    if state.choices.turn_mode == "push-to-talk":
        return _last_talk(state, now, policy)
    if not mic.is_open:
        return None
    if is_translation(state):
        # What was said before was taken in as it was said: only the dead line's last moments are said again.
        is_speaking = voice.began_at is not None and (voice.ended_at is None or voice.ended_at >= now - UNNOTICED)
        return max(voice.began_at or now, now - UNNOTICED) - policy.pre_roll if is_speaking else None
    since: list[float] = []
    newest_turn_at: float | None = None
    for turn in reversed(state.conversation.turns):
        if turn.connection < state.connection.number:
            break
        if turn.who == "you" and not turn.typed:
            newest_turn_at = turn.at if newest_turn_at is None else newest_turn_at
            if not turn.final:
                since.append(turn.at - SERVER_LAG)
    if voice.began_at is not None:
        is_known = newest_turn_at is not None and newest_turn_at >= voice.began_at
        is_fresh = voice.ended_at is None or voice.ended_at >= now - UNNOTICED
        if voice.ended_at is None or (is_fresh and not is_known) or since:
            since.append(voice.began_at - policy.pre_roll)
    since = [at for at in since if at >= now - policy.keep_before_line]
    return min(since, default=None)


def _last_talk(state: State, now: float, policy: TurnPolicy) -> float | None:
    """A push-to-talk turn that was committed, and that no server has understood."""
    began_at = state.conversation.talk_began_at
    if began_at is None or began_at < now - policy.keep_before_line:
        return None
    is_open = any(
        turn.who == "you" and not turn.typed and not turn.final and turn.connection == state.connection.number
        for turn in state.conversation.turns[-4:]
    )
    return began_at - policy.pre_roll if state.segment.awaiting_item or is_open else None


def _resumed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    memory = memory_of(state, now, policy)
    effects = tuple(ConversationItemCreate(item=item, event_id=item.id) for _, item in memory.items)
    if policy.history_at_start:  # it went with the session
        effects = ()
    ids: dict[str, str] = {}
    for key, item in memory.items:
        ids.setdefault(key, item.id or "")
    told = tuple(ids.items())
    known = tuple((key, item.id or "") for key, item in memory.items)
    changed = replace(state, resumption=Resumption(state.connection.number, known))
    return RuleResult(changed, effects, (TurnsRemembered(told), _notice(state, memory, now)))


def _notice(state: State, memory: Memory, now: float) -> Noticed:
    line = state.connection
    if line.lost_at is None:
        return Noticed("info", f"This continues an earlier conversation.{_of_memory(memory)}", "continued")
    took = f"{max(0.0, now - (now if line.lost_at is None else line.lost_at)):.1f} s"
    if line.rolls_over:
        text = f"A new session took over ({took}): the old one had reached its maximum duration."
    else:
        text = f"Connected again after {took}."
    text += _of_memory(memory)
    if not line.rolls_over and state.responses.last_ended_by == "line":
        text += " The answer that was cut off waits for r."
    return Noticed("info", text, "session_rolled" if line.rolls_over else "line_back")


def _of_memory(memory: Memory) -> str:
    if memory.left_out:
        return f" It knows the last {memory.turns} turns; {memory.left_out} older ones did not fit."
    if memory.turns:
        return " It knows the conversation so far." if memory.turns > 1 else " It knows the turn before."
    return ""


def _not_taken(state: State) -> RuleResult:
    """Said once: a service that takes no items takes none of them."""
    known = state.resumption
    counted = replace(state, resumption=replace(known, refused=known.refused + 1))
    text = "The service did not accept the earlier conversation; it knows only part of it, or nothing."
    return RuleResult(counted, (), () if known.refused else (Noticed("warning", text, "not_remembered"),))
