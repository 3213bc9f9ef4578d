"""What the user said or typed, written from the events of the input buffer and of transcription (R25)."""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.state import Conversation, Part, State, Turn
from voicechat.core.transcript import (
    added,
    changed,
    find_item,
    next_key,
    part_index,
    placed,
    removed,
    with_part,
)
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    ConversationItemInputAudioTranscriptionUpdated,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
)
from voicechat.protocol.session_dialects import get_path

SERVER_LAG = 1.0
"""Seconds by which `speech_started` may trail the voice (detection and the way here): a voice that ended so shortly
before the turn appeared was this turn's."""
TRANSCRIPTION_OFF = "transcription is off"
LINE_LOST = "the connection was lost"

Transcription = (
    ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionUpdated
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionFailed
)


def speech_started(state: State, wire: InputAudioBufferSpeechStarted, now: float) -> Conversation:
    conversation, index = _turn(state, wire.item_id or "", now)
    turn = conversation.turns[index]
    if turn.speech_began_ms is not None:
        return conversation
    turn = replace(turn, speech_began_ms=wire.audio_start_ms or 0)
    return changed(conversation, index, _measured(turn))


def speech_stopped(state: State, wire: InputAudioBufferSpeechStopped, now: float) -> Conversation:
    """The server heard enough silence. When the voice really ended the local detector knows better."""
    conversation, index = _turn(state, wire.item_id or "", now)
    turn = conversation.turns[index]
    turn = replace(turn, speech_ended_ms=wire.audio_end_ms if wire.audio_end_ms is not None else turn.speech_began_ms)
    return changed(conversation, index, _measured(replace(turn, last_sound_at=_last_sound(state, turn, now))))


def committed(state: State, wire: InputAudioBufferCommitted, now: float) -> Conversation:
    """The turn gets its place; without a detector on the server this is where it appears."""
    conversation, index = _turn(state, wire.item_id or "", now)
    turn = replace(conversation.turns[index], committed=True)
    if turn.last_sound_at is None:
        turn = replace(turn, last_sound_at=_last_sound(state, turn, now))
    if not turn.final and is_transcription_off(state):
        # Told once: the same sentence under every turn would be noise.
        told = TRANSCRIPTION_OFF in conversation.told
        turn = replace(turn, final=True, failed="" if told else TRANSCRIPTION_OFF)
        if not told:
            conversation = replace(conversation, told=(*conversation.told, TRANSCRIPTION_OFF))
    conversation, index = placed(conversation, index, turn, wire.previous_item_id)
    return _without_uncommitted(conversation, turn.connection, index)


def buffer_cleared(state: State) -> Conversation:
    """What was not committed is forgotten, and with it turns of which nothing is known but that somebody spoke."""
    return _without_uncommitted(state.conversation, state.connection.number, len(state.conversation.turns))


def _without_uncommitted(conversation: Conversation, connection: int, before: int) -> Conversation:
    """There is one input buffer: what was in it before a commit or a clear is part of that commit, or gone. A turn that
    began there and is not heard of again (the detector was switched off in the middle of it) would never end."""
    for index in range(before - 1, -1, -1):
        turn = conversation.turns[index]
        if turn.connection != connection or turn.committed:
            break
        if turn.who == "you" and not turn.typed and not turn.text and not turn.failed:
            conversation = removed(conversation, index)
    return conversation


def transcribed(state: State, wire: Transcription, now: float) -> Conversation:
    """Deltas and segments fill, the final transcript replaces them, a failure shows in place."""
    conversation, index = _turn(state, wire.item_id or "", now)
    turn = conversation.turns[index]
    wanted = Part(turn.item_id, 0, wire.content_index)
    known = part_index(turn.parts, wanted)
    part = wanted if known is None else turn.parts[known]
    match wire:
        case ConversationItemInputAudioTranscriptionCompleted(transcript=text):
            turn = with_part(turn, replace(part, text=text, final=True))
            turn = replace(turn, final=True, failed="", transcript_at=now)
        case ConversationItemInputAudioTranscriptionFailed(error=error):
            why = error.message or error.code or error.type or "the service gave no reason"
            turn = replace(turn, final=True, failed=why)
        case _ if part.final:
            return conversation
        case ConversationItemInputAudioTranscriptionSegment(text=text):
            blank = " " if part.text and text else ""
            turn = with_part(turn, replace(part, text=part.text + blank + text.strip()))
        case ConversationItemInputAudioTranscriptionUpdated(transcript=text):
            turn = with_part(turn, replace(part, text=text))
        case ConversationItemInputAudioTranscriptionDelta(delta=delta):
            turn = with_part(turn, replace(part, text=part.text + delta))
    return changed(conversation, index, turn)


def typed(state: State, text: str, now: float) -> Conversation:
    """Typed text shows at once; the server's word comes later, after a while if not connected."""
    conversation = state.conversation
    if not text.strip():
        return conversation
    turn = Turn(next_key(conversation), "you", now, state.connection.number, text=text.strip(), final=True, typed=True)
    return added(conversation, replace(turn, last_sound_at=now, transcript_at=now))[0]


