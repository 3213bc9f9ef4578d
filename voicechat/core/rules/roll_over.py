"""R28: a session has a longest time. The user is told in good time, and the next pause takes a new session.

The end is known from the service (`expires_at`) or from what is known of it (`Wishes.session_limit`); the earlier one
holds, because the wall clock of one of the two may be wrong. A session that ends before there was a pause comes back
the same way: the service says `session_expired`, and the line is lost and asked for at once.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.events import AnyEvent, LineLost, Noticed
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.playback import ends_at as sound_ends_at
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State

SHORTEST, LONGEST = 20.0, 86_400.0
"""Seconds; an end further away, or nearly now, is a wall clock that is wrong and not an end."""
SHARE = 0.25
"""A short session is told of so late, as a share of its time."""
TRANSCRIPT_LIMIT = 8.0
"""Seconds; a transcript that is still missing then will not come, and does not keep the session from ending."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Nothing happens by itself here: what is due follows from the state, see `settle`."""
    return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Tell of the end, then take the first pause."""
    told_at = told_from(state, policy)
    if told_at is None or now < told_at:
        return NOTHING
    line = state.connection
    if state.renewal.told_for != line.number:
        told = replace(state, renewal=replace(state.renewal, told_for=line.number))
        return RuleResult(told, (), (Noticed("info", _words(state, now), "session_ending"),))
    quiet_at = quiet_from(state, now, policy)
    if quiet_at is None or now < quiet_at:
        return NOTHING
    return RuleResult(None, (), (LineLost(line.number, "the session reaches its maximum duration", rolls_over=True),))


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the end is told, then the end of the pause that is long enough."""
    told_at = told_from(state, policy)
    if told_at is None or now < told_at:
        return told_at
    return quiet_from(state, now, policy)


def session_ends_at(state: State) -> float | None:
    """When the service will end this session, on our clock; None where it is not known."""
    line, config = state.connection, state.configuration
    if line.phase != "open" or line.opened_at is None:
        return None
    ends: list[float] = []
    if state.wishes.session_limit is not None:
        ends.append(line.opened_at + state.wishes.session_limit)
    if config.expires_at is not None and line.unix_offset is not None:
        said = config.expires_at - line.unix_offset
        if SHORTEST <= said - line.opened_at <= LONGEST:
            ends.append(said)
    return min(ends, default=None)


def told_from(state: State, policy: TurnPolicy) -> float | None:
    """When the user is told: five minutes before, or a share of a short session."""
    ends, opened_at = session_ends_at(state), state.connection.opened_at
    if ends is None or opened_at is None or state.configuration.in_force_at is None:
        return None
    return ends - min(policy.session_warning, SHARE * (ends - opened_at))


def quiet_from(state: State, now: float, policy: TurnPolicy) -> float | None:
    """From when on nobody speaks, nothing sounds and no answer is on its way; None while somebody or something is."""
    slot, voice, gate = state.responses, state.voice, state.gate
    if slot.active_id or slot.asked_at is not None or slot.wanted or slot.busy_since is not None:
        return None
    if gate.waiting or gate.calls or state.talk.pressed_at is not None or state.segment.awaiting_item:
        return None
    if voice.began_at is not None and voice.ended_at is None:
        return None
    if state.segment.voiced or state.playback.is_audible:
        return None
    since = [voice.ended_at or 0.0, state.playback.last_audible_at or 0.0, state.connection.since]
    since.append(_understood_at(state))
    if state.playback.begun_at is not None:
        end = sound_ends_at(state, now, policy)
        if end is None:
            return None
        since.append(end)
    return max(since) + policy.session_pause


def _understood_at(state: State) -> float:
    """From when on the user's newest turn has its words, or will not get them."""
    for turn in reversed(state.conversation.turns):
        if turn.connection < state.connection.number or turn.who == "assistant":
            break
        if turn.who == "you" and not turn.final:
            return (turn.last_sound_at or turn.at) + TRANSCRIPT_LIMIT
    return 0.0


def _words(state: State, now: float) -> str:
    left = max(0.0, (session_ends_at(state) or now) - now)
    when = f"{left / 60:.0f} min" if left >= 90.0 else f"{left:.0f} s"
    kept = "" if is_translation(state) else ", with what was said"
    return f"The service ends this session in {when}. A new one takes over at the next pause{kept}."
