"""Who ends an answer before its time, and whether it was right (R7, R9, R11).

You by a key, your voice by R7, the server by itself, or the lost line: each becomes one `AnswerInterrupted`, and the
rules that own the loudspeaker, the line and the mic do the rest. Whether a voice has earned the floor is decided in the
audio callback alone: it is never late, and it alone can tell a voice from a leak of the echo. It is told here whether
it may, and reports what it did.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.effects import AllowBargeIn
from voicechat.core.events import (
    AnswerInterrupted,
    AnyEvent,
    BargeInHappened,
    DeviceLost,
    EndAsked,
    FalseAlarm,
    LineLost,
    LineReleased,
    NewAsked,
    Noticed,
    Received,
    SelfEchoHeard,
    StopPressed,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.configuration import is_mic_open_during_playback, is_ready
from voicechat.core.rules.playback import is_answer_running
from voicechat.core.rules.reply_gate import has_words
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State, Voice
from voicechat.failures import by_name
from voicechat.protocol.items import Response
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionUpdated,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferCleared,
    ResponseDone,
    ServerEvent,
)

TAKES = (
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionUpdated,
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferCleared,
    ResponseDone,
)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the voice's facts and name whoever ended the answer."""
    voice = state.voice
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case VoiceBegan(began_at):
            began_at = min(began_at, now)
            return _changed(state, replace(voice, began_at=began_at, ended_at=None))
        case VoiceEnded(ended_at) if voice.began_at is not None:
            return _changed(state, replace(voice, ended_at=max(voice.began_at, min(ended_at, now))))
        case BargeInHappened(voice_began_at) if is_answer_running(state, now, policy):
            began_at = min(voice_began_at, now)
            return _granted(state, replace(voice, began_at=began_at), now, policy)
        case BargeInHappened(voice_began_at):
            return _changed(state, replace(voice, began_at=min(voice_began_at, now)))
        case StopPressed() | EndAsked() | NewAsked() if is_answer_running(state, now, policy):
            return RuleResult(None, (), (AnswerInterrupted("you"),))
        case LineLost() if is_answer_running(state, now, policy):
            return RuleResult(None, (), (AnswerInterrupted("line"),))
        case SelfEchoHeard():
            return RuleResult(None, (), (Noticed("warning", _self_echo_words(event), by_name("self-echo").codes[0]),))
        case LineReleased() | DeviceLost():
            return _changed(state, replace(voice, began_at=None, ended_at=None, granted_at=None))
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Judge what was granted, and tell the audio path what it may do."""
    voice = state.voice
    alarm_at = _false_alarm_at(voice, policy)
    if alarm_at is not None and voice.granted_at is not None and now >= alarm_at:
        return _false_alarm(state, voice.granted_at)
    if _goes_on(voice, now, policy):
        state = replace(state, voice=replace(voice, granted_at=None))
    return _permission_updated(state, now, policy, is_changed=state.voice is not voice)


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the answer has lasted long enough, and when a grant without words was noise."""
    voice = state.voice
    allowed_at = None if voice.allowed else _answer_old_enough_at(state, policy)
    if allowed_at is not None and not _may_listen(state, policy):
        allowed_at = None
    if voice.granted_at is None:
        return allowed_at
    alarm_at = _false_alarm_at(voice, policy)
    judged_at = voice.granted_at + policy.min_voice if alarm_at is None else alarm_at
    return judged_at if allowed_at is None else min(judged_at, allowed_at)


def _may_listen(state: State, policy: TurnPolicy) -> bool:
    """Whether talking over the answer cuts in at all: hands-free, wanted, and not muted in any way."""
    mic, choices = state.microphone, state.choices
    if not choices.barge_in or choices.turn_mode == "push-to-talk" or state.talk.pressed_at is not None:
        return False
    if not mic.hears_over_playback or is_spent(state):  # there is nothing to cut in for
        return False
    if mic.muted or mic.paused or mic.missing or mic.lost_at is not None or not is_ready(state):
        return False
    return policy.full_duplex or not is_mic_open_during_playback(state, policy)


def _is_voice_on(voice: Voice) -> bool:
    return voice.began_at is not None and voice.ended_at is None


def _answer_old_enough_at(state: State, policy: TurnPolicy) -> float | None:
    """R7: nobody interrupts a first syllable; what goes on after a pause has none. None: there is no sound."""
    sound = state.playback
    if sound.begun_at is None or sound.audible_since is None or sound.is_flushed:
        return None
    began = sound.audible_since if sound.first_audible_at is None else sound.first_audible_at
    return min(began, sound.audible_since) + policy.min_playback