def on_user_item(state: State, item: Item, previous_item_id: str | None, now: float) -> Conversation:
    """`conversation.item.*` about a user message: it tells the place, and the text of what was typed."""
    conversation = state.conversation
    connection = state.connection.number
    written = " ".join(part.text for part in item.content if part.text)
    index = find_item(conversation, connection, item.id or "")
    if index is None and written:
        index = _unconfirmed(conversation, written)
    if index is None:
        if not written and not any(part.type == "input_audio" for part in item.content):
            return conversation
        turn = Turn(next_key(conversation), "you", now, connection, item.id or "")
        turn = replace(turn, previous_item_id=previous_item_id or "", typed=bool(written), text=written)
        conversation, index = added(conversation, replace(turn, final=bool(written)))
    turn = conversation.turns[index]
    turn = replace(turn, connection=connection, item_id=item.id or turn.item_id, committed=True)
    for place, content in enumerate(item.content):
        if content.transcript and not turn.final:
            turn = with_part(turn, Part(turn.item_id, 0, place, content.transcript, final=True))
            turn = replace(turn, final=True, transcript_at=now)
    return placed(conversation, index, turn, previous_item_id)[0]


def on_system_item(state: State, item: Item, previous_item_id: str | None, now: float) -> Conversation:
    """What the model is told between the turns stands in the transcript as a note: it explains the next answer."""
    conversation = state.conversation
    connection = state.connection.number
    written = " ".join(part.text for part in item.content if part.text)
    if not written or find_item(conversation, connection, item.id or "") is not None:
        return conversation
    turn = Turn(next_key(conversation), "note", now, connection, item.id or "", text=f"system: {written}", final=True)
    return added(conversation, replace(turn, previous_item_id=previous_item_id or ""))[0]


def voice_ended(state: State, ended_at: float, now: float) -> Conversation:
    """The local detector's end of the voice: better than the time at which the server's word arrived.

    What a closed mic kept back was not part of a turn, unless it closed just now.
    """
    mic = state.microphone
    if not mic.is_open and (mic.muted or now - mic.changed_at > SERVER_LAG):
        return state.conversation
    conversation = replace(state.conversation, last_user_sound_at=ended_at)
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < state.connection.number or (turn.who == "assistant" and turn.first_sound_at is not None):
            break
        if turn.who != "you":
            continue
        arrived = turn.last_sound_at
        if not turn.typed and arrived is not None and turn.at - SERVER_LAG <= ended_at <= arrived:
            return changed(conversation, index, replace(turn, last_sound_at=ended_at))
        break
    return conversation


def said_again(conversation: Conversation, connection: int, since: float | None) -> Conversation:
    """Turns that the next line hears from their beginning appear there; what grew of them here would be twice."""
    if since is None:
        return conversation
    for index in range(len(conversation.turns) - 1, -1, -1):
        turn = conversation.turns[index]
        if turn.connection < connection:
            break
        if turn.who == "you" and not turn.typed and not turn.final and turn.at >= since:
            conversation = removed(conversation, index)
    return conversation


def line_ended(conversation: Conversation, connection: int) -> Conversation:
    """No transcript will come over this line any more: say so instead of waiting for ever."""
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < connection:
            break
        if turn.who == "you" and not turn.final:
            turn = replace(turn, final=True, failed="" if turn.text else LINE_LOST)
            conversation = changed(conversation, index, turn)
    return conversation


def is_transcription_off(state: State) -> bool:
    """Whether the configuration in force has no transcription; unknown counts as on."""
    audio_input = get_path(state.configuration.effective, ("audio", "input"))
    return isinstance(audio_input, dict) and audio_input.get("transcription") is None


def _turn(state: State, item_id: str, now: float) -> tuple[Conversation, int]:
    """The user's turn with this item; made if it is new. A service that gives no id means the turn now growing."""
    conversation = state.conversation
    connection = state.connection.number
    index = find_item(conversation, connection, item_id)
    if index is None:
        index = _nameless(conversation, connection, any_id=not item_id)
    if index is None or conversation.turns[index].who != "you":
        turn = Turn(next_key(conversation), "you", now, connection, item_id)
        return added(conversation, turn)
    turn = conversation.turns[index]
    if turn.item_id or not item_id:
        return conversation, index
    return placed(conversation, index, replace(turn, item_id=item_id), None)


def _nameless(conversation: Conversation, connection: int, *, any_id: bool) -> int | None:
    """The newest spoken turn that has no id yet and still grows; with `any_id` also one that has."""
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < connection:
            return None
        if turn.who == "you" and not turn.typed:
            return (
                index
                if (any_id or not turn.item_id) and not (turn.final or (turn.committed and turn.item_id))
                else None
            )
    return None


def _unconfirmed(conversation: Conversation, text: str) -> int | None:
    """The oldest typed turn with this text that no server has confirmed yet."""
    turns = conversation.turns
    found: int | None = None
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.typed and not turn.committed and not turn.item_id and turn.text == text:
            found = index
        elif turn.typed and turn.committed:
            break
    return found


def _last_sound(state: State, turn: Turn, now: float) -> float:
    """The user's last sound: the local detector's, if it fell into this turn, else this moment."""
    ended_at = state.conversation.last_user_sound_at
    if ended_at is None:
        return now
    began_at = turn.at - SERVER_LAG
    talk_began_at = state.conversation.talk_began_at
    if state.choices.turns_are_ours and talk_began_at is not None:
        # With turns of our own the turn appears when it is over; it began with the press.
        began_at = min(began_at, talk_began_at)
    return ended_at if began_at <= ended_at <= now else now


def _measured(turn: Turn) -> Turn:
    if turn.speech_began_ms is None or turn.speech_ended_ms is None:
        return turn
    return replace(turn, spoken=max(0, turn.speech_ended_ms - turn.speech_began_ms) / 1000.0)
