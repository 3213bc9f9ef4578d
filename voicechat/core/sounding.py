"""Which answer is sounding, how long it was heard, how long the user waited for it, and when it is over (R10).

The wire says what was said, the loudspeaker says what was heard, and nothing ties the two together on every service:
the oldest answer that can still sound is the one that does, unless `output_audio_buffer.started` names another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from voicechat.core.events import Interrupter
from voicechat.core.policy import TurnPolicy
from voicechat.core.spoken_text import FASTEST, SHORTEST_LESSON, learned_rate, weight
from voicechat.core.state import Conversation, Cut, State, Turn
from voicechat.core.transcript import changed, find_answer, find_item

NO_SPEAKER = ("", "none")
"""Names of a loudspeaker that is not there: none was opened yet, or a stand-in keeps its timing."""
LOOK_BACK = 4
"""Answers that are over, behind which none that is open is looked for: the list may have been reordered."""
WRITTEN_WITHIN = 3.0
"""Seconds after a voice in which its first words are written."""
EVERYTHING_HEARD = 0.3
"""Seconds by which the server's count of what was played may fall short of the whole answer."""


def is_spoken(turn: Turn) -> bool:
    """Whether the answer has (or may still get) sound; written ones are shown at once."""
    kinds = {part.spoken for part in turn.parts}
    return True in kinds or False not in kinds


def heard_seconds(turn: Turn, now: float) -> float:
    """Seconds of this answer that were audible until `now`, pauses left out."""
    return turn.heard if turn.sounding_since is None else turn.heard + max(0.0, now - turn.sounding_since)


def open_answers(conversation: Conversation, connection: int) -> Iterator[int]:
    """The answers that are not over yet, newest first."""
    turns = conversation.turns
    passed = 0
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < connection or passed == LOOK_BACK:
            return
        if turn.who != "assistant":
            continue
        if turn.complete_at is None:
            yield index
        else:
            passed += 1


def sound_began(state: State, now: float) -> Conversation:
    """The loudspeaker became audible: that is the oldest answer with sound left, else one that was given up."""
    conversation, connection = state.conversation, state.connection.number
    if state.playback.is_flushed:
        return conversation  # News from before a flush, still on its way.
    chosen = _named_by_service(state)
    if chosen is None:
        chosen = _oldest_with_sound(conversation, connection)
    if chosen is None:
        conversation = _reopened(conversation, connection)
        chosen = _oldest_with_sound(conversation, connection)
    return conversation if chosen is None else _sounds(state, conversation, chosen, now)


def _named_by_service(state: State) -> int | None:
    """The answer whose sound the service has announced and not ended (WebRTC): the next one waits behind it, however
    far its words have come."""
    sound, conversation = state.playback, state.conversation
    if sound.started_at is None or sound.ended_at is not None or not sound.response_id:
        return None
    index = find_answer(conversation, state.connection.number, sound.response_id)
    if index is None or conversation.turns[index].complete_at is not None or conversation.turns[index].cut is not None:
        return None
    return index


def _oldest_with_sound(conversation: Conversation, connection: int) -> int | None:
    """The oldest answer that may still have something to say."""
    chosen: int | None = None
    newer_speaks = False
    for index in open_answers(conversation, connection):
        turn = conversation.turns[index]
        if turn.cut is not None or not is_spoken(turn):
            continue
        is_heard_out = turn.done and turn.first_sound_at is not None and not (turn.sounding or turn.unheard)
        if not (is_heard_out and newer_speaks):
            chosen = index
        newer_speaks = newer_speaks or bool(turn.text)
    return chosen


def _reopened(conversation: Conversation, connection: int) -> Conversation:
    """Reopen the newest answers that ended without their sound, if the user has not spoken since: the sound was kept
    while the sound server hung or while the loudspeaker was off, and now it goes on."""
    turns = conversation.turns
    has_answer = False
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < connection or (turn.who == "you" and not has_answer):
            return conversation
        if turn.who != "assistant":
            continue
        ended_unheard = turn.unheard if turn.cut is None else turn.cut.by == "device"
        if turn.complete_at is None or not ended_unheard:
            return conversation
        has_answer = True
        conversation = changed(conversation, index, replace(turn, cut=None, complete_at=None, unheard=True))
        conversation = replace(conversation, completed=conversation.completed - 1)
    return conversation


