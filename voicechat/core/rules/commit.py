"""When audio becomes a turn: only where turn detection is ours (R17-R19).

A push-to-talk turn is committed when its last sample has left. A hands-free segment is committed after the silence
that ends it; fragments too short to stand alone wait for company. Where the server detects turns nothing is committed
here, except for a provider that is known to wait for it.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from voicechat.core.effects import Effect
from voicechat.core.events import (
    AnswerInterrupted,
    AnyEvent,
    LineLost,
    LineReleased,
    Received,
    TalkBegan,
    TalkDropped,
    TalkEnded,
    TimePassed,
    TurnModeChosen,
    TurnSpoken,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.configuration import is_ready
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Segment, State
from voicechat.protocol.client_events import InputAudioBufferClear, InputAudioBufferCommit
from voicechat.protocol.server_events import (
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ServerError,
    ServerEvent,
)

TAKES = (InputAudioBufferCommitted, InputAudioBufferSpeechStopped, InputAudioBufferSpeechStarted, ServerError)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Collect what was said, then commit or clear it."""
    match event:
        case Received():
            return _on_wire(state, event.event, now)
        case TimePassed():
            return _time_passed(state, now, policy)
        case TalkBegan() | TalkDropped():
            return _cleared(state) if _is_ours(state) else NOTHING
        case TalkEnded(spoken) if _is_ours(state):
            return _committed(state, "push-to-talk") if spoken >= policy.min_turn else _cleared(state)
        case LineLost() if state.resumption.again_from is not None and _detects(state):
            return _changed(state, _said_again(state, policy))
        case LineLost() | LineReleased() | TurnModeChosen():
            return _changed(state, Segment(sends=state.segment.sends))
        case VoiceBegan() | VoiceEnded() | AnswerInterrupted(by="barge-in") if _detects(state):
            return _voice(state, event)
        case _:
            return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The end of the segment that was spoken, or of a provider's patience."""
    stopped_at = state.segment.stopped_at
    if stopped_at is not None and policy.commit_after_stop is not None:
        return stopped_at + policy.commit_after_stop if is_ready(state) else None
    return _segment_ends_at(state, policy) if _is_local(state) else None


def _is_ours(state: State) -> bool:
    return state.choices.turns_are_ours and is_ready(state)


def _is_local(state: State) -> bool:
    """The segment is ours to commit, and there is a line to commit it on."""
    return _detects(state) and is_ready(state)


def _detects(state: State) -> bool:
    """Hands-free with our own detection, and nobody holds the mic open by hand."""
    is_hands_free = state.choices.is_open_mic and state.choices.local_detection
    return is_hands_free and state.talk.pressed_at is None


def _segment_ends_at(state: State, policy: TurnPolicy) -> float | None:
    """R17: enough voice ends with the silence; a short word waits for company; a click ends with the silence. What was
    kept for this line leaves no faster than it was spoken, and a commit before its last sample would cut it (R27)."""
    segment = state.segment
    if segment.ended_at is None or segment.began_at is not None:
        return None
    is_short = policy.shortest_voice <= segment.voiced < policy.commit_voice
    late = state.microphone.late if segment.was_kept else 0.0
    return segment.ended_at + late + (policy.join_within if is_short else policy.commit_silence)


def _said_again(state: State, policy: TurnPolicy) -> Segment:
    """R27: what the lost line did not take in is a segment of the next one, even if nothing more is said."""
    voice, old = state.voice, state.segment
    kept = Segment(old.voiced, old.began_at, old.ended_at, sends=old.sends, was_kept=True)
    if kept.began_at is not None or kept.voiced > 0.0 or voice.began_at is None:
        return kept
    if voice.ended_at is None:
        return replace(kept, began_at=voice.began_at)
    return replace(kept, ended_at=voice.ended_at, voiced=max(policy.shortest_voice, voice.ended_at - voice.began_at))


def _voice(state: State, event: AnyEvent) -> RuleResult:
    """Only voice that the server can hear counts: the mic is open, or a grant has just opened it, or it goes first on
    the line that is awaited."""
    segment, mic = state.segment, state.microphone
    match event:
        case VoiceBegan(began_at) if not is_ready(state) and mic.keep_from is not None:
            return _changed(state, replace(segment, began_at=began_at, was_kept=True))
        case VoiceBegan(began_at) if mic.is_open:
            return _changed(state, replace(segment, began_at=began_at))
        case AnswerInterrupted() if state.voice.began_at is not None and state.voice.ended_at is None:
            return _changed(state, replace(segment, began_at=state.voice.began_at))
        case VoiceEnded(ended_at, voiced) if segment.began_at is not None:
            length = segment.voiced + max(0.0, voiced)
            return _changed(state, replace(segment, began_at=None, ended_at=ended_at, voiced=length))
        case _:
            return NOTHING


def _time_passed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    segment = state.segment
    if segment.stopped_at is not None and policy.commit_after_stop is not None:
        if now < segment.stopped_at + policy.commit_after_stop:
            return NOTHING
        waited = _sent(state, replace(segment, stopped_at=None))
        commit = InputAudioBufferCommit(event_id=_event_id(state, waited))
        return _changed(state, waited, commit) if is_ready(state) else NOTHING
    ends_at = _segment_ends_at(state, policy) if _is_local(state) else None
    if ends_at is None or now < ends_at:
        return NOTHING
    return _committed(state, "local") if segment.voiced >= policy.shortest_voice else _cleared(state)


def _on_wire(state: State, wire: ServerEvent, now: float) -> RuleResult:
    segment = state.segment
    match wire:
        case InputAudioBufferCommitted():
            return _changed(state, replace(segment, awaiting_item=False, awaited_by="", stopped_at=None))
        case InputAudioBufferSpeechStopped() if not state.choices.turns_are_ours:
            return _changed(state, replace(segment, stopped_at=now))
        case InputAudioBufferSpeechStarted():
            return _changed(state, replace(segment, stopped_at=None))
        case ServerError(error=error) if error.code == "input_audio_buffer_commit_empty":
            return _changed(state, replace(segment, awaiting_item=False, awaited_by=""))
        case _:
            return NOTHING


def _committed(state: State, by: Literal["push-to-talk", "local"]) -> RuleResult:
    segment = _sent(state, Segment(awaiting_item=True, awaited_by=by))
    changed = _changed(state, segment, InputAudioBufferCommit(event_id=_event_id(state, segment)))
    return replace(changed, announced=(TurnSpoken(by),))


def _cleared(state: State) -> RuleResult:
    old = state.segment
    segment = _sent(state, Segment(awaiting_item=old.awaiting_item, awaited_by=old.awaited_by))
    return _changed(state, segment, InputAudioBufferClear(event_id=_event_id(state, segment)))


def _sent(state: State, segment: Segment) -> Segment:
    return replace(segment, sends=state.segment.sends + 1)


def _event_id(state: State, segment: Segment) -> str:
    return f"audio-{state.connection.number}-{segment.sends}"


def _changed(state: State, segment: Segment, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, segment=segment), effects)
