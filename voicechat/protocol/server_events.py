"""What a service may say: one frozen record per event, named after its GA type. Milliseconds stay integers here.

Older and beta spellings decode to the same records (see `dialects`), except `conversation.item.created`, which has no
exact counterpart. The events of an answer live in `response_events` and are offered here too: import any event from
this module.

The events of an answer (`response.*`) and of tools the server calls itself (`mcp_list_tools.*`).

Split from `server_events` for length alone; import from there. Which answer an event belongs to is told by ids, never
by the order of arrival. Beta spellings (`response.audio.delta`, ...) decode to the same records.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

import msgspec

from voicechat.protocol.items import ContentPart, ErrorDetail, Item, RateLimit, Response, Usage
from voicechat.protocol.wire import (
    JsonValue,
    MalformedFrame as MalformedFrame,
    UnknownEvent as UnknownEvent,
    WireEvent,
    WireInt,
    type_of as type_of,
)


class ResponseCreated(WireEvent, frozen=True, kw_only=True, tag="response.created"):
    """The model starts an answer."""

    response: Response = Response()


class ResponseDone(WireEvent, frozen=True, kw_only=True, tag="response.done"):
    """The model finished generating, whatever the status; the sound may go on for long."""

    response: Response = Response()


class ResponseOutputItemAdded(WireEvent, frozen=True, kw_only=True, tag="response.output_item.added"):
    """An answer grows by an item: a message or a call."""

    response_id: str | None = None
    output_index: WireInt | None = None
    item: Item = Item()


class ResponseOutputItemDone(WireEvent, frozen=True, kw_only=True, tag="response.output_item.done"):
    """An item of an answer is complete, or was cut off (see its status)."""

    response_id: str | None = None
    output_index: WireInt | None = None
    item: Item = Item()


class InContent(WireEvent, frozen=True, kw_only=True):
    """Base, not an event: where in an answer something happened."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: WireInt | None = None
    content_index: WireInt = 0


class ResponseContentPartAdded(InContent, frozen=True, kw_only=True, tag="response.content_part.added"):
    """A message of an answer gets a part; its type is text or audio in both dialects."""

    part: ContentPart = ContentPart()


class ResponseContentPartDone(InContent, frozen=True, kw_only=True, tag="response.content_part.done"):
    """A part of a message is complete."""

    part: ContentPart = ContentPart()


class ResponseOutputTextDelta(InContent, frozen=True, kw_only=True, tag="response.output_text.delta"):
    """A piece of a written answer."""

    delta: str = ""


class ResponseOutputTextDone(InContent, frozen=True, kw_only=True, tag="response.output_text.done"):
    """All of a written answer."""

    text: str = ""


class ResponseOutputAudioTranscriptDelta(
    InContent, frozen=True, kw_only=True, tag="response.output_audio_transcript.delta"
):
    """A piece of what the assistant says; far ahead of the sound."""

    delta: str = ""


class ResponseOutputAudioTranscriptDone(
    InContent, frozen=True, kw_only=True, tag="response.output_audio_transcript.done"
):
    """All of what the assistant says in this part."""

    transcript: str = ""


class ResponseOutputAudioDelta(InContent, frozen=True, kw_only=True, tag="response.output_audio.delta"):
    """A piece of the assistant's voice, base64 (WebSocket only), faster than real time."""

    delta: str = ""


class ResponseOutputAudioDone(InContent, frozen=True, kw_only=True, tag="response.output_audio.done"):
    """The assistant's voice is fully generated; comes over WebRTC too."""


class ResponseFunctionCallArgumentsDelta(
    WireEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
):
    """A piece of a call's arguments."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: WireInt | None = None
    call_id: str | None = None
    delta: str = ""


class ResponseFunctionCallArgumentsDone(
    WireEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """All of a call's arguments: JSON as text, possibly invalid."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: WireInt | None = None
    call_id: str | None = None
    name: str | None = None
    """Missing in beta; `response.output_item.added` has it."""
    arguments: str = ""


class ResponseMcpCallArgumentsDelta(WireEvent, frozen=True, kw_only=True, tag="response.mcp_call_arguments.delta"):
    """A piece of the arguments of a call the server makes itself."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: WireInt | None = None
    delta: str = ""
    obfuscation: str | None = None


class ResponseMcpCallArgumentsDone(WireEvent, frozen=True, kw_only=True, tag="response.mcp_call_arguments.done"):
    """All arguments of a call the server makes itself."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: WireInt | None = None
    arguments: str = ""