def sound_named(state: State, response_id: str, now: float) -> Conversation:
    """The server says whose sound begins. It moves sound that is already playing to that answer."""
    conversation = state.conversation
    index = find_answer(conversation, state.connection.number, response_id)
    return conversation if index is None else _sound_moved(state, index, now)


def item_sounds(state: State, item_id: str, now: float) -> Conversation:
    """The playback queue says whose sound it plays (WebSocket): answers may follow each other without a pause."""
    conversation = state.conversation
    index = find_item(conversation, state.connection.number, item_id)
    if index is None or conversation.turns[index].who != "assistant" or conversation.turns[index].sounding:
        return conversation
    return _sound_moved(state, index, now)


def _sound_moved(state: State, index: int, now: float) -> Conversation:
    """Sound that is already playing belongs to this answer from now on.

    One that was taken for over is open again, or nobody would end it; one that was cut keeps its cut.
    """
    conversation, connection = state.conversation, state.connection.number
    turn = conversation.turns[index]
    if turn.cut is not None:
        return conversation
    if turn.complete_at is not None:
        conversation = changed(conversation, index, replace(turn, complete_at=None))
        conversation = replace(conversation, completed=conversation.completed - 1)
    answers = tuple(open_answers(conversation, connection))
    for other in answers if index in answers else ():
        if other != index and conversation.turns[other].sounding and conversation.turns[other].done:
            conversation = changed(conversation, other, _stretch_ended(conversation.turns[other], now))
            return _sounds(state, conversation, index, now)
    return conversation


def first_sound_if_playing(state: State, conversation: Conversation, index: int, now: float) -> Conversation:
    """Sound and words travel apart over WebRTC: an answer's first sound may come before its name."""
    sound = state.playback
    if not sound.is_audible or sound.is_flushed:
        return conversation
    others = (other for other in open_answers(conversation, state.connection.number) if other != index)
    if any(conversation.turns[other].sounding for other in others):
        return conversation
    since = sound.heard_at if sound.heard_at is not None else now
    return _sounds(state, conversation, index, since)


def sound_ended(state: State, last_audible_at: float) -> Conversation:
    """The loudspeaker fell silent; its last audible sample left then."""
    conversation = state.conversation
    for index in tuple(open_answers(conversation, state.connection.number)):
        turn = conversation.turns[index]
        if turn.sounding:
            conversation = changed(conversation, index, _stretch_ended(turn, last_audible_at))
    return conversation


def cut_answer(turn: Turn, by: Interrupter, now: float) -> Turn:
    """Mark one answer as cut now; what it has of text stays, late words go to the unheard part."""
    if turn.cut is not None:
        return turn
    turn = _stretch_ended(turn, now) if turn.sounding else turn
    return replace(turn, cut=Cut(by, turn.heard))


def _is_played_out(turn: Turn) -> bool:
    """Whether nothing is left of an answer as far as the loudspeaker tells, unless it pauses between two sentences."""
    return turn.done and turn.first_sound_at is not None and not turn.sounding


def cut_running(state: State, by: Interrupter, now: float) -> Conversation:
    """Cut whatever still sounds or is being made. An answer that was heard to its end is not cut any more."""
    conversation, playing = state.conversation, _named_by_service(state)
    for index in tuple(open_answers(conversation, state.connection.number)):
        turn = conversation.turns[index]
        if not (_is_played_out(turn) and index != playing):
            conversation = changed(conversation, index, cut_answer(turn, by, now))
    return conversation


def truncated(state: State, item_id: str, seconds: float | None, now: float) -> Conversation:
    """The server counted what was heard, which beats our own clock."""
    conversation = state.conversation
    index = find_item(conversation, state.connection.number, item_id)
    if index is None or conversation.turns[index].who != "assistant":
        return conversation
    turn = conversation.turns[index]
    was_heard_out = turn.complete_at is not None and turn.cut is None
    if was_heard_out and (seconds is None or seconds >= turn.heard - EVERYTHING_HEARD):
        return conversation
    turn = cut_answer(turn, "server", now)
    if seconds is not None and turn.cut is not None:
        turn = replace(turn, cut=replace(turn.cut, heard=max(0.0, seconds), estimated=False))
    return changed(conversation, index, turn)


