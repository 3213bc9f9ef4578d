"""What a client may say, in the GA vocabulary; `codec.encode` speaks beta where a service needs it."""

from __future__ import annotations

from typing import TypeAlias, get_args

import msgspec

from voicechat.protocol.items import Item
from voicechat.protocol.wire import JsonValue, WireEvent, WireInt, type_of


class SessionUpdate(WireEvent, frozen=True, kw_only=True, tag="session.update"):
    """Ask for a configuration. One wrong field costs the whole update, so send little and checked values.

    `session` is given in GA form (see `session_config`); beta, where it is spoken, is made of it by the codec.
    """

    session: dict[str, JsonValue] = msgspec.field(default_factory=dict)


class InputAudioBufferAppend(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    """Hand over microphone audio (WebSocket only; over WebRTC it is the track). No answer comes."""

    audio: str = ""
    """Base64 of 16-bit little-endian mono PCM (24 kHz at OpenAI), at most 15 MiB."""


class InputAudioBufferCommit(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    """Make a user item of what was heard; refused below 100 ms of audio."""


class InputAudioBufferClear(WireEvent, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    """Forget what was heard but not committed."""


class OutputAudioBufferClear(WireEvent, frozen=True, kw_only=True, tag="output_audio_buffer.clear"):
    """Stop the server's playout at once (WebRTC and SIP only); cancel the response first."""


class ConversationItemCreate(WireEvent, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Add an item: typed text, a tool's result, history after a reconnect."""

    item: Item = Item()
    previous_item_id: str | None = None
    """After which item; `root` is the front, absent is the end."""


class ConversationItemRetrieve(WireEvent, frozen=True, kw_only=True, tag="conversation.item.retrieve"):
    """Ask for an item with its audio; too big an answer for a data channel."""

    item_id: str | None = None


class ConversationItemTruncate(WireEvent, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    """Tell how much of an answer was heard. The client's duty on WebSocket; WebRTC servers know."""

    item_id: str | None = None
    content_index: WireInt = 0
    audio_end_ms: WireInt = 0
    """Milliseconds heard; more than the server has sent is an error."""


class ConversationItemDelete(WireEvent, frozen=True, kw_only=True, tag="conversation.item.delete"):
    """Remove an item from the conversation."""

    item_id: str | None = None


class ResponseCreate(WireEvent, frozen=True, kw_only=True, tag="response.create"):
    """Ask for an answer. `response` overrides the session for this one answer; None takes it as it is."""

    response: dict[str, JsonValue] | None = None


class ResponseCancel(WireEvent, frozen=True, kw_only=True, tag="response.cancel"):
    """Stop the answer being made; without an id, the one of the default conversation."""

    response_id: str | None = None


class SessionInputAudioBufferAppend(WireEvent, frozen=True, kw_only=True, tag="session.input_audio_buffer.append"):
    """Audio for a translation session (24 kHz PCM16, 200 ms frames, silence included)."""

    audio: str = ""


class SessionClose(WireEvent, frozen=True, kw_only=True, tag="session.close"):
    """End a translation session."""


ClientEvent: TypeAlias = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
    | SessionInputAudioBufferAppend
    | SessionClose
)

CLIENT_EVENTS: dict[str, type[ClientEvent]] = {type_of(event): event for event in get_args(ClientEvent)}
"""Every client event class by its GA type."""
