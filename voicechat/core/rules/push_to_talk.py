"""A press opens the mic, a release sends the turn (R6).

Key, mouse and control socket are the same two events. A turn lives from the accepted press until its last sample has
left, or until it is given up; `Talk` holds its facts and is empty between turns:

    pressed ── held ──────── released ── tail (or grace) ── mic closes ── drained ── TalkEnded
           └── tap: latched ──┘ second press, 8 s of silence, 2 minutes, lost lease
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.events import (
    Announcement,
    AnswerInterrupted,
    AnyEvent,
    AttendanceChanged,
    BudgetSpent,
    FocusLost,
    LineLost,
    LineReleased,
    MuteChosen,
    Noticed,
    Received,
    TalkBegan,
    TalkDropped,
    TalkEnded,
    TalkPressed,
    TalkRejoined,
    TalkReleased,
    TalkTapped,
    TimePassed,
    TurnModeChosen,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.configuration import is_ready
from voicechat.core.rules.playback import is_answer_running
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State, Talk
from voicechat.failures import by_name
from voicechat.protocol.server_events import InputAudioBufferCleared, ServerError

NO_TALK = Talk()
SILENT = "No voice was detected for 8 s: the microphone closed, and nothing was sent."


TAKES = (InputAudioBufferCleared, ServerError)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Presses, releases, and everything else that ends a turn."""
    talk = state.talk
    match event:
        case TalkPressed():
            return _pressed(state, event, now, policy)
        case LineLost() if state.resumption.again_from is not None and state.choices.turn_mode == "push-to-talk":
            return _kept_for_next_line(state, now)
        case _ if talk.pressed_at is None:
            return NOTHING
        case TalkReleased() | TalkTapped() | TalkRejoined() | FocusLost():
            return _hand_moved(state, event, now, policy)
        case TimePassed():
            return _time_passed(state, now, policy)
        case VoiceBegan() | VoiceEnded():
            return _changed(state, replace(talk, last_voice_at=now))
        case UplinkDrained(left=0.0) if talk.released_at is not None and not state.microphone.is_open:
            return _changed(state, replace(talk, drained_at=now))
        case Received() if talk.pre_roll_wait_since is not None and _is_cleared(event):
            return _changed(state, replace(talk, pre_roll_wait_since=None))
        case MuteChosen(muted=True) | LineLost() | LineReleased() | BudgetSpent(stops=True):
            return _changed(state, NO_TALK, TalkDropped())
        case AttendanceChanged(attended=False) if talk.source != "control":
            return _changed(state, NO_TALK, TalkDropped())
        case TurnModeChosen(mode) if mode != state.choices.turn_mode:
            return _changed(state, NO_TALK, TalkDropped())
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Note when the mic really opened for this turn, and end the turn when its last sample has left."""
    talk = state.talk
    if talk.pressed_at is None:
        return NOTHING
    if talk.opened_at is None and state.microphone.is_open and is_talking(talk, now, policy):
        return _changed(state, replace(talk, opened_at=now))
    tail_ends = tail_ends_at(talk, policy)
    if tail_ends is None or now < tail_ends:
        return NOTHING
    has_left = state.microphone.is_open or talk.drained_at is not None or now >= drained_by(state, tail_ends, policy)
    return _changed(state, NO_TALK, TalkEnded(spoken(talk, policy))) if has_left else NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """Whatever ends first: lease, latch, the wait for the clear, the tail, the wait for the last sample."""
    talk = state.talk
    if talk.pressed_at is None:
        return None
    due: list[float] = []
    if talk.released_at is None:
        due += [at for at in (talk.lease_until, latch_ends_at(state, policy)) if at is not None]
    kept_until = _kept_until(talk, policy)
    if kept_until is not None:
        due.append(kept_until)
    tail_ends = tail_ends_at(talk, policy)
    if tail_ends is not None:
        due.append(tail_ends if now < tail_ends else drained_by(state, tail_ends, policy))
    if talk.pre_roll_wait_since is not None:
        due.append(talk.pre_roll_wait_since + policy.clear_answer_limit)
    return min(due, default=None)


def is_talking(talk: Talk, now: float, policy: TurnPolicy) -> bool:
    """Whether the mic belongs to a press: held, latched, or in the tail of either."""
    if talk.pressed_at is None:
        return False
    tail_ends = tail_ends_at(talk, policy)
    return tail_ends is None or now < tail_ends


def waits_for_clear(talk: Talk, now: float, policy: TurnPolicy) -> bool:
    """The pre-roll waits until the server has cleared what it heard before, else the clear would wipe it."""
    since = talk.pre_roll_wait_since
    return since is not None and now < since + policy.clear_answer_limit


def tail_ends_at(talk: Talk, policy: TurnPolicy) -> float | None:
    """When the mic closes after the release; None while it is held, or kept for a line that is not up yet."""
    if talk.released_at is None or talk.opened_at is None:
        return None
    tail = max(policy.talk_tail, policy.release_grace) if talk.inferred else policy.talk_tail
    return max(talk.released_at, talk.opened_at) + tail


def drained_by(state: State, tail_ends: float, policy: TurnPolicy) -> float:
    """When the last sample must have left, even if nobody says so: what was kept may leave no faster than spoken."""
    return tail_ends + max(policy.pre_roll, state.microphone.late) + policy.drain_limit


def is_draining(state: State) -> bool:
    """Whether a turn that was released still leaves this machine, behind what was kept before it."""
    talk, mic = state.talk, state.microphone
    has_closed = talk.released_at is not None and talk.opened_at is not None and not mic.is_open
    return has_closed and talk.drained_at is None


def latch_ends_at(state: State, policy: TurnPolicy) -> float | None:
    """A latch ends after 8 s of silence, and after two minutes whatever happens."""
    talk = state.talk
    if talk.latched_at is None or talk.pressed_at is None:
        return None
    longest = talk.pressed_at + policy.max_talk
    if state.voice.began_at is not None and state.voice.ended_at is None:
        return longest
    heard_at = talk.latched_at if talk.last_voice_at is None else max(talk.latched_at, talk.last_voice_at)
    return min(longest, heard_at + policy.latch_silence)


def spoken(talk: Talk, policy: TurnPolicy) -> float:
    """Seconds meant for the assistant: without pre-roll and tail, and from the end of the tap that latched (R18)."""
    if talk.pressed_at is None or talk.released_at is None or talk.opened_at is None:
        return 0.0
    was_tap = talk.latched_at is not None and talk.latched_at < talk.pressed_at + policy.tap_limit
    began = talk.latched_at if was_tap and talk.latched_at is not None else talk.pressed_at
    return max(0.0, talk.released_at - began)


def _pressed(state: State, event: TalkPressed, now: float, policy: TurnPolicy) -> RuleResult:
    talk = state.talk
    if state.microphone.muted:
        return _refused("You are muted, so this press is not heard. Unmute first, then press again.", "muted")
    if state.microphone.missing:
        failure = by_name("no microphone")
        return _refused(failure.said(state.microphone.missing, state.microphone.missing_hint), failure.codes[0])
    if is_spent(state):
        return _refused("Your budget is spent, so this press is not sent.", "budget_press")
    lease_until = _lease_until(event, now, policy)
    if talk.pressed_at is None:
        return _begin(state, event, lease_until, now, policy)
    if talk.released_at is not None:
        return _pressed_again(state, event, lease_until, now, policy)
    if talk.latched_at is not None:
        return _changed(state, replace(talk, released_at=now, inferred=False))
    # Still down: `down` from the socket renews its lease, another hand takes over.
    return _changed(state, replace(talk, source=event.source, lease_until=lease_until))


def _refused(text: str, code: str) -> RuleResult:
    return RuleResult(None, (), (Noticed("info", text, code),))


def _begin(state: State, event: TalkPressed, lease_until: float | None, now: float, policy: TurnPolicy) -> RuleResult:
    """R6: interrupt, clear what the server heard meanwhile, open. With no line up, what is said waits for it."""
    waits = is_ready(state) and state.choices.turns_are_ours and state.connection.transport == "WebRTC"
    talk = Talk(
        pressed_at=now,
        source=event.source,
        lease_until=lease_until,
        pre_roll_wait_since=now if waits else None,
    )
    interruption = (AnswerInterrupted("push-to-talk"),) if is_answer_running(state, now, policy) else ()
    return _changed(state, talk, *interruption, TalkBegan())


def _pressed_again(
    state: State, event: TalkPressed, lease_until: float | None, now: float, policy: TurnPolicy
) -> RuleResult:
    """A press after the release. While the mic is still open it is the same turn, else the last turn ends here."""
    talk = state.talk
    if is_talking(talk, now, policy):
        again = replace(talk, source=event.source, lease_until=lease_until, released_at=None, inferred=False)
        return _changed(state, replace(again, latched_at=None))
    begun = _begin(state, event, lease_until, now, policy)
    return RuleResult(begun.state, (), (TalkEnded(spoken(talk, policy)), *begun.announced))


def _lease_until(event: TalkPressed, now: float, policy: TurnPolicy) -> float | None:
    """Who presses from outside may vanish; a key or a mouse is watched by the screen."""
    if event.lease is not None:
        return now + min(max(event.lease, 0.0), policy.lease)
    return now + policy.lease if event.source == "control" else None


def _hand_moved(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    talk = state.talk
    is_held = talk.released_at is None and talk.latched_at is None
    match event:
        case TalkReleased(source, inferred) if is_held and source == talk.source:
            if not inferred and source != "control" and _is_tap(talk, now, policy):
                return _changed(state, replace(talk, latched_at=now))
            return _changed(state, replace(talk, released_at=now, inferred=inferred))
        case TalkTapped() if is_held:
            return _changed(state, replace(talk, latched_at=now))
        case TalkRejoined() if talk.released_at is not None and talk.inferred:
            if now > talk.released_at + policy.release_grace:
                return NOTHING
            return _changed(state, replace(talk, released_at=None, inferred=False))
        case FocusLost() if is_held and talk.source != "control":
            return _changed(state, replace(talk, released_at=now, focus_lost_at=now))
        case _:
            return NOTHING


def _is_tap(talk: Talk, now: float, policy: TurnPolicy) -> bool:
    return talk.pressed_at is not None and now < talk.pressed_at + policy.tap_limit


def _time_passed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    talk = state.talk
    if talk.pre_roll_wait_since is not None and not waits_for_clear(talk, now, policy):
        talk = replace(talk, pre_roll_wait_since=None)
    if talk.released_at is None:
        ends = [at for at in (talk.lease_until, latch_ends_at(state, policy)) if at is not None]
        if ends and now >= min(ends):
            if _is_silent_latch(state, now, policy):
                return _changed(state, NO_TALK, TalkDropped(), Noticed("info", SILENT, "nothing_said"))
            talk = replace(talk, released_at=now, inferred=False)
    kept_until = _kept_until(talk, policy)
    if kept_until is not None and now >= kept_until:
        text = "What you said was not sent: there was no connection in time. Say it again."
        return _changed(state, NO_TALK, TalkDropped(), Noticed("warning", text, "not_sent"))
    return _changed(state, talk) if talk is not state.talk else NOTHING


def _is_silent_latch(state: State, now: float, policy: TurnPolicy) -> bool:
    """A latch that ends by silence with no voice in it, nor in its pre-roll: nothing was asked."""
    talk, voice, ends_at = state.talk, state.voice, latch_ends_at(state, policy)
    if talk.pressed_at is None or talk.last_voice_at is not None or ends_at is None or now < ends_at:
        return False
    is_voice = voice.began_at is not None and (voice.ended_at or now) >= talk.pressed_at - policy.pre_roll
    return not is_voice and now < talk.pressed_at + policy.max_talk


def _kept_for_next_line(state: State, now: float) -> RuleResult:
    """R27: a turn that the lost line did not take in is, for the next one, a turn that no line has heard."""
    talk, began_at = state.talk, state.conversation.talk_began_at
    if talk.pressed_at is None:
        talk = Talk(pressed_at=began_at, released_at=now)
    return _changed(state, replace(talk, opened_at=None, drained_at=None, pre_roll_wait_since=None))


def _kept_until(talk: Talk, policy: TurnPolicy) -> float | None:
    """So long a finished turn that no line has heard waits for one."""
    if talk.pressed_at is None or talk.released_at is None or talk.opened_at is not None:
        return None
    return max(talk.pressed_at, talk.released_at) + policy.keep_before_line


def _is_cleared(event: Received) -> bool:
    match event.event:
        case InputAudioBufferCleared():
            return True
        case ServerError(error=error):
            return error.code == "input_audio_buffer_clear_empty"
        case _:
            return False


def _changed(state: State, talk: Talk, *announced: Announcement) -> RuleResult:
    return RuleResult(replace(state, talk=talk), (), announced)
