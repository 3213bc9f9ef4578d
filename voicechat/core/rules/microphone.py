"""Whether what you say is sent, and why not (R1-R5, R26).

The gate is derived from the state as a whole, once per step: `closed_reason` is empty or says who closed it. Nothing
here can create a response or change the session, so reopening only opens (R3); nothing else opens or closes a mic.
"""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.effects import CloseMic, Effect, OpenDevices, OpenMic, SendKept, SetVolume
from voicechat.core.events import (
    AgainPressed,
    AnswerInterrupted,
    AnyEvent,
    AttendanceChanged,
    DeafenChosen,
    DeviceLost,
    DeviceMissing,
    DeviceOpened,
    EchoChanged,
    EndAsked,
    LineLost,
    MicClosed,
    MicFlat,
    MicLive,
    MuteChosen,
    NewAsked,
    Noticed,
    PauseToggled,
    SoundNoted,
    TalkBegan,
    TurnModeChosen,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
    VolumeChosen,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.configuration import is_mic_open_during_playback, is_ready
from voicechat.core.rules.playback import ends_at
from voicechat.core.rules.push_to_talk import is_talking, waits_for_clear
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Microphone, State
from voicechat.failures import by_name

MUTED = "muted by you"
DEVICE_LOST = "device lost"
NO_MICROPHONE = "no microphone"
NOT_CONNECTED = "not connected"
CONFIGURING = "configuring"
BUDGET = "budget spent"
IDLE = "push-to-talk idle"
SPEAKING = "assistant speaking"
SPEAKING_CUT_IN = "assistant speaking, talk over it to cut in"
REOPENING = "reopening"
REASONS = (
    MUTED,
    DEVICE_LOST,
    NO_MICROPHONE,
    NOT_CONNECTED,
    CONFIGURING,
    BUDGET,
    IDLE,
    SPEAKING,
    SPEAKING_CUT_IN,
    REOPENING,
)
"""R4: every reason a mic can be closed for. A pause counts as a mute of yours: the same key takes it back."""

LOUDEST = 1.5
MOST_ASIDE = 8
"""Pieces between mutes that are kept for a line that is not up."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the mic's facts. Only ending closes it here and now (R30); all else waits for `settle`."""
    mic = state.microphone
    match event:
        case MuteChosen(muted):
            return _muted(state, now, muted=muted)
        case PauseToggled() if state.choices.is_open_mic and not mic.muted:
            return _changed(state, replace(_set_aside(state, now), paused=not mic.paused, unmuted_at=now))
        case LineLost() if state.resumption.again_from is not None:
            return _changed(state, _keeping(mic, state.resumption.again_from))
        case TurnModeChosen():
            return _changed(state, replace(mic, paused=False))
        case VolumeChosen(volume):
            return _loudness(state, replace(mic, volume=min(max(volume, 0.0), LOUDEST) if volume == volume else 1.0))
        case DeafenChosen(deafened):
            return _loudness(state, replace(mic, deafened=deafened))
        case AttendanceChanged(attended):
            # What is said with nobody at the screen is never sent, not even later.
            return _changed(state, replace(mic, unattended=not attended, unmuted_at=now, keep_from=None, kept=()))
        case MicClosed() if mic.is_open:
            return _changed(state, replace(mic, is_open=False, changed_at=now))  # `settle` opens it again if it may be
        case UplinkDrained(left) if not mic.is_open:
            until = now + left + policy.drain_limit if left else None
            return _changed(state, replace(mic, leaving_until=until)) if until != mic.leaving_until else NOTHING
        case AgainPressed() if mic.missing and state.connection.phase == "open":
            return RuleResult(None, (OpenDevices(),))
        case TalkBegan():
            return _changed(state, _keeping(mic, now - policy.pre_roll))
        case VoiceBegan(began_at) if mic.keep_from is None and _keeps_first_words(state):
            return _changed(state, _keeping(mic, began_at - policy.pre_roll))
        case VoiceEnded(ended_at, voiced, near_end=True) if voiced >= policy.shortest_voice:
            return _spoken_while_closed(state, min(ended_at, now), now, policy)
        case AnswerInterrupted(by="barge-in", pre_roll=pre_roll):
            return _changed(state, _keeping(mic, now - pre_roll - policy.late_notice))
        case EndAsked() | NewAsked() if mic.is_open or mic.kept:
            closed = replace(mic, is_open=False, changed_at=now, keep_from=None, kept=())
            return _changed(state, closed, *((CloseMic(drop=True),) if mic.is_open else ()))
        case EchoChanged(echo, hears):
            return _changed(state, replace(mic, echo=echo, hears_over_playback=hears))
        case SoundNoted(text, level, code):
            return RuleResult(None, (), (Noticed(level, text, code),))
        case DeviceOpened() | DeviceLost() | DeviceMissing() | MicFlat() | MicLive():
            return _device(state, event, now)
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Open or close the gate, if what the state says differs from what the audio path was told last."""
    if (leaves := state.microphone.leaving_until) is not None and now >= leaves:
        state = replace(state, microphone=replace(state.microphone, leaving_until=None))
        rest = settle(state, now, policy)
        return RuleResult(rest.state or state, rest.effects, rest.announced)
    unsent = state.microphone.unsent
    if unsent is not None and now >= unsent[1] + policy.unsent_limit:
        told = replace(state, microphone=replace(state.microphone, unsent=None))
        return RuleResult(told, (), (_unsent_notice(unsent, "Say it again."),))
    kept = _kept_sent(state, now, policy)
    if not state.microphone.kept or not is_ready(state):
        return _gate_settled(state, now, policy)
    first = max(state.microphone.kept[0][0], now - policy.keep_before_line)
    state = replace(state, microphone=replace(state.microphone, kept=(), late=max(0.0, now - first)))
    rest = _gate_settled(state, now, policy)
    return RuleResult(rest.state or state, (*kept, *rest.effects), rest.announced)


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When speech that was not sent is too old to go first, or the last sound of before a close has left."""
    mic = state.microphone
    if mic.unsent is None:
        return mic.leaving_until
    due = mic.unsent[1] + policy.unsent_limit
    return due if mic.leaving_until is None else min(due, mic.leaving_until)


def _spoken_while_closed(state: State, ended_at: float, now: float, policy: TurnPolicy) -> RuleResult:
    """The user spoke while the assistant's sound kept the mic closed: kept for the opening, or said not to be sent."""
    mic, began_at = state.microphone, state.voice.began_at
    if began_at is None or mic.is_open or began_at < mic.changed_at:
        return NOTHING
    if closed_reason(state, now, policy) not in (SPEAKING, SPEAKING_CUT_IN, REOPENING):
        return NOTHING
    spoken = (began_at, ended_at)
    if state.choices.barge_in and mic.hears_over_playback:
        return _changed(state, replace(mic, unsent=spoken))
    return RuleResult(None, (), (_unsent_notice(spoken, "Barge-in is off."),))


def _unsent_notice(spoken: tuple[float, float], cure: str) -> Noticed:
    seconds = spoken[1] - spoken[0]
    text = f"You spoke for {seconds:.1f} s while the assistant was speaking; it was not sent. {cure}"
    return Noticed("info", text, "speech_not_sent")


def _gate_settled(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    mic = state.microphone
    may_be_open = not closed_reason(state, now, policy)
    if may_be_open == mic.is_open:
        # What was to go first is only good for the opening it was kept for, never for a later one.
        is_wanted = is_talking(state.talk, now, policy) or _keeps_first_words(state)
        is_stale = mic.keep_from is not None and (mic.is_open or not is_wanted)
        return _changed(state, replace(mic, keep_from=None)) if is_stale else NOTHING
    if not may_be_open:
        # What is queued on the way to a dead line must not come first on the next one (R21): it is said again.
        drop = mic.muted or mic.unattended or state.connection.phase != "open"
        late = 0.0 if drop else mic.late
        return _changed(state, replace(mic, is_open=False, changed_at=now, late=late), CloseMic(drop=drop))
    if mic.keep_from is None:
        mic = _with_words_since_the_answer(state, now, policy)
    if mic.unsent is not None:
        began = mic.unsent[0] - policy.pre_roll
        mic = _keeping(mic, began if mic.keep_from is None else min(began, mic.keep_from))
    since = 0.0 if mic.keep_from is None else max(0.0, now - mic.keep_from)
    pre_roll = min(since, policy.keep_before_line)
    backlog = max(0.0, mic.changed_at + mic.late - now)
    opened = replace(mic, is_open=True, changed_at=now, keep_from=None, unsent=None, late=pre_roll + backlog)
    opened = replace(opened, leaving_until=None)
    first = OpenMic(pre_roll, again=pre_roll > 0.0 and _is_first_of_this_line(state))
    lost = (_lost_words_notice(policy),) if since > pre_roll + policy.pre_roll else ()
    return RuleResult(replace(state, microphone=opened), (first,), lost)


def _is_first_of_this_line(state: State) -> bool:
    """What another line was sent may be sent again (R27); what this one was sent never."""
    opened_at = state.connection.opened_at
    return state.connection.number > 1 and opened_at is not None and state.microphone.changed_at <= opened_at


def _kept_sent(state: State, now: float, policy: TurnPolicy) -> tuple[Effect, ...]:
    """What was said for a line that was not up, before a mute: it goes out now, and nothing after it (R5)."""
    if is_spent(state):
        return ()
    parts = ((max(began, now - policy.keep_before_line), ended) for began, ended in state.microphone.kept)
    return tuple(SendKept(now - began, now - ended) for began, ended in parts if ended > began)


def _lost_words_notice(policy: TurnPolicy) -> Noticed:
    text = f"The connection took long: only the last {policy.keep_before_line:g} s of what you said are sent."
    return Noticed("warning", text, "words_lost")


def _with_words_since_the_answer(state: State, now: float, policy: TurnPolicy) -> Microphone:
    """Who answers at once speaks into the reopening delay (R2): a voice that began in it keeps its first word.

    Never from before the last audible sample: that may be the assistant's own voice.
    """
    began_at, silent_at = state.voice.began_at, state.playback.last_audible_at
    if began_at is None or silent_at is None or state.voice.ended_at is not None:
        return state.microphone
    if began_at < silent_at or now > silent_at + policy.inaudible_limit + policy.reopen_delay:
        return state.microphone
    return _keeping(state.microphone, max(silent_at, began_at - policy.pre_roll))


def _keeps_first_words(state: State) -> bool:
    """Hands-free and no line yet: what is said now goes first when the line is up, ten seconds of it at most."""
    mic = state.microphone
    is_closed_by_you = mic.muted or mic.paused or mic.unattended
    return _waits_for_line(state) and state.choices.is_open_mic and not is_closed_by_you


def _waits_for_line(state: State) -> bool:
    line = state.connection
    is_coming = line.phase in ("connecting", "lost") or (line.phase == "refused" and line.retry_at is not None)
    return is_coming or (line.phase == "open" and state.configuration.in_force_at is None)


def closed_reason(state: State, now: float, policy: TurnPolicy) -> str:
    """R4's words for a closed mic; empty if it is or may be open. The first reason that holds is the one shown."""
    mic = state.microphone
    if mic.muted:
        return MUTED
    if mic.lost_at is not None:
        return DEVICE_LOST
    if mic.missing:
        return NO_MICROPHONE
    if state.connection.phase != "open" or mic.unattended:
        return BUDGET if policy.billed_by_time and is_spent(state) else NOT_CONNECTED
    if state.configuration.in_force_at is None:
        return CONFIGURING
    if is_spent(state):
        return BUDGET
    if is_talking(state.talk, now, policy):
        return REOPENING if waits_for_clear(state.talk, now, policy) else ""
    if state.choices.turn_mode == "push-to-talk":
        return IDLE
    if mic.paused:
        return MUTED
    return _closed_for_the_answer(state, now, policy)


def _closed_for_the_answer(state: State, now: float, policy: TurnPolicy) -> str:
    """R1 and R2. Audible means closed; silence is judged by `playback`."""
    if state.playback.begun_at is None or is_mic_open_during_playback(state, policy):
        return ""
    end = ends_at(state, now, policy)
    if end is not None and now >= end:
        return REOPENING
    return SPEAKING_CUT_IN if state.choices.barge_in and state.microphone.hears_over_playback else SPEAKING


def _muted(state: State, now: float, *, muted: bool) -> RuleResult:
    """R5: at once, and what a closed mic still has on its way out does not leave either."""
    mic = _set_aside(state, now) if muted else state.microphone
    since = now if mic.muted and not muted else mic.unmuted_at
    may_leave = state.talk.pressed_at is not None or mic.leaving_until is not None
    is_leaving = muted and not mic.is_open and may_leave
    effects = (CloseMic(drop=True),) if is_leaving else ()
    leaves = None if muted else mic.leaving_until
    return _changed(state, replace(mic, muted=muted, unmuted_at=since, unsent=None, leaving_until=leaves), *effects)


def _set_aside(state: State, now: float) -> Microphone:
    """What was said for a line that is not up yet stays said, although a mute (or a pause) comes before the line."""
    mic = state.microphone
    if mic.keep_from is None or not _keeps_first_words(state):
        return mic
    return replace(mic, kept=(*mic.kept, (mic.keep_from, now))[-MOST_ASIDE:], keep_from=None)


def _keeping(mic: Microphone, since: float) -> Microphone:
    """Sound from `since` on goes first when the mic opens; never what was said while you were muted (R5)."""
    return replace(mic, keep_from=since if mic.unmuted_at is None else max(since, mic.unmuted_at))


def _device(state: State, event: AnyEvent, now: float) -> RuleResult:
    mic = state.microphone
    match event:
        case DeviceOpened(name, speaker, echo, detector, hears):
            # A device that came back changes nothing about what cancels its echo.
            found = replace(
                mic,
                name=name,
                speaker=speaker or mic.speaker,
                echo=echo or mic.echo,
                detector=detector or mic.detector,
                hears_over_playback=mic.hears_over_playback if hears is None else hears,
            )
            well = replace(_with_sound(found), missing="", missing_hint="", lost_at=None, lost_reason="")
            return RuleResult(replace(state, microphone=well), (), _told_back(mic, well, event.why))
        case DeviceLost(reason=reason):
            lost = replace(_with_sound(mic), lost_at=now, lost_reason=reason)
            failure = by_name("device lost")
            told = Noticed("warning", failure.said(_lost_detail(mic, reason)), failure.codes[0])
            return RuleResult(replace(state, microphone=lost), (), (told,) if mic.lost_at is None else ())
        case DeviceMissing(reason, hint, part="loudspeaker"):
            failure = by_name("no loudspeaker")
            return RuleResult(None, (), (Noticed("warning", failure.said(reason, hint), failure.codes[0]),))
        case DeviceMissing(reason, hint):
            return _changed(state, replace(mic, missing=reason or by_name("no microphone").sentence, missing_hint=hint))
        case MicFlat(seconds, cure):
            return _flat(state, now - max(0.0, seconds), cure)
        case _:
            return _live(state)


def _lost_detail(mic: Microphone, reason: str) -> str:
    """Why, and on which devices; which of the two went cannot be known, they run as one."""
    names = " and ".join(dict.fromkeys(name for name in (mic.name, mic.speaker) if name not in ("", "none")))
    return f"{reason or 'no reason known'} ({names or 'no device'})"


def _told_back(before: Microphone, now: Microphone, why: str) -> tuple[Noticed, ...]:
    """Which devices it goes on with, after a loss or a change by itself. A device that was chosen needs no words."""
    if before.lost_at is None and not why:
        return ()
    used = f"microphone {now.name or 'none'}, loudspeaker {now.speaker or 'none'}."
    what = "Sound is back" if before.lost_at is not None else why[:1].upper() + why[1:]
    return (Noticed("info", f"{what}: {used}", "device_back"),)


def _flat(state: State, since: float, cure: str) -> RuleResult:
    """R26: an open mic that gives only zeros is silent; said once per device."""
    mic = replace(state.microphone, flat_since=since)
    if mic.name in mic.told_flat:
        return _changed(state, mic)
    failure = by_name("permission")
    if is_translation(state):  # it takes no typed text
        failure = dataclasses.replace(failure, why="")
    text = failure.said(cure=cure, who=mic.name)
    told = replace(mic, told_flat=(*mic.told_flat, mic.name), is_told_flat=True)
    return RuleResult(replace(state, microphone=told), (), (Noticed("warning", text, failure.codes[0]),))


def _live(state: State) -> RuleResult:
    """Who was told of the silence is told that it is over; a silence that was not told ends without a word."""
    mic = state.microphone
    told = (Noticed("info", f"{mic.name} delivers sound again.", "mic_live"),) if mic.is_told_flat else ()
    return RuleResult(replace(state, microphone=_with_sound(mic)), (), told)


def _with_sound(mic: Microphone) -> Microphone:
    """Its silence is over, or no longer what is wrong with it."""
    return replace(mic, flat_since=None, is_told_flat=False)


def _loudness(state: State, mic: Microphone) -> RuleResult:
    return _changed(state, mic, SetVolume(mic.volume, mic.deafened))


def _changed(state: State, mic: Microphone, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, microphone=mic), effects)