class ResponseMcpCallInProgress(WireEvent, frozen=True, kw_only=True, tag="response.mcp_call.in_progress"):
    """The server's own call is on its way."""

    item_id: str | None = None
    output_index: WireInt | None = None


class ResponseMcpCallCompleted(WireEvent, frozen=True, kw_only=True, tag="response.mcp_call.completed"):
    """The server's own call succeeded; the model goes on by itself."""

    item_id: str | None = None
    output_index: WireInt | None = None


class ResponseMcpCallFailed(WireEvent, frozen=True, kw_only=True, tag="response.mcp_call.failed"):
    """The server's own call failed; the item's `error` says how."""

    item_id: str | None = None
    output_index: WireInt | None = None


class McpListToolsInProgress(WireEvent, frozen=True, kw_only=True, tag="mcp_list_tools.in_progress"):
    """The server asks an MCP server what it offers."""

    item_id: str | None = None


class McpListToolsCompleted(WireEvent, frozen=True, kw_only=True, tag="mcp_list_tools.completed"):
    """The list of MCP tools is there; `conversation.item.done` carries it."""

    item_id: str | None = None


class McpListToolsFailed(WireEvent, frozen=True, kw_only=True, tag="mcp_list_tools.failed"):
    """An MCP server could not be asked."""

    item_id: str | None = None


class ServerError(WireEvent, frozen=True, kw_only=True, tag="error"):
    """Something we asked for was refused; the session usually goes on."""

    error: ErrorDetail = ErrorDetail()


class SessionCreated(WireEvent, frozen=True, kw_only=True, tag="session.created"):
    """First event of a session; its `session` tells which dialect is spoken, and stays in that dialect."""

    session: dict[str, JsonValue] = msgspec.field(default_factory=dict)


class SessionUpdated(WireEvent, frozen=True, kw_only=True, tag="session.updated"):
    """The configuration now in force, all of it, in the service's dialect."""

    session: dict[str, JsonValue] = msgspec.field(default_factory=dict)


class SessionClosed(WireEvent, frozen=True, kw_only=True, tag="session.closed"):
    """A translation session ended."""


class SessionInputTranscriptDelta(WireEvent, frozen=True, kw_only=True, tag="session.input_transcript.delta"):
    """Translation: a piece of what was said."""

    delta: str = ""
    elapsed_ms: WireInt | None = None


class SessionOutputTranscriptDelta(WireEvent, frozen=True, kw_only=True, tag="session.output_transcript.delta"):
    """Translation: a piece of the translated text."""

    delta: str = ""
    elapsed_ms: WireInt | None = None


class SessionOutputAudioDelta(WireEvent, frozen=True, kw_only=True, tag="session.output_audio.delta"):
    """Translation: a piece of the translated speech, base64."""

    delta: str = ""
    format: str | None = None
    sample_rate: WireInt | None = None
    channels: WireInt | None = None
    elapsed_ms: WireInt | None = None


class ConversationCreated(WireEvent, frozen=True, kw_only=True, tag="conversation.created"):
    """The default conversation exists; several services never say so."""

    conversation: dict[str, JsonValue] = msgspec.field(default_factory=dict)


class ConversationItemAdded(WireEvent, frozen=True, kw_only=True, tag="conversation.item.added"):
    """An item entered the conversation; an assistant's is still empty."""

    item: Item = Item()
    previous_item_id: str | None = None
    """None for the first item; the list is ordered by these."""


class ConversationItemDone(WireEvent, frozen=True, kw_only=True, tag="conversation.item.done"):
    """An item is complete."""

    item: Item = Item()
    previous_item_id: str | None = None


class ConversationItemCreated(WireEvent, frozen=True, kw_only=True, tag="conversation.item.created"):
    """Beta's single event for `added` and `done`; an assistant's item is still empty here."""

    item: Item = Item()
    previous_item_id: str | None = None


class ConversationItemRetrieved(WireEvent, frozen=True, kw_only=True, tag="conversation.item.retrieved"):
    """An item we asked for, with its audio."""

    item: Item = Item()


class ConversationItemTruncated(WireEvent, frozen=True, kw_only=True, tag="conversation.item.truncated"):
    """An answer was cut to what was heard; its text on the server is gone."""

    item_id: str | None = None
    content_index: WireInt = 0
    audio_end_ms: WireInt | None = None


