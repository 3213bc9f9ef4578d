"""What a client gets wrong is refused by name: code, path, and the client's own event_id; nothing is half obeyed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from tests.local_server.dialogue_talk import Talk, code_of, events, names
from tests.support.each import each
from voicechat.local_server.conversation import Recognise
from voicechat.local_server.sound import encoded_sound
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemRetrieved,
    ServerError,
    SessionUpdated,
)

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}


def vad(**fields: object) -> dict[str, object]:
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", **fields}}}}


@each(
    ("session", "code", "param"),
    [
        ({"foo": 1}, "unknown_parameter", "session.foo"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"output_modalities": ["text", "audio"]}, "array_above_max_length", "session.output_modalities"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        (vad(threshold=1.5), "decimal_above_max_value", "session.audio.input.turn_detection.threshold"),
        (vad(threshold="high"), "invalid_type", "session.audio.input.turn_detection.threshold"),
        (vad(max_speech_ms=1), "unknown_parameter", "session.audio.input.turn_detection.max_speech_ms"),
        (
            vad(post_speech_silence_ms=1),
            "unknown_parameter",
            "session.audio.input.turn_detection.post_speech_silence_ms",
        ),
        (vad(silence_duration_ms=0.5), "invalid_type", "session.audio.input.turn_detection.silence_duration_ms"),
        (vad(idle_timeout_ms=100), "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"),
        (vad(type="loud_vad"), "invalid_value", "session.audio.input.turn_detection.type"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"transcription": {"enabled": True}}}},
            "unknown_parameter",
            "session.audio.input.transcription.enabled",
        ),
        ({"audio": {"output": {"speed": 3}}}, "decimal_above_max_value", "session.audio.output.speed"),
        ({"max_output_tokens": 0}, "integer_below_min_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"reasoning": "low"}, "invalid_type", "session.reasoning"),
        ({"type": "translation"}, "invalid_value", "session.type"),
    ],
)
def test_one_wrong_field_refuses_the_whole_update(session: dict[str, object], code: str, param: str) -> None:
    talk = Talk()
    before = dict(talk.dialogue.config.session)
    wish = {"type": "realtime", "instructions": "changed", **session}
    outs = talk.send("session.update", session=wish, event_id="mine")
    error = talk.one(ServerError, outs).error
    assert (error.code, error.param, error.event_id) == (code, param, "mine")
    assert talk.dialogue.config.session == before


def test_a_session_needs_its_type() -> None:
    talk = Talk()
    outs = talk.send("session.update", session={"instructions": "Hi."})
    error = talk.one(ServerError, outs).error
    assert (error.code, error.param) == ("missing_required_parameter", "session.type")


def test_an_update_keeps_what_it_does_not_name_and_shows_the_whole() -> None:
    talk = Talk()
    talk.update(**vad(silence_duration_ms=900))
    outs = talk.update(instructions="", audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    session = talk.one(SessionUpdated, outs).session
    turns = session["audio"]["input"]["turn_detection"]  # type: ignore[index,call-overload]
    assert turns["silence_duration_ms"] == 900 and turns["threshold"] == 0.7  # type: ignore[index,call-overload]
    assert session["instructions"] == "" and session["id"] == "sess_1"


def test_an_update_that_changes_a_voice_once_heard_is_refused_whole() -> None:
    talk = Talk()
    talk.update(audio={"output": {"voice": "marin"}})
    talk.send("conversation.item.create", item=USER)
    talk.send("response.create")
    talk.answer("Hello.")
    outs = talk.update(instructions="new", audio={"output": {"voice": "cedar"}})
    assert code_of(outs) == "cannot_update_voice"
    assert talk.dialogue.config.instructions != "new"
    assert events(talk.update(audio={"output": {"voice": "marin"}})) == ["session.updated"]


def test_an_unknown_event_type_is_named_and_the_known_ones_listed() -> None:
    talk = Talk()
    outs = talk.send("response.think", event_id="e1")
    error = talk.one(ServerError, outs).error
    assert (error.code, error.param, error.event_id) == ("invalid_value", "type", "e1")
    assert "response.create" in (error.message or "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', "[" * 5000, "\ud800", '{"type": 5}', '{"a": 1}', '{"type": ["x"]}']
)
def test_what_is_no_event_is_an_error_and_never_an_exception(text: str) -> None:
    talk = Talk()
    assert code_of(talk.say(text))


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_an_event_of_the_other_transport_is_refused(transport: str) -> None:
    if transport == "webrtc":
        outs = Talk("webrtc").send("input_audio_buffer.append", audio="AAAA")
    else:
        outs = Talk("websocket").send("output_audio_buffer.clear")
    assert code_of(outs) == "invalid_event_for_transport"


@pytest.mark.parametrize(
    ("audio", "code"), [("%%%", "invalid_value"), ("AAA", "invalid_value"), ("AA==", "invalid_value")]
)
def test_sound_that_is_no_sound_is_refused(audio: str, code: str) -> None:
    assert code_of(Talk().send("input_audio_buffer.append", audio=audio)) == code


@pytest.mark.parametrize("form", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_sound_over_websocket_is_heard_in_every_format(form: str) -> None:
    talk = Talk()
    rate = {"type": form, "rate": 24000} if form == "audio/pcm" else {"type": form}
    talk.update(audio={"input": {"format": rate}})
    hertz = 24_000 if form == "audio/pcm" else 8_000
    voice = 0.5 * np.sin(2 * np.pi * 300 * np.arange(hertz) / hertz).astype(np.float32)
    for sound in (voice, np.zeros(hertz, np.float32)):
        talk.send("input_audio_buffer.append", audio=encoded_sound(form, sound))
    assert events(talk.outs)[-4:] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert abs(len(talk.last(Recognise).samples) - 16_000) < 8_000


def test_a_created_item_keeps_the_clients_id_and_place() -> None:
    talk = Talk()
    talk.send("conversation.item.create", item={**USER, "id": "a"})
    talk.send("conversation.item.create", item={**USER, "id": "b"}, previous_item_id="root")
    talk.send("conversation.item.create", item={**USER, "id": "c"}, previous_item_id="b")
    added = talk.all(ConversationItemAdded)
    assert [(one.item.id, one.previous_item_id) for one in added] == [("a", None), ("b", None), ("c", "b")]


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("create", {"item": {**USER, "id": "known"}}, "item_create_duplicate_item_id"),
        ("create", {"item": USER, "previous_item_id": "nobody"}, "item_create_invalid_previous_item_id"),
        ("create", {"item": {"type": "message", "role": "user"}}, "missing_required_parameter"),
        ("create", {"item": {"type": "poem"}}, "invalid_value"),
        ("create", {}, "missing_required_parameter"),
        (
            "create",
            {"item": {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "AAAA"}]}},
            "invalid_value",
        ),
        (
            "create",
            {"item": {"type": "function_call_output", "call_id": "nobody", "output": "x"}},
            "invalid_tool_call_id",
        ),
        ("retrieve", {"item_id": "nobody"}, "item_retrieve_invalid_item_id"),
        ("delete", {"item_id": "nobody"}, "item_delete_invalid_item_id"),
        ("truncate", {"item_id": "nobody", "content_index": 0, "audio_end_ms": 1}, "item_truncate_invalid_item_id"),
        ("truncate", {"item_id": "known", "content_index": 0, "audio_end_ms": 0}, "invalid_value"),
        ("truncate", {"item_id": "known", "content_index": 0, "audio_end_ms": 1.5}, "invalid_type"),
    ],
)
def test_mistakes_with_items_have_names(kind: str, fields: dict[str, object], code: str) -> None:
    talk = Talk()
    talk.send("conversation.item.create", item={**USER, "id": "known"})
    assert code_of(talk.send(f"conversation.item.{kind}", **fields)) == code


def test_an_item_is_retrieved_with_its_sound_and_gone_after_delete() -> None:
    talk = Talk()
    talk.user_says("Hello.")
    item_id = talk.last(ConversationItemAdded).item.id
    outs = talk.send("conversation.item.retrieve", item_id=item_id)
    item = talk.one(ConversationItemRetrieved, outs).item
    assert item.content[0].transcript == "Hello." and item.content[0].audio
    assert len(base64.b64decode(item.content[0].audio)) > 24_000 * 2
    assert events(talk.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert code_of(talk.send("conversation.item.retrieve", item_id=item_id)) == "item_retrieve_invalid_item_id"


def test_a_truncated_answer_loses_its_text_and_cannot_be_longer_than_it_was() -> None:
    talk = Talk()
    talk.send("conversation.item.create", item=USER)
    talk.send("response.create")
    talk.answer("One two three four.", seconds=2.0)
    item_id = talk.last(ConversationItemAdded).item.id
    too_long = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=2500)
    assert "already shorter than 2500ms" in (talk.one(ServerError, too_long).error.message or "")
    outs = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1000)
    assert events(outs) == ["conversation.item.truncated"]
    outs = talk.send("conversation.item.retrieve", item_id=item_id)
    assert talk.one(ConversationItemRetrieved, outs).item.content[0].transcript is None


def test_a_spoken_item_from_the_client_is_recognised() -> None:
    talk = Talk()
    sound = base64.b64encode(b"\x00\x40" * 24_000).decode()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
    outs = talk.send("conversation.item.create", item=item)
    assert names(outs)[-1] == "Recognise"
    talk.send("response.create")
    assert talk.one(type(talk.last(Recognise)), outs)
    outs = talk.recognise("Hello from a file.")
    assert "Reply" in names(outs)


BETA = {"modalities": ["text", "audio"], "voice": "verse", "turn_detection": {"type": "server_vad"}}


def test_a_flat_update_turns_the_session_to_beta_and_is_answered_in_beta() -> None:
    talk = Talk()
    talk.send("session.update", session=BETA)
    assert talk.dialogue.dialect == "beta"
    assert events(talk.outs)[-1] == "session.updated"


def test_a_ga_field_in_a_beta_session_is_refused_as_beta_servers_do() -> None:
    talk = Talk(dialect="beta")
    outs = talk.send("session.update", session={**BETA, "idle": 1})
    assert code_of(outs) == "unknown_parameter"
    idle = {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}
    assert code_of(talk.send("session.update", session=idle)) == "unknown_parameter"


def test_a_beta_response_create_is_understood() -> None:
    talk = Talk(dialect="beta")
    talk.send("conversation.item.create", item=USER)
    talk.send(
        "response.create", response={"modalities": ["text"], "temperature": 0.8, "max_response_output_tokens": 50}
    )
    outs = talk.answer("Hi.")
    assert "response.output_text.delta" in events(outs)
    assert code_of(talk.send("response.create", response={"output_modalities": ["text"]})) == "unknown_parameter"


REFERENCE = json.loads((Path(__file__).parent.parent / "protocol" / "data" / "events.json").read_text())
SAMPLES = [
    pytest.param(dialect, entry[dialect], id=f"{entry['schema']}-{dialect}")
    for entry in REFERENCE
    for dialect in ("ga", "beta")
    if entry["from"] == "client" and "translation" not in entry["schema"] and isinstance(entry.get(dialect), dict)
]


@pytest.mark.parametrize(("dialect", "sample"), SAMPLES)
def test_every_client_sample_of_the_reference_has_a_valid_form(dialect: DialectName, sample: dict[str, object]) -> None:
    """It may be refused for what it refers to (an item that is not there), never for its form."""
    talk = Talk(dialect=dialect)
    outs = talk.say(json.dumps(sample))
    codes = {out.error.code for out in outs if isinstance(out, ServerError)}
    assert not codes & {"unknown_parameter", "invalid_type", "missing_required_parameter"}, codes
