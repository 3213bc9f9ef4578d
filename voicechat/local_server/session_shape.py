"""What a client may ask for, declared: sessions (GA and beta spelling), items, responses and every client event.

Ranges are those of the published schema; where it names none, a bound is set that keeps a request from costing memory.
What has no effect here and does no harm (MCP servers, prompts, reasoning, log probabilities) is taken and echoed.
"""

from __future__ import annotations

from voicechat.local_server.shapes import (
    Shape,
    anything,
    array,
    boolean,
    either,
    integer,
    mapping,
    nullable,
    number,
    one_of,
    record,
    refused,
    tagged,
    text,
)
from voicechat.protocol.wire import JsonValue

_NAME = text(256)
_LONG = text(262_144)
_AUDIO = text(20 * 1024 * 1024)
"""15 MiB as base64."""

_FORMAT = tagged(
    {
        "audio/pcm": record({"type": anything, "rate": integer(24_000, 24_000)}),
        "audio/pcmu": record({"type": anything}),
        "audio/pcma": record({"type": anything}),
    }
)
_NOISE = nullable(record({"type": one_of("near_field", "far_field"), "strength": number(0.0, 1.0)}, required=("type",)))
_TRANSCRIPTION = nullable(
    record(
        {
            "model": _NAME,
            "language": nullable(text(32)),
            "languages": array(text(32), 32),
            "prompt": text(16_384),
            "keywords": array(text(256), 256),
            "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
        }
    )
)
_MILLISECONDS = integer(0, 60_000)
_TURN_DETECTION = nullable(
    tagged(
        {
            "server_vad": record(
                {
                    "type": anything,
                    "threshold": number(0.0, 1.0),
                    "prefix_padding_ms": _MILLISECONDS,
                    "silence_duration_ms": _MILLISECONDS,
                    "idle_timeout_ms": nullable(integer(5_000, 30_000)),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
            "semantic_vad": record(
                {
                    "type": anything,
                    "eagerness": one_of("low", "medium", "high", "auto"),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
        }
    )
)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


_VOICE = either(text(128), _is_text, record({"id": text(128)}, required=("id",)))
_TOKENS = either(one_of("inf"), _is_text, integer(1, 4096))
_FUNCTION = record(
    {
        "type": anything,
        "name": text(64),
        "description": nullable(text(16_384)),
        "parameters": nullable(mapping(anything)),
        "strict": nullable(boolean),
    },
    required=("name",),
)
TOOLS = array(tagged({"function": _FUNCTION, "mcp": mapping(anything, 64)}), 128)
_TOOL_CHOICE = either(
    one_of("none", "auto", "required"),
    _is_text,
    tagged({"function": record({"type": anything, "name": text(64)}, required=("name",))}),
)
_TRACING = nullable(
    either(
        one_of("auto"),
        _is_text,
        record({"workflow_name": _NAME, "group_id": _NAME, "metadata": mapping(anything)}),
    )
)
_TRUNCATION = either(
    one_of("auto", "disabled"),
    _is_text,
    record(
        {
            "type": one_of("retention_ratio"),
            "retention_ratio": number(0.0, 1.0),
            "token_limits": record({"post_instructions": integer(0, 10_000_000)}),
        },
        required=("type", "retention_ratio"),
    ),
)
_REASONING = nullable(mapping(anything, 16))
_PROMPT = nullable(mapping(anything, 16))
_INCLUDE = nullable(array(text(256), 16))

_GA_INPUT = record(
    {
        "format": _FORMAT,
        "noise_reduction": _NOISE,
        "transcription": _TRANSCRIPTION,
        "turn_detection": _TURN_DETECTION,
    }
)
_GA_OUTPUT = record({"format": _FORMAT, "voice": _VOICE, "speed": number(0.25, 1.5)})

GA_SESSION: Shape = record(
    {
        "type": one_of("realtime"),
        "model": _NAME,
        "instructions": _LONG,
        "output_modalities": array(one_of("audio", "text"), 1, fewest=1),
        "audio": record({"input": _GA_INPUT, "output": _GA_OUTPUT}),
        "max_output_tokens": _TOKENS,
        "tools": TOOLS,
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": _REASONING,
        "truncation": _TRUNCATION,
        "tracing": _TRACING,
        "prompt": _PROMPT,
        "include": _INCLUDE,
    },
    required=("type",),
)
"""A GA session of type realtime, as `session.update` or the handshake gives it."""

GA_TRANSCRIPTION_SESSION: Shape = record(
    {"type": one_of("transcription"), "audio": record({"input": _GA_INPUT}), "include": _INCLUDE},
    required=("type",),
)
"""A GA session that only listens."""

_BETA_TURN_DETECTION = nullable(
    tagged(
        {
            "server_vad": record(
                {
                    "type": anything,
                    "threshold": number(0.0, 1.0),
                    "prefix_padding_ms": _MILLISECONDS,
                    "silence_duration_ms": _MILLISECONDS,
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
            "semantic_vad": record(
                {
                    "type": anything,
                    "eagerness": one_of("low", "medium", "high", "auto"),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
        }
    )
)
_BETA_FORMAT = one_of("pcm16", "g711_ulaw", "g711_alaw")
_BETA_MODALITIES = either(
    refused("supported combinations are: ['text'] and ['audio', 'text']."),
    lambda value: value == ["audio"],
    array(one_of("text", "audio"), 2, fewest=1),
)
_BETA_TOOL_CHOICE = either(text(64), _is_text, record({"type": anything, "function": anything, "name": anything}))

BETA_SESSION: Shape = record(
    {
        "model": _NAME,
        "modalities": _BETA_MODALITIES,
        "instructions": _LONG,
        "voice": text(128),
        "input_audio_format": _BETA_FORMAT,
        "output_audio_format": _BETA_FORMAT,
        "input_audio_transcription": nullable(record({"model": _NAME, "language": text(32), "prompt": text(16_384)})),
        "input_audio_noise_reduction": nullable(record({"type": one_of("near_field", "far_field")})),
        "turn_detection": _BETA_TURN_DETECTION,
        "speed": number(0.25, 1.5),
        "max_response_output_tokens": _TOKENS,
        "temperature": number(0.6, 1.2),
        "tools": TOOLS,
        "tool_choice": _BETA_TOOL_CHOICE,
        "tracing": _TRACING,
        "include": _INCLUDE,
    }
)
"""A beta session: flat, and without a type."""

_METADATA = nullable(mapping(text(512), most=16, longest_key=64))
_USER = {
    "input_text": record({"type": anything, "text": _LONG}, required=("text",)),
    "input_audio": record({"type": anything, "audio": _AUDIO, "transcript": nullable(_LONG)}),
    "input_image": record({"type": anything, "image_url": _AUDIO, "detail": nullable(text(32))}),
}
_ASSISTANT = {
    "output_text": record({"type": anything, "text": _LONG}, required=("text",)),
    "text": record({"type": anything, "text": _LONG}, required=("text",)),
}
_SYSTEM = {"input_text": _USER["input_text"]}
_HEAD: dict[str, Shape] = {
    "id": text(64),
    "object": one_of("realtime.item"),
    "type": anything,
    "status": one_of("completed", "incomplete", "in_progress"),
}


def _message(role: str, parts: dict[str, Shape]) -> Shape:
    content = array(tagged(parts), 64)
    return record({**_HEAD, "role": one_of(role), "content": content}, required=("content",))


_ITEMS: dict[str, Shape] = {
    "message": tagged(
        {
            "user": _message("user", _USER),
            "assistant": _message("assistant", _ASSISTANT),
            "system": _message("system", _SYSTEM),
        },
        key="role",
    ),
    "function_call": record(
        {**_HEAD, "name": text(64), "call_id": text(64), "arguments": _LONG}, required=("name", "arguments")
    ),
    "function_call_output": record({**_HEAD, "call_id": text(64), "output": _LONG}, required=("call_id", "output")),
}
ITEM: Shape = tagged(_ITEMS)
_REFERENCE = record({"type": anything, "id": text(64)}, required=("id",))
_INPUT = nullable(array(tagged({**_ITEMS, "item_reference": _REFERENCE}), 256))

GA_RESPONSE: Shape = nullable(
    record(
        {
            "conversation": one_of("auto", "none"),
            "input": _INPUT,
            "instructions": nullable(_LONG),
            "output_modalities": array(one_of("audio", "text"), 1, fewest=1),
            "audio": record({"output": record({"format": _FORMAT, "voice": _VOICE})}),
            "max_output_tokens": _TOKENS,
            "tools": TOOLS,
            "tool_choice": _TOOL_CHOICE,
            "parallel_tool_calls": boolean,
            "reasoning": _REASONING,
            "metadata": _METADATA,
            "prompt": _PROMPT,
        }
    )
)
"""What one GA response may override."""

BETA_RESPONSE: Shape = nullable(
    record(
        {
            "conversation": one_of("auto", "none"),
            "input": _INPUT,
            "instructions": nullable(_LONG),
            "modalities": _BETA_MODALITIES,
            "voice": text(128),
            "output_audio_format": _BETA_FORMAT,
            "max_response_output_tokens": _TOKENS,
            "temperature": number(0.6, 1.2),
            "tools": TOOLS,
            "tool_choice": _BETA_TOOL_CHOICE,
            "metadata": _METADATA,
        }
    )
)
"""The same in beta."""


def _event(required: tuple[str, ...] = (), **fields: Shape) -> Shape:
    return record({"type": anything, "event_id": nullable(text(512)), **fields}, required)


_ITEM_ID = text(64)
CLIENT_EVENTS: dict[str, Shape] = {
    "session.update": _event(("session",), session=mapping(anything)),
    "transcription_session.update": _event(("session",), session=mapping(anything)),
    "input_audio_buffer.append": _event(("audio",), audio=_AUDIO),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "output_audio_buffer.clear": _event(),
    "conversation.item.create": _event(("item",), item=ITEM, previous_item_id=nullable(_ITEM_ID)),
    "conversation.item.retrieve": _event(("item_id",), item_id=_ITEM_ID),
    "conversation.item.truncate": _event(
        ("item_id", "content_index", "audio_end_ms"),
        item_id=_ITEM_ID,
        content_index=integer(0, 0),
        audio_end_ms=integer(0, 2**31),
    ),
    "conversation.item.delete": _event(("item_id",), item_id=_ITEM_ID),
    "response.create": _event(response=nullable(mapping(anything))),
    "response.cancel": _event(response_id=nullable(_ITEM_ID)),
}
"""Every event a client may send, by its type; the sessions and responses inside are judged by their dialect."""
