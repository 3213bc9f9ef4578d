"""What events carry: conversation items, responses, usage, errors. Always in GA spelling.

Only what a reader of the conversation needs is here; anything else a service adds stays in `Decoded.raw`. Every field
may be missing, because compatible services leave out what they like and one bad field must not cost the event.
"""

from __future__ import annotations

import msgspec

from voicechat.protocol.wire import JsonValue, WireInt


class ContentPart(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of an item: text, sound with its transcript, or a picture.

    `type` in an item: input_text, input_audio, input_image, output_text, output_audio. In `response.content_part.*`
    it is plain text or audio, in both dialects.
    """

    type: str | None = None
    id: str | None = None
    """Only in the `item_reference` parts of the beta dialect."""
    text: str | None = None
    audio: str | None = None
    """Base64; absent in most events, present in `conversation.item.retrieved`."""
    transcript: str | None = None
    image_url: str | None = None
    """A data URI (png or jpeg)."""
    detail: str | None = None
    """auto, low or high: how closely the model looks at the picture."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the conversation. Which fields are filled follows from `type`.

    Types: message, function_call, function_call_output, mcp_list_tools, mcp_call, mcp_approval_request,
    mcp_approval_response, item_reference (only as input of `response.create`).
    """

    id: str | None = None
    """The client may choose it; the server chooses one otherwise."""
    object: str | None = None
    """`realtime.item` where the server says so."""
    type: str | None = None
    role: str | None = None
    """system, user or assistant; messages only."""
    status: str | None = None
    """in_progress, completed or incomplete."""
    content: tuple[ContentPart, ...] = ()

    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    """JSON as text; may be invalid or cut short when the response was interrupted."""
    output: str | None = None
    """Result of a function call; always text, never an object."""

    server_label: str | None = None
    error: JsonValue = None
    """Of an mcp_call: an object with type protocol_error, tool_execution_error or http_error."""
    tools: tuple[dict[str, JsonValue], ...] | None = None
    """What an MCP server offers (mcp_list_tools)."""
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, as the service put it. Look for fatal codes in `code` *and* in `type`."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    """Path of the refused field, such as `session.audio.output.voice`."""
    event_id: str | None = None
    """The client event that caused it."""


class StatusDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response ended as it did."""

    type: str | None = None
    """Same words as the response's status."""
    reason: str | None = None
    """turn_detected, client_cancelled (cancelled); max_output_tokens, content_filter (incomplete)."""
    error: ErrorDetail | None = None
    """Of a failed response; rate limits often show up only here."""


class CachedTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The cached part of the input, by kind."""

    text_tokens: WireInt | None = None
    audio_tokens: WireInt | None = None
    image_tokens: WireInt | None = None


class InputTokenDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Input tokens by kind; cached ones are a part of them, not an addition."""

    text_tokens: WireInt | None = None
    audio_tokens: WireInt | None = None
    image_tokens: WireInt | None = None
    cached_tokens: WireInt | None = None
    cached_tokens_details: CachedTokensDetails | None = None


class OutputTokenDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Output tokens by kind; reasoning is already counted in the text."""

    text_tokens: WireInt | None = None
    audio_tokens: WireInt | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one response or one transcription cost; per response, never cumulative."""

    type: str | None = None
    """Transcriptions only: tokens or duration."""
    seconds: float | None = None
    """Seconds of audio, where a transcription is billed by duration."""
    total_tokens: WireInt | None = None
    input_tokens: WireInt | None = None
    output_tokens: WireInt | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the model. In `response.done`, `output` is the authoritative text."""

    id: str | None = None
    object: str | None = None
    status: str | None = None
    """in_progress, completed, cancelled, failed or incomplete."""
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None = None
    """Absent for a side answer (`conversation: "none"`), which never enters the list."""
    output_modalities: tuple[str, ...] | None = None
    max_output_tokens: WireInt | str | None = None
    """A number or `inf`."""
    metadata: dict[str, JsonValue] | None = None
    usage: Usage | None = None
    """Present on cancelled responses too."""
    voice: str | None = None
    """GA says `audio.output.voice`, beta `voice`; a custom voice is named by its id."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one allowance."""

    name: str | None = None
    """requests or tokens."""
    limit: WireInt | None = None
    remaining: WireInt | None = None
    reset_seconds: float | None = None
    """Seconds until the allowance is full again, with fractions."""
