"""What was said, by whom, in which order, and how much of it was heard (R10, R11, R16, R25).

The transcript is written from three sources that never quite agree: the wire (what was said), the loudspeaker (what was
heard) and the user (what was typed). This rule only writes it down; it asks for nothing and decides nothing. Harmless
races between us and the service stay in the event list: they never become notes.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core import answers, continuous, sounding, tool_turns, user_turns
from voicechat.core.continuous import is_translation
from voicechat.core.events import (
    AnswerInterrupted,
    AnyEvent,
    AssistantFellSilent,
    AssistantHeard,
    DeviceLost,
    DeviceOpened,
    FalseAlarm,
    LineLost,
    LineOpened,
    LineReleased,
    Noticed,
    PlaybackEmptied,
    PlaybackMoved,
    Received,
    SideNoted,
    TalkBegan,
    TextEntered,
    TimePassed,
    ToolAnswered,
    ToolMoved,
    TurnsRemembered,
    TurnTranslated,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import is_remembered, renamed
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.server_errors import HARMLESS
from voicechat.core.state import Conversation, State, Turn
from voicechat.core.transcript import added, changed, find_item, next_key, removed
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    ConversationItemInputAudioTranscriptionUpdated,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
    SessionInputTranscriptDelta,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
)

NOTES_LOOKED_AT = 8
"""A notice repeats another only among the last so many notes in a row."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Write down what one event adds to the transcript."""
    if isinstance(event, Received):
        if event.connection != state.connection.number:
            return NOTHING
        conversation = _on_wire(state, event.event, now, policy)
    else:
        conversation = _on_local(state, event, now, policy)
    if conversation is state.conversation:
        return NOTHING
    return RuleResult(replace(state, conversation=conversation))


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When an answer is taken for over (silence after it was done, or no sound at all), or a translated passage."""
    if is_translation(state):
        return continuous.pause_due(state)
    return sounding.completion_due(state, policy)


def _on_local(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> Conversation:
    conversation = state.conversation
    match event:
        case TimePassed() if is_translation(state):
            return continuous.paused(state, now)
        case TimePassed():
            return sounding.completed(conversation, state, now, policy, ended=False)
        case AssistantHeard():
            return sounding.sound_began(state, now)
        case AssistantFellSilent(last_audible_at):
            ended = state.playback.emptied_at is not None or state.playback.ended_at is not None
            silent = sounding.sound_ended(state, min(last_audible_at, now))
            return sounding.completed(silent, state, now, policy, ended=ended)
        case DeviceLost():
            return sounding.sound_ended(state, now)
        case DeviceOpened():
            return sounding.device_returned(state, now)
        case PlaybackEmptied():
            return sounding.completed(conversation, state, now, policy, ended=True)
        case PlaybackMoved(item_id=item_id, moving=True) if not state.playback.is_flushed:
            return sounding.item_sounds(state, item_id, now)
        case VoiceEnded(ended_at=ended_at):
            return user_turns.voice_ended(state, min(ended_at, now), now)
        case AnswerInterrupted(by):
            return sounding.completed(sounding.cut_running(state, by, now), state, now, policy, ended=True)
        case TextEntered(text):
            return user_turns.typed(state, text, now)
        case _:
            return _on_session(state, event, now)


def _on_session(state: State, event: AnyEvent, now: float) -> Conversation:
    conversation = state.conversation
    match event:
        case Noticed():
            return _noticed(state, event, now)
        case FalseAlarm():
            return _false_alarm(conversation)
        case TalkBegan():
            return replace(conversation, talk_began_at=now)
        case ToolMoved():
            return tool_turns.apply_move(state, event, now)
        case ToolAnswered():
            return tool_turns.apply_answer(state, event, now)
        case TurnTranslated(key, text):
            return _translated(conversation, key, text)
        case SideNoted(text, code, level):
            return _noticed(state, Noticed(level, text, code), now)
        case LineOpened():
            started_at = now if conversation.started_at is None else conversation.started_at
            return replace(conversation, started_at=started_at, side_responses=(), conversation_named=False)
        case LineLost() | LineReleased(anew=False) if is_translation(state):
            return continuous.closed(state, now)
        case LineLost():
            ended = sounding.line_ended(state, "line", now)
            ended = user_turns.said_again(ended, state.connection.number, state.resumption.again_from)
            return user_turns.line_ended(ended, state.connection.number)
        case TurnsRemembered(items):
            return renamed(conversation, state.connection.number, items)
        case LineReleased(anew=True):
            # Keys go on counting, so that no screen takes a new turn for an old one; the pace of the voice stays.
            rate = conversation.chars_per_second
            return Conversation(chars_per_second=rate, made=conversation.made)
        case LineReleased():
            return user_turns.line_ended(sounding.line_ended(state, "you", now), state.connection.number)
        case _:
            return conversation


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> Conversation:
    match wire:
        case ResponseOutputAudioDelta() | SessionOutputAudioDelta():
            return state.conversation
        case SessionInputTranscriptDelta(delta=delta):
            return continuous.grown(state, "you", delta, now)
        case SessionOutputTranscriptDelta(delta=delta):
            return continuous.grown(state, "assistant", delta, now)
        case (
            ConversationItemInputAudioTranscriptionDelta()
            | ConversationItemInputAudioTranscriptionUpdated()
            | ConversationItemInputAudioTranscriptionCompleted()
            | ConversationItemInputAudioTranscriptionSegment()
            | ConversationItemInputAudioTranscriptionFailed()
        ):
            return user_turns.transcribed(state, wire, now)
        case InputAudioBufferSpeechStarted():
            return user_turns.speech_started(state, wire, now)
        case InputAudioBufferSpeechStopped():
            return user_turns.speech_stopped(state, wire, now)
        case InputAudioBufferCommitted():
            return user_turns.committed(state, wire, now)
        case InputAudioBufferCleared():
            return user_turns.buffer_cleared(state)
        case OutputAudioBufferStarted(response_id=response_id):
            return sounding.sound_named(state, response_id or "", now)
        case OutputAudioBufferStopped() | OutputAudioBufferCleared():
            # Whether `cleared` cuts an answer is for the barge-in rule to say: it may be the echo of our own flush.
            return sounding.completed(state.conversation, state, now, policy, ended=True)
        case ResponseOutputAudioTranscriptDelta(response_id=response_id, delta=delta) if policy.full_duplex:
            written = answers.on_answer_event(state, wire, now)
            return sounding.pace_from_transcript(written, state, response_id or "", len(delta), now)
        case ResponseDone():
            return sounding.completed(answers.on_answer_event(state, wire, now), state, now, policy, ended=False)
        case _:
            return _on_items(state, wire, now)


def _on_items(state: State, wire: ServerEvent, now: float) -> Conversation:
    match wire:
        case ConversationItemAdded() | ConversationItemDone() | ConversationItemCreated():
            if is_remembered(state, wire.item.id):
                return state.conversation
            return _item(state, wire.item, wire.previous_item_id, now)
        case ConversationItemRetrieved(item=item):
            return _item(state, item, None, now)
        case ConversationItemTruncated(item_id=item_id, audio_end_ms=heard):
            return sounding.truncated(state, item_id or "", None if heard is None else heard / 1000.0, now)
        case ConversationItemDeleted(item_id=item_id):
            return _deleted(state, item_id or "")
        case (
            ResponseFunctionCallArgumentsDelta()
            | ResponseFunctionCallArgumentsDone()
            | ResponseMcpCallArgumentsDelta()
            | ResponseMcpCallArgumentsDone()
        ):
            return tool_turns.apply_arguments(state, wire, now)
        case ResponseMcpCallCompleted() | ResponseMcpCallFailed():
            return tool_turns.apply_mcp_end(state, wire, now)
        case _:
            return answers.on_answer_event(state, wire, now)


def _item(state: State, item: Item, previous_item_id: str | None, now: float) -> Conversation:
    """An item of the conversation, by type. What this client does not know is left to the event list."""
    if item.type in (None, "message"):
        if item.role == "user":
            return user_turns.on_user_item(state, item, previous_item_id, now)
        if item.role == "assistant":
            return answers.on_assistant_item(state, item, previous_item_id, now)
        if item.role == "system":
            return user_turns.on_system_item(state, item, previous_item_id, now)
    elif tool_turns.is_call(item):
        return tool_turns.apply_call(state, item, previous_item_id, now)
    elif item.type == "function_call_output":
        return tool_turns.apply_output(state, item, now)
    return state.conversation


def _deleted(state: State, item_id: str) -> Conversation:
    """A deleted item vanishes; of an answer in several items only that one."""
    conversation = state.conversation
    index = find_item(conversation, state.connection.number, item_id)
    if index is None:
        return conversation
    shorter = answers.without_item(conversation.turns[index], item_id)
    return removed(conversation, index) if shorter is None else changed(conversation, index, shorter)


def _translated(conversation: Conversation, key: str, text: str) -> Conversation:
    """R24: beneath the turn, and nowhere else; the turn may be gone."""
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].key == key:
            return changed(conversation, index, replace(turns[index], translation=text))
    return conversation


def _false_alarm(conversation: Conversation) -> Conversation:
    """R11: it was noise that cut the last answer a barge-in ended."""
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        cut = turns[index].cut
        if cut is not None and cut.by == "barge-in":
            return changed(conversation, index, replace(turns[index], false_alarm=True))
    return conversation


def _noticed(state: State, notice: Noticed, now: float) -> Conversation:
    """A note in place; the same note again, with nothing said in between, counts, and stands behind what came since."""
    conversation = state.conversation
    if notice.code in HARMLESS:
        return conversation
    if notice.code and notice.code not in conversation.told:
        conversation = replace(conversation, told=(*conversation.told, notice.code))
    turns = conversation.turns
    for index in range(len(turns) - 1, max(-1, len(turns) - 1 - NOTES_LOOKED_AT), -1):
        turn = turns[index]
        if turn.who != "note":
            break
        if (turn.text, turn.level, turn.detail) == (notice.text, notice.level, notice.code):
            again = replace(turn, count=turn.count + 1, at=now)
            return replace(conversation, turns=(*turns[:index], *turns[index + 1 :], again))
    turn = Turn(next_key(conversation), "note", now, state.connection.number, text=notice.text, final=True)
    return added(conversation, replace(turn, level=notice.level, detail=notice.code))[0]