def line_ended(state: State, by: Interrupter, now: float) -> Conversation:
    """No word and no sound of this line will come any more: close what is open, and count nothing as completed."""
    conversation, playing = state.conversation, _named_by_service(state)
    for index in tuple(open_answers(conversation, state.connection.number)):
        turn = conversation.turns[index]
        is_over = _is_played_out(turn) or (turn.done and not is_spoken(turn))
        turn = turn if is_over and index != playing else cut_answer(turn, by, now)
        done_at = now if turn.done_at is None else turn.done_at
        conversation = changed(conversation, index, replace(turn, done_at=done_at, complete_at=now, final=True))
    return conversation


def completed(conversation: Conversation, state: State, now: float, policy: TurnPolicy, *, ended: bool) -> Conversation:
    """Mark the answers that are over, oldest first, and learn from their pace.

    `ended`: the end of the sound was just announced.
    """
    for index in reversed(tuple(open_answers(conversation, state.connection.number))):
        turn = conversation.turns[index]
        was_unheard = is_unheard(turn, state)
        due = _over_at(turn, state, policy, ended=ended and not was_unheard)
        if was_unheard and due is not None:
            due = _unheard_over_at(due, state, policy)
        if due is None or now < due:
            return conversation
        if was_unheard:
            turn = cut_answer(turn, "device", now)
        elif is_output_inaudible(state) and is_spoken(turn) and turn.cut is None:
            was_audible = turn.first_sound_at is not None and state.microphone.speaker not in NO_SPEAKER
            turn = replace(turn, unheard=not was_audible)
        conversation = changed(conversation, index, replace(turn, complete_at=now))
        rate = conversation.chars_per_second
        if turn.cut is None and is_spoken(turn) and not turn.failed:
            rate = learned_rate(rate, turn.text, turn.heard)
        conversation = replace(conversation, completed=conversation.completed + 1, chars_per_second=rate)
    return conversation


def pace_from_transcript(
    conversation: Conversation, state: State, response_id: str, new: int, now: float
) -> Conversation:
    """R10, where the transcript keeps step with the audio (GPT-Live): all but its `new` characters were audible."""
    for index in open_answers(conversation, state.connection.number):
        turn = conversation.turns[index]
        seconds = heard_seconds(turn, now)
        if turn.response_id == response_id and turn.pace is not None and seconds >= SHORTEST_LESSON:
            pace = max(turn.pace, min(weight(turn.text[: len(turn.text) - new].rstrip()) / seconds, FASTEST))
            return changed(conversation, index, replace(turn, pace=pace))
    return conversation


def completion_due(state: State, policy: TurnPolicy) -> float | None:
    """When the next answer will be taken for over although nobody says so."""
    conversation = state.conversation
    waiting = tuple(open_answers(conversation, state.connection.number))
    if not waiting:
        return None
    turn = conversation.turns[waiting[-1]]
    due = _over_at(turn, state, policy, ended=False)
    return _unheard_over_at(due, state, policy) if due is not None and is_unheard(turn, state) else due


def is_unheard(turn: Turn, state: State) -> bool:
    """Whether sound of an answer that is not over goes, or went last, where there is no device."""
    is_open = turn.who == "assistant" and turn.complete_at is None and turn.cut is None
    return is_open and (turn.unheard or _loses_sound(turn, state))


def device_returned(state: State, now: float) -> Conversation:
    """Sound has a device again: what comes now is heard, what came meanwhile was not."""
    conversation, lost_at = state.conversation, state.microphone.lost_at
    if lost_at is None:
        return conversation
    for index in tuple(open_answers(conversation, state.connection.number)):
        turn = conversation.turns[index]
        if _loses_sound(turn, state):
            heard_at = None if turn.last_sound_at is None else now
            conversation = changed(conversation, index, replace(turn, unheard=True, last_sound_at=heard_at))
    there = replace(state, conversation=conversation, microphone=replace(state.microphone, lost_at=None))
    return sound_began(there, now) if state.playback.is_audible else conversation