def _granted(state: State, voice: Voice, now: float, policy: TurnPolicy) -> RuleResult:
    """R7: the uplink gets everything from before the voice began."""
    began_at = now if voice.began_at is None else voice.began_at
    granted = replace(voice, granted_at=now, grants=voice.grants + 1)
    return _announced(state, granted, AnswerInterrupted("barge-in", now - began_at + policy.pre_roll))


def _false_alarm_at(voice: Voice, policy: TurnPolicy) -> float | None:
    """R11: a grant, then no transcript and no further voice. None while the voice goes on."""
    if voice.granted_at is None or _is_voice_on(voice):
        return None
    silent_since = voice.granted_at if voice.ended_at is None else max(voice.granted_at, voice.ended_at)
    return silent_since + policy.false_alarm_after


def _goes_on(voice: Voice, now: float, policy: TurnPolicy) -> bool:
    """The voice lasted as long again after the grant: no cough does."""
    if voice.granted_at is None:
        return False
    until = now if voice.ended_at is None else voice.ended_at
    return until >= voice.granted_at + policy.min_voice


def _false_alarm(state: State, granted_at: float) -> RuleResult:
    voice = replace(state.voice, granted_at=None, false_alarms=state.voice.false_alarms + 1)
    text = "The answer was cut by a noise, not by your voice."
    return _announced(state, voice, FalseAlarm(granted_at), Noticed("info", text, "false_alarm"))


_LATEST_CANCELLED = 0.45
"""Seconds: an echo later than this is out of the canceller's reach."""


def _self_echo_words(heard: SelfEchoHeard) -> str:
    """One sentence: what is heard, how loud and how late, and the cure that fits how echo is treated now."""
    echo = f"{heard.level_db:+.0f} dB, {heard.delay * 1000:.0f} ms late".replace("-", "\N{MINUS SIGN}")
    match heard.mode:
        case "headphones":
            cure = "headphones are set, but it is heard: turn echo cancelling on, or half duplex (b)"
        case "shut":
            return (
                f"Your loudspeaker would trigger the voice detection ({echo}), so the mic is off while it plays: "
                "turn echo cancelling on, or use headphones."
            )
        case "cancelled" if heard.delay > _LATEST_CANCELLED:
            cure = (
                "the delay is too long for echo cancelling: use headphones or a wired loudspeaker, or half duplex (b)"
            )
        case "cancelled":
            cure = (
                f"echo cancelling takes out only {heard.cancelled_db:.0f} dB: turn the loudspeaker down, "
                "use headphones, or half duplex (b)"
            )
    return by_name("self-echo").said(echo, cure)


def _permission_updated(state: State, now: float, policy: TurnPolicy, *, is_changed: bool) -> RuleResult:
    """What the audio callback is allowed, said only when it changes; it also turns the loudspeaker down by itself."""
    voice = state.voice
    is_allowed = False
    if state.playback.begun_at is not None and _may_listen(state, policy):
        allowed_at = _answer_old_enough_at(state, policy)
        is_allowed = allowed_at is not None and now >= allowed_at
    if is_allowed == voice.allowed:
        return RuleResult(state) if is_changed else NOTHING
    return RuleResult(replace(state, voice=replace(voice, allowed=is_allowed)), (AllowBargeIn(is_allowed),))


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    match wire:
        case ConversationItemInputAudioTranscriptionDelta(delta=words) if has_words(words):
            return _confirmed(state)
        case (
            ConversationItemInputAudioTranscriptionUpdated(transcript=words)
            | ConversationItemInputAudioTranscriptionCompleted(transcript=words)
        ) if has_words(words):
            return _confirmed(state)
        case InputAudioBufferSpeechStarted() if is_mic_open_during_playback(state, policy):
            return _by_server(state, now, policy)
        case OutputAudioBufferCleared():
            return _by_server(state, now, policy)
        case ResponseDone(response=response) if _is_servers_cut(state, response):
            return _by_server(state, now, policy)
        case _:
            return NOTHING


def _confirmed(state: State) -> RuleResult:
    voice = state.voice
    if voice.granted_at is None:
        return NOTHING
    return _changed(state, replace(voice, granted_at=None))


def _is_servers_cut(state: State, response: Response) -> bool:
    reason = response.status_details.reason if response.status_details else None
    is_ours = state.responses.active_id in ("", response.id or "")
    return response.status == "cancelled" and reason == "turn_detected" and is_ours


def _by_server(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """R9: flush at once. Our own clear is answered by `cleared` too, but then nothing runs any more."""
    if state.playback.is_flushed or not is_answer_running(state, now, policy):
        return NOTHING
    return RuleResult(None, (), (AnswerInterrupted("server"),))


def _announced(state: State, voice: Voice, *announced: AnswerInterrupted | FalseAlarm | Noticed) -> RuleResult:
    return RuleResult(replace(state, voice=voice), (), announced)


def _changed(state: State, voice: Voice) -> RuleResult:
    return RuleResult(replace(state, voice=voice))
