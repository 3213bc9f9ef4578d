"""The events of an answer (`response.*`) and of tools the server calls itself (`mcp_list_tools.*`).

Split from `server_events` for length alone; import from there. Which answer an event belongs to is told by ids, never
by the order of arrival. Beta spellings (`response.audio.delta`, ...) decode to the same records.
"""

from __future__ import annotations

from voicechat.protocol.items import ContentPart, Item, Response
from voicechat.protocol.wire import WireEvent, WireInt


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
