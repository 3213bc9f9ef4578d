"""What the loudspeaker does, and when what it did is over (R1, R2).

The answer's sound *begins* with the first audible sample or with `output_audio_buffer.started`, whichever is first, and
is *over* at the first of R2's ends plus the reopen delay.

Responses are counted (`generation`), and a flush names the newest whose sound is dropped. Two fast paths flush ahead of
this rule: the thread that reads the stop key, and the audio callback for a barge-in. Both report `PlaybackFlushed`,
which is always taken: it ends what runs, and where nothing runs the next generation begins at once, so that no flush
outlives the response it was meant for (R8, R9).
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.effects import BeginPlayback, Effect, SilencePlayback
from voicechat.core.events import (
    AnswerInterrupted,
    AnyEvent,
    AssistantFellSilent,
    AssistantHeard,
    BargeInHappened,
    DeviceLost,
    LineLost,
    LineReleased,
    Noticed,
    PlaybackEmptied,
    PlaybackFlushed,
    PlaybackMoved,
    Received,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.sounding import has_loudspeaker
from voicechat.core.state import ItemSound, Playback, State
from voicechat.failures import by_name
from voicechat.protocol.items import Response
from voicechat.protocol.server_events import (
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
)
from voicechat.protocol.session_dialects import get_path

PCM_BYTES_PER_SECOND = 48_000.0
"""24 kHz, 16 bits, one channel: what `audio/pcm` means unless the session says another rate."""
G711_BYTES_PER_SECOND = 8_000.0
PLAYED_OUT = 0.02
"""Seconds by which an item's clock may fall short of what was received when all of it was played: resampling rounds."""
MOST_ITEMS = 8
"""Items whose sound is remembered: what is older was played long ago."""
AUDIBLE_WITHIN = 2.0
"""Seconds after which sound that was announced or received and is not audible is a fault that is told."""
_GOES_ON = 0.25
"""Seconds that a clock is taken to go on without news; the line tells ten times a second."""


TAKES = (
    ResponseOutputAudioDelta,
    ResponseCreated,
    ResponseDone,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    OutputAudioBufferCleared,
)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the loudspeaker's facts; flush and resume it."""
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case AssistantHeard():
            return _heard(state, now, policy)
        case AssistantFellSilent(last_audible_at):
            return _changed(state, _fell_silent(state.playback, min(last_audible_at, now)))
        case PlaybackEmptied():
            return _changed(state, replace(state.playback, emptied_at=now))
        case PlaybackMoved():
            return _changed(state, _moved(state.playback, event))
        case AnswerInterrupted(by):
            return _silenced(state, now, reopen_at_once=by in ("barge-in", "push-to-talk"))
        case PlaybackFlushed(through):
            return _flush_applied(state, through, now, policy)
        case BargeInHappened() if not is_answer_running(state, now, policy):
            # The callback was quicker than the news that the response was over: there is only the mic left to open.
            return _changed(state, replace(state.playback, begun_at=None))
        case LineLost() | LineReleased():
            gone = replace(state.playback, started_at=None, response_id="", items=(), expected_since=None)
            return _changed(state, gone)
        case DeviceLost():
            return _changed(state, replace(_fell_silent(state.playback, now), expected_since=None))
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Tell of sound that should be audible and is not; forget the answer's sound once it is over."""
    announced: tuple[Noticed, ...] = ()
    before = state.playback
    if before.expected_since is not None and now >= before.expected_since + AUDIBLE_WITHIN:
        state, announced = _inaudible(state)
    sound = state.playback
    over_at = over_from(state, now, policy)
    is_over = sound.begun_at is None or (over_at is not None and now >= over_at)
    if is_over and (sound.begun_at is not None or sound.audible_since is not None):
        state = replace(state, playback=replace(sound, begun_at=None, audible_since=None))
    return NOTHING if state.playback is before else RuleResult(state, (), announced)


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The end of "assistant speaking", then the end of "reopening" (the screen tells them apart); `AUDIBLE_WITHIN`."""
    end = ends_at(state, now, policy)
    due = end if end is not None and now < end else over_from(state, now, policy)
    if state.playback.expected_since is None:
        return due
    told_at = state.playback.expected_since + AUDIBLE_WITHIN
    return told_at if due is None else min(due, told_at)


def ends_at(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the sound ended or will be taken for ended: the first of R2's ends. None while it is audible or absent."""
    sound = state.playback
    if sound.begun_at is None or sound.is_audible:
        return None
    quiet_since = sound.begun_at
    if sound.last_audible_at is not None and sound.last_audible_at > quiet_since:
        quiet_since = sound.last_audible_at
    end = quiet_since + policy.inaudible_limit
    if sound.ended_at is not None:
        end = min(end, sound.ended_at)
    done_at = state.responses.done_at
    if done_at is None or state.responses.active_id:
        return end
    if state.connection.transport == "WebSocket":
        return end if sound.emptied_at is None else min(end, max(done_at, sound.emptied_at))
    return min(end, max(done_at, quiet_since + policy.drained_silence))