def _loses_sound(turn: Turn, state: State) -> bool:
    """Whether there is no device for what an answer still has to say. One that was heard out before has nothing."""
    lost_at = state.microphone.lost_at
    if lost_at is None or turn.cut is not None or not is_spoken(turn):
        return False
    was_silent = turn.last_sound_at is not None and turn.last_sound_at < lost_at
    return not (turn.done and was_silent and (state.playback.last_audible_at or 0.0) < lost_at)


def _unheard_over_at(due: float, state: State, policy: TurnPolicy) -> float | None:
    """When an answer is over of which nothing is heard: some time after the stand-in for the device had its last."""
    sound = state.playback
    if sound.is_audible:
        return None
    return max(due, (sound.last_audible_at or 0.0) + policy.inaudible_limit)


def has_loudspeaker(state: State) -> bool:
    """Whether sound can be expected at all; without it (no device, deafened, volume at zero) answers are text."""
    mic = state.microphone
    return bool(mic.speaker) and not mic.deafened and mic.volume > 0.0


def is_output_inaudible(state: State) -> bool:
    """Whether played audio reaches no loudspeaker: there is none, or it is off. "none" still keeps its timing."""
    return not has_loudspeaker(state) or state.microphone.speaker in NO_SPEAKER


def latency_of(conversation: Conversation, index: int, now: float) -> float | None:
    """Seconds from the user's last sound (or typed text) to now, less the wait for tool approval.

    None if this is not the first answer to it.
    """
    turns = conversation.turns
    for place in range(index - 1, -1, -1):
        turn = turns[place]
        if turn.who == "assistant" and (turn.first_sound_at is not None or turn.text):
            return None
        if turn.who == "you":
            ended_at = turn.last_sound_at if turn.last_sound_at is not None else _voice_end(conversation, turn, now)
            return None if ended_at is None else max(0.0, now - ended_at - _approval_wait(turns[place:index], now))
    return None


def _voice_end(conversation: Conversation, turn: Turn, now: float) -> float | None:
    """Where the service tells no end of speech (GPT-Live): what our own detector heard, if it was these words."""
    heard_at = conversation.last_user_sound_at
    return heard_at if heard_at is not None and turn.at - WRITTEN_WITHIN <= heard_at <= now else None


def _approval_wait(turns: Sequence[Turn], now: float) -> float:
    """Seconds in which at least one tool call waited for approval."""
    stretches = sorted((turn.asked_at, turn.decided_at or now) for turn in turns if turn.asked_at is not None)
    seconds, until = 0.0, 0.0
    for begins, ends in stretches:
        seconds += max(0.0, ends - max(begins, until))
        until = max(until, ends)
    return seconds


def _sounds(state: State, conversation: Conversation, index: int, now: float) -> Conversation:
    turn = conversation.turns[index]
    if turn.sounding or turn.cut is not None or state.microphone.lost_at is not None:
        return conversation
    if turn.first_sound_at is None:
        latency = latency_of(conversation, index, now)
        turn = replace(turn, first_sound_at=now, latency=latency, pace=conversation.chars_per_second)
    return changed(conversation, index, replace(turn, sounding_since=now, unheard=False))


def _stretch_ended(turn: Turn, at: float) -> Turn:
    if turn.sounding_since is None:
        return turn
    end = max(at, turn.sounding_since)
    return replace(turn, sounding_since=None, last_sound_at=end, heard=turn.heard + end - turn.sounding_since)


def _over_at(turn: Turn, state: State, policy: TurnPolicy, *, ended: bool) -> float | None:
    """When the answer is over: done, and silent for so long that nothing more will come. None: not foreseeable."""
    if turn.done_at is None or turn.sounding:
        return None
    if turn.cut is not None or not is_spoken(turn):
        return turn.done_at
    if turn.last_sound_at is None:
        # Sound may come long after the words, behind that of earlier answers; no device or R2's two silent seconds mean
        # that none will.
        sound = state.playback
        silent_at = max(turn.done_at, sound.last_audible_at or 0.0, sound.started_at or 0.0)
        return silent_at + policy.inaudible_limit if has_loudspeaker(state) else turn.done_at
    if ended:
        return turn.done_at
    return max(turn.done_at, turn.last_sound_at + policy.drained_silence)
