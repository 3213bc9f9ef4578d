"""Nothing leaves that the protocol forbids."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.support.each import each
from voicechat.errors import LocalProtocolError
from voicechat.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    ResponseCreate,
    SessionClose,
    SessionUpdate,
)
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import Dialect
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import (
    ConversationItemDone,
    MalformedFrame,
    McpListToolsFailed,
    ResponseFunctionCallArgumentsDone,
    ServerEvent,
    UnknownEvent,
)

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
def test_what_null_says_is_said(dialect: Dialect) -> None:
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