def over_from(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the mic may reopen: R2's end plus a delay that counts from the last audible sample where that is known."""
    end = ends_at(state, now, policy)
    if end is None:
        return None
    sound = state.playback
    if sound.last_audible_at is None or sound.begun_at is None or sound.last_audible_at < sound.begun_at:
        return end + policy.reopen_delay
    return max(end, sound.last_audible_at + policy.reopen_delay)


def heard_of_answer(sound: Playback, now: float) -> float:
    """Seconds of the present answer that were played, its own pauses included; 0 before its first sound."""
    if sound.audible_since is None:
        return 0.0
    until = now if sound.is_audible or sound.last_audible_at is None else sound.last_audible_at
    return max(0.0, until - sound.audible_since)


def is_answer_running(state: State, now: float, policy: TurnPolicy) -> bool:
    """Whether there is something to interrupt: an answer sounds, is being made, or has been asked for."""
    responses = state.responses
    if (responses.active_id or responses.asked_at is not None) and responses.cancelled_by is None:
        return True
    if state.playback.begun_at is None or state.playback.is_flushed:
        return False
    end = ends_at(state, now, policy)
    return end is None or now < end


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    sound = state.playback
    match wire:
        case ResponseOutputAudioDelta(item_id=item_id) if wire.delta and item_id and not sound.is_flushed:
            return _changed(state, _expected(_received(state, item_id, wire), now))
        case ResponseCreated(response=response) if response.id and response.id == state.responses.active_id:
            return NOTHING
        case ResponseCreated():
            return _created(state)
        case ResponseDone(response=response) if _has_spoken(response) and not sound.is_flushed:
            return _changed(state, _expected(sound, now))
        case OutputAudioBufferStarted(response_id=response_id) if not sound.is_flushed:
            return _changed(state, _expected(_started(state, response_id or "", now, policy), now))
        case OutputAudioBufferStopped(response_id=response_id) | OutputAudioBufferCleared(response_id=response_id):
            if sound.begun_at is None or (response_id and sound.response_id and response_id != sound.response_id):
                return NOTHING
            return _changed(state, replace(sound, started_at=None, ended_at=now))
        case _:
            return NOTHING


def _created(state: State) -> RuleResult:
    """The next generation of sound begins, or is dropped from its beginning."""
    number = state.playback.generation + 1
    if state.responses.asked_at is not None and state.responses.cancelled_by is not None:
        # Cancelled before it had a name; what waits to be played is told apart by names, so it is flushed again.
        dropped = replace(state.playback, generation=number, flushed_through=number)
        return _changed(state, dropped, SilencePlayback(number))
    sound = state.playback
    items = () if sound.is_flushed else sound.items
    begun = replace(sound, generation=number, items=items, expected_since=None)
    return _changed(state, begun, BeginPlayback(number))


def _flush_applied(state: State, through: int, now: float, policy: TurnPolicy) -> RuleResult:
    """A flush was applied: by our own effect, by the stop key's thread, or by the audio callback."""
    sound = state.playback
    if through < sound.generation or sound.is_flushed:
        return NOTHING
    if is_answer_running(state, now, policy):
        return RuleResult(None, (), (AnswerInterrupted("you"),))
    number = sound.generation + 1
    return _changed(state, replace(sound, generation=number), BeginPlayback(number))


def _has_spoken(response: Response) -> bool:
    """Whether the response was completed with words that were meant to be heard."""
    parts = (part for item in response.output or () for part in item.content or ())
    return response.status == "completed" and any(part.transcript for part in parts)


def _expected(sound: Playback, now: float) -> Playback:
    """Sound of this generation must become audible from now on, if it has not been."""
    if sound.is_audible or sound.expected_since is not None or sound.judged_generation == sound.generation:
        return sound
    return replace(sound, expected_since=now)


def _inaudible(state: State) -> tuple[State, tuple[Noticed, ...]]:
    """What was received or announced is not audible: say so once a response, with what is known of the cause."""
    sound, failure = state.playback, by_name("inaudible")
    judged = replace(sound, expected_since=None, judged_generation=sound.generation)
    state = replace(state, playback=judged)
    if not has_loudspeaker(state) or state.microphone.lost_at is not None:
        return state, ()  # there is nothing it could be heard from, and that was told
    if state.connection.transport == "WebRTC":
        text = failure.said("the service sends silence, or its packets do not arrive")
    elif any(item.played for item in sound.items):
        text = failure.said("the service sends silence")
    else:
        text = failure.said("the sound device takes no sound", "d chooses another device")
    return state, (Noticed("warning", text, failure.codes[0]),)


def _heard(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    sound = state.playback
    if sound.is_flushed or sound.is_audible:
        # After a flush the news of an earlier sound may still be on its way; it must not close the mic again.
        return NOTHING
    sound = _begun(state, now, policy)
    since = now if sound.audible_since is None else sound.audible_since
    is_first = sound.judged_generation != sound.generation or sound.first_audible_at is None
    return _changed(
        state,
        replace(
            sound,
            is_audible=True,
            audible_since=since,
            first_audible_at=now if is_first else sound.first_audible_at,
            heard_at=now,
            last_audible_at=now,
            emptied_at=None,
            expected_since=None,
            judged_generation=sound.generation,
        ),
    )


def _started(state: State, response_id: str, now: float, policy: TurnPolicy) -> Playback:
    sound = _begun(state, now, policy)
    return replace(sound, started_at=now, ended_at=None, response_id=response_id)


def _begun(state: State, now: float, policy: TurnPolicy) -> Playback:
    """The sound goes on, or a new one begins; a new answer's sound takes back the end of the one before."""
    sound = state.playback
    created_at = state.responses.created_at
    over_at = over_from(state, now, policy)
    if sound.begun_at is None or (over_at is not None and now >= over_at):
        return replace(sound, begun_at=now, audible_since=None, ended_at=None)
    if sound.ended_at is not None and created_at is not None and created_at >= sound.ended_at:
        return replace(sound, audible_since=None, ended_at=None)
    return sound


def _fell_silent(sound: Playback, last_audible_at: float) -> Playback:
    if not sound.is_audible:
        return sound
    began = last_audible_at if sound.heard_at is None else sound.heard_at
    silent = replace(sound, is_audible=False, last_audible_at=max(last_audible_at, began), heard_at=None)
    return replace(silent, judged_generation=sound.generation)


def _silenced(state: State, now: float, *, reopen_at_once: bool) -> RuleResult:
    """R8: the loudspeaker is flushed first and never waits for a server.

    Whoever cuts in by voice or key is heard at once; after a mere stop the last echo has the usual time to fade.
    `audible_since` stays until the end of the step: others still ask how much was heard.
    """
    sound = _fell_silent(state.playback, now)
    begun_at = None if reopen_at_once else sound.begun_at
    # What was flushed before was truncated then; saying so twice would be an error at the service.
    items = () if sound.is_flushed else sound.items
    through = sound.generation
    sound = replace(sound, begun_at=begun_at, ended_at=now, started_at=None, items=items, expected_since=None)
    if is_translation(state):
        # One stream without end and without responses: what waits is dropped, what comes from now on is new.
        sound = replace(sound, generation=through + 1, flushed_through=through)
        return _changed(state, sound, SilencePlayback(through), BeginPlayback(through + 1))
    return _changed(state, replace(sound, flushed_through=through), SilencePlayback(through))


def unheard_items(state: State, now: float) -> tuple[tuple[str, float], ...]:
    """The items that were not played to their end, and the seconds that were, never more than what came (R8)."""
    sound = state.playback
    active_id = state.responses.active_id
    unheard = []
    for item in sound.items:
        is_last = item is sound.items[-1]
        heard = min(_played(sound, item, now, is_last=is_last), item.received)
        is_growing = is_last and bool(active_id) and item.response_id in ("", active_id)
        if heard < item.received - PLAYED_OUT or is_growing:
            unheard.append((item.item_id, heard))
    return tuple(unheard)


def _played(sound: Playback, item: ItemSound, now: float, *, is_last: bool) -> float:
    """Seconds of an item that were played by now. A line that keeps no clock is judged by what was audible."""
    if item.played is None:
        untold = is_last and not any(other.played is not None for other in sound.items)
        return heard_of_answer(sound, now) if untold else 0.0
    since = now - item.played_at
    return max(0.0, item.played + min(since, _GOES_ON if item.moving else 0.0))


def _moved(sound: Playback, event: PlaybackMoved) -> Playback:
    """The clock of an item. One that was silenced is told exactly, and after that it stands."""
    moving = event.moving and not sound.is_flushed
    items = tuple(
        replace(item, played=event.played, played_at=event.at, moving=moving)
        if item.item_id == event.item_id
        else replace(item, moving=False)
        for item in sound.items
    )
    return replace(sound, items=items)


def _received(state: State, item_id: str, wire: ResponseOutputAudioDelta) -> Playback:
    """R8: what was received bounds what may be truncated, so the padding of each piece is left out."""
    sound, delta = state.playback, wire.delta
    seconds = len(delta.rstrip("=")) * 3 // 4 / _bytes_per_second(state)
    known = {item.item_id: item for item in sound.items}
    item = known.get(item_id) or ItemSound(item_id, wire.response_id or "")
    known[item_id] = replace(item, received=item.received + seconds)
    return replace(sound, items=tuple(known.values())[-MOST_ITEMS:], emptied_at=None)


def _bytes_per_second(state: State) -> float:
    spoken = get_path(state.configuration.effective, ("audio", "output", "format"))
    if not isinstance(spoken, dict):
        return PCM_BYTES_PER_SECOND
    if spoken.get("type") in ("audio/pcmu", "audio/pcma"):
        return G711_BYTES_PER_SECOND
    rate = spoken.get("rate")
    return 2.0 * rate if isinstance(rate, int) and rate > 0 else PCM_BYTES_PER_SECOND


def _changed(state: State, sound: Playback, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, playback=sound), effects)
