"""What we send and what we take for valid agrees with the types of the openai package, as an independent witness."""

from __future__ import annotations

import importlib
import json
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_strategies import audios, configs
from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from voicechat.protocol.codec import encode
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import MalformedFrame, UnknownEvent
from voicechat.protocol.session_config import check_session

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the openai package is not installed")
KNOWN = [found for found in wire_samples() if found.schema]


@cache
def schema(path: str) -> Any:
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(f"openai.types.{module}"), name)


def schema_of(event_type: str) -> Any:
    return schema(next(found.schema for found in KNOWN if found.type == event_type and found.schema))


def undeclared(model: Any, path: str = "") -> list[str]:
    """Fields that the witness does not know; its models keep them instead of refusing."""
    found = [f"{path}.{name}" for name in (getattr(model, "model_extra", None) or {})]
    for name in getattr(type(model), "model_fields", {}):
        inner = getattr(model, name)
        for one in inner if isinstance(inner, list) else [inner]:
            found += undeclared(one, f"{path}.{name}")
    return found


def check(event_type: str, text: str) -> None:
    seen = schema_of(event_type).model_validate(json.loads(text))
    assert undeclared(seen) == []


@each("found", KNOWN, ids=lambda found: found.type)
def test_what_we_say_is_what_the_schema_says(found: Sample) -> None:
    event = found.decoded().event
    assert not isinstance(event, UnknownEvent | MalformedFrame)
    seen = schema(found.schema or "").model_validate(json.loads(encode(event)))
    assert undeclared(seen) == []


@each(
    "event",
    [
        InputAudioBufferAppend(audio="AAAA", event_id="c1"),
        ConversationItemCreate(
            item=Item(type="message", role="user", content=(ContentPart(type="input_text", text="Hi"),)),
            previous_item_id="root",
        ),
        ConversationItemCreate(
            item=Item(type="message", role="assistant", content=(ContentPart(type="output_text", text="Hi"),))
        ),
        ConversationItemCreate(item=Item(type="function_call_output", call_id="c", output="{}")),
        ConversationItemCreate(
            item=Item(id="m", type="mcp_approval_response", approval_request_id="r", approve=False, reason="no")
        ),
        ConversationItemTruncate(item_id="i", audio_end_ms=1480),
        ResponseCreate(response={"conversation": "none", "output_modalities": ["text"], "input": []}),
        ResponseCancel(response_id="r"),
    ],
)
def test_what_a_client_says_in_a_talk_fits(event: ClientEvent) -> None:
    text = encode(event)
    check(json.loads(text)["type"], text)


def test_a_full_configuration_fits() -> None:
    wishes: Any = {
        "modalities": ["text", "audio"],
        "voice": "verse",
        "speed": 1.25,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1", "language": "de", "prompt": "names"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False},
        "max_response_output_tokens": 300,
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
            {"type": "mcp", "server_label": "l", "server_url": "http://x", "require_approval": "never"},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 900}},
        "tracing": {"workflow_name": "w"},
        "reasoning": {"effort": "low"},
        "parallel_tool_calls": True,
        "prompt": {"id": "p", "version": "2", "variables": {"city": "Oslo"}},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    checked = check_session(wishes)
    assert checked.is_valid
    check("session.update", encode(SessionUpdate(session=checked.session)))


@given(configs, st.none() | audios)
def test_what_passes_the_check_fits_whatever_was_asked(config: Any, audio: Any) -> None:
    checked = check_session({**config, "audio": audio} if audio is not None else config)
    check("session.update", encode(SessionUpdate(session=checked.session)))
