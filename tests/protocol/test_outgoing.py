"""Nothing leaves that the protocol forbids."""

from __future__ import annotations

import importlib
import json
from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_strategies import audios, configs
from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.errors import LocalProtocolError
from voicechat.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    ResponseCancel,
    ResponseCreate,
    SessionClose,
    SessionUpdate,
)
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import (
    ConversationItemDone,
    MalformedFrame,
    McpListToolsFailed,
    ResponseFunctionCallArgumentsDone,
    ServerEvent,
    UnknownEvent,
)
from voicechat.protocol.session_config import check_session

SAY = (ContentPart(type="input_text", text="Hi"),)
LOOP: list[Any] = []
LOOP.append(LOOP)


@each(
    ("event", "says"),
    [
        (SessionUpdate(), "changes nothing"),
        (SessionUpdate(session={"voice": "verse"}), "beta spelling"),
        (SessionUpdate(session={"type": "realtime", "x": float("nan")}), "nan"),
        (SessionUpdate(session={"type": "realtime", "x": float("inf")}), "inf"),
        (SessionUpdate(session={"type": "realtime", "instructions": "\ud800"}), "JSON cannot say"),
        (SessionUpdate(session={"type": "realtime", "x": cast("Any", object())}), "object"),
        (SessionUpdate(session={"type": "realtime", "x": LOOP}), "nested too deep"),
        (SessionUpdate(session=cast("Any", {"type": "realtime", "x": {1: 2}})), "name is no text"),
        (SessionUpdate(session=cast("Any", "realtime")), "wrong type"),
        (InputAudioBufferAppend(), "without audio"),
        (InputAudioBufferAppend(audio="not base64!"), "not base64"),
        (InputAudioBufferAppend(audio="AAAA" * (4 * 1024 * 1024)), "limit"),
        (ConversationItemCreate(), "needs a type"),
        (ConversationItemCreate(item=Item(type="message", content=SAY)), "role"),
        (ConversationItemCreate(item=Item(type="message", role="user")), "without content"),
        (ConversationItemCreate(item=Item(type="function_call_output", call_id="c")), "call_id"),
        (
            ConversationItemCreate(
                item=Item(type="message", role="assistant", content=(ContentPart(type="output_audio", audio="AAAA"),))
            ),
            "only its text",
        ),
        (ConversationItemTruncate(audio_end_ms=10), "item_id"),
        (ConversationItemTruncate(item_id="i", audio_end_ms=-1), "before its beginning"),
        (ConversationItemTruncate(item_id="i", audio_end_ms=cast("int", 10.5)), "audio_end_ms"),
        (ConversationItemRetrieve(), "item_id"),
        (ConversationItemDelete(item_id=""), "item_id"),
        (ResponseCreate(event_id=cast("str", 5)), "event_id"),
        (MalformedFrame(reason="no JSON"), "cannot be sent"),
    ],
)
def test_a_forbidden_frame_is_our_defect(event: ServerEvent | ClientEvent, says: str) -> None:
    with pytest.raises(LocalProtocolError, match=says):
        encode(event)


@each("event", [ConversationItemDone(), McpListToolsFailed(), SessionClose()])
def test_what_beta_has_no_word_for_cannot_be_said_in_beta(event: ServerEvent | ClientEvent) -> None:
    encode(event, "ga")
    with pytest.raises(LocalProtocolError, match="beta dialect has no"):
        encode(event, "beta")


@each("dialect", ["ga", "beta"])
def test_a_null_setting_is_sent_as_null(dialect: DialectName) -> None:
    session: dict[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    said = json.loads(encode(SessionUpdate(session=session), dialect))["session"]
    assert said == (session if dialect == "ga" else {"turn_detection": None})


def test_spoken_words_that_are_not_known_yet_are_null_as_openai_has_it() -> None:
    """@openai/agents-realtime 0.20 throws at an item of sound without the field."""
    item = Item(id="item_1", type="message", role="user", content=(ContentPart(type="input_audio"),))
    sent = json.loads(encode(ConversationItemDone(item=item)))
    assert sent["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_a_configuration_is_spelled_in_the_dialect_of_the_service() -> None:
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "ash"}},
    }
    update = SessionUpdate(session=session)
    assert json.loads(encode(update, "beta"))["session"] == {"modalities": ["text", "audio"], "voice": "ash"}
    assert json.loads(encode(update, "ga"))["session"] == session
    assert session["audio"]["output"] == {"voice": "ash"}


def test_response_options_are_translated_too() -> None:
    options: dict[str, Any] = {
        "output_modalities": ["text"],
        "max_output_tokens": 20,
        "tool_choice": {"type": "function", "name": "f"},
        "reasoning": {"effort": "low"},
        "metadata": {"purpose": "title"},
        "input": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}],
    }
    said = json.loads(encode(ResponseCreate(response=options), "beta"))["response"]
    assert said == {
        "modalities": ["text"],
        "max_response_output_tokens": 20,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "metadata": {"purpose": "title"},
        "input": [{"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_a_finished_call_has_no_name_in_beta() -> None:
    done = ResponseFunctionCallArgumentsDone(call_id="c", name="f", arguments="{}")
    assert json.loads(encode(done))["name"] == "f"
    assert "name" not in json.loads(encode(done, "beta"))


def test_a_providers_own_event_passes() -> None:
    event = UnknownEvent(type="session.finish", payload={"reason": "bye"})
    assert json.loads(encode(event)) == {"reason": "bye", "type": "session.finish"}


# What we send and what we take for valid agrees with the types of the openai package, as an independent witness


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
        ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=0),
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