class ConversationItemDeleted(WireEvent, frozen=True, kw_only=True, tag="conversation.item.deleted"):
    """An item left the conversation."""

    item_id: str | None = None


class ConversationItemInputAudioTranscriptionDelta(
    WireEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.delta"
):
    """A piece of what the user said; may come after the whole answer."""

    item_id: str | None = None
    content_index: WireInt = 0
    delta: str = ""
    logprobs: tuple[dict[str, JsonValue], ...] | None = None


class ConversationItemInputAudioTranscriptionUpdated(
    WireEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.updated"
):
    """All of what the user said so far, in place of what came before (xAI; OpenAI sends pieces)."""

    item_id: str | None = None
    content_index: WireInt = 0
    transcript: str = ""


class ConversationItemInputAudioTranscriptionCompleted(
    WireEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.completed"
):
    """All of what the user said in one item."""

    item_id: str | None = None
    content_index: WireInt = 0
    transcript: str = ""
    usage: Usage | None = None
    """Billed apart from the response; compatible servers may omit it."""
    logprobs: tuple[dict[str, JsonValue], ...] | None = None
    languages: tuple[JsonValue, ...] | None = None


class ConversationItemInputAudioTranscriptionSegment(
    WireEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.segment"
):
    """Who said what from when to when (diarizing models)."""

    item_id: str | None = None
    content_index: WireInt = 0
    id: str | None = None
    speaker: str | None = None
    start: float | None = None
    """Seconds within the item."""
    end: float | None = None
    """Seconds within the item."""
    text: str = ""


class ConversationItemInputAudioTranscriptionFailed(
    WireEvent, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.failed"
):
    """No transcript for this item; not repeated as an `error`."""

    item_id: str | None = None
    content_index: WireInt = 0
    error: ErrorDetail = ErrorDetail()


class InputAudioBufferCommitted(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.committed"):
    """What was heard became (or becomes) the user item named here."""

    item_id: str | None = None
    previous_item_id: str | None = None


class InputAudioBufferCleared(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.cleared"):
    """What was heard but not committed is forgotten."""


class InputAudioBufferSpeechStarted(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.speech_started"):
    """The server hears a voice."""

    item_id: str | None = None
    audio_start_ms: WireInt | None = None
    """On the input-audio clock, prefix padding included."""


class InputAudioBufferSpeechStopped(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.speech_stopped"):
    """The server heard enough silence to call the turn finished."""

    item_id: str | None = None
    audio_end_ms: WireInt | None = None
    """On the input-audio clock. Some guides call it audio_start_ms; that is read too."""


class InputAudioBufferTimeoutTriggered(
    WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.timeout_triggered"
):
    """Nobody spoke for the idle timeout; the model will speak."""

    item_id: str | None = None
    audio_start_ms: WireInt | None = None
    audio_end_ms: WireInt | None = None


class InputAudioBufferDtmfEventReceived(
    WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.dtmf_event_received"
):
    """A telephone key was pressed (SIP only)."""

    event: str | None = None
    received_at: float | None = None
    """Unix seconds."""


class OutputAudioBufferStarted(WireEvent, frozen=True, kw_only=True, tag="output_audio_buffer.started"):
    """The server plays an answer (WebRTC and SIP; several services never say so)."""

    response_id: str | None = None


class OutputAudioBufferStopped(WireEvent, frozen=True, kw_only=True, tag="output_audio_buffer.stopped"):
    """The server has played the answer to its end."""

    response_id: str | None = None


class OutputAudioBufferCleared(WireEvent, frozen=True, kw_only=True, tag="output_audio_buffer.cleared"):
    """The server's playout was cut. Terminal, like stopped."""

    response_id: str | None = None


class RateLimitsUpdated(WireEvent, frozen=True, kw_only=True, tag="rate_limits.updated"):
    """What is left of the allowances; may come at any time or never."""

    rate_limits: tuple[RateLimit, ...] = ()


ServerEvent: TypeAlias = (
    ServerError
    | SessionCreated
    | SessionUpdated
    | SessionClosed
    | SessionInputTranscriptDelta
    | SessionOutputTranscriptDelta
    | SessionOutputAudioDelta
    | ConversationCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemCreated
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionUpdated
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionFailed
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | RateLimitsUpdated
    | UnknownEvent
    | MalformedFrame
)

SERVER_EVENTS: dict[str, type[WireEvent]] = {
    type_of(event): event for event in get_args(ServerEvent) if issubclass(event, WireEvent)
}
"""Every server event class by its GA type."""
