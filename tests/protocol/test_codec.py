"""What is said on the wire is understood, and what we say can be read by others."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from tests.protocol.wire_strategies import json_objects, json_values, records
from tests.support.each import each
from tests.support.wire_samples import Sample, sample, wire_samples
from voicechat.errors import LocalProtocolError
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import (
    CLIENT_EVENTS,
    ClientEvent,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from voicechat.protocol.codec import decode_client, decode_server, encode
from voicechat.protocol.items import ContentPart, ErrorDetail, Item, Response
from voicechat.protocol.server_events import SERVER_EVENTS, MalformedFrame, ServerEvent, UnknownEvent, type_of
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.wire import JsonValue, WireEvent

SAMPLES = wire_samples()
NOT_KEPT = ("format", "temperature", "output_audio_format", "client_secret")


def sendable(found: Sample, wire: dict[str, JsonValue]) -> wires.ServerEvent | ClientEvent:
    return found.decoded(wire).event


def without_nulls(value: JsonValue) -> JsonValue:
    """null and absent mean the same in the fields that records hold."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


@each("found", SAMPLES, ids=lambda found: found.type)
def test_a_ga_event_is_understood_without_a_remark(found: Sample) -> None:
    decoded = found.decoded()
    assert wires.type_of(decoded.event) == found.type
    assert decoded.notes == ()
    assert decoded.raw == found.ga
    assert decoded.size == len(json.dumps(found.ga))


@each("found", [one for one in SAMPLES if one.beta], ids=lambda found: str(found.beta_type))
def test_a_beta_event_is_understood_without_a_remark(found: Sample) -> None:
    decoded = found.decoded(found.beta)
    same = found.type if found.beta_type != "conversation.item.created" else "conversation.item.created"
    assert wires.type_of(decoded.event) == same
    assert decoded.notes == ()


@each("found", SAMPLES, ids=lambda found: found.type)
def test_a_decoded_event_is_encoded_unchanged(found: Sample) -> None:
    event = sendable(found, found.ga)
    said = json.loads(encode(event))
    kept = {**found.ga}
    if isinstance(event, wires.ResponseDone) or found.type == "response.created":
        response = cast("dict[str, JsonValue]", kept["response"])
        kept["response"] = {**response, "audio": {"output": {"voice": "marin"}}}
    assert without_nulls(said) == without_nulls(kept)


@each("found", [one for one in SAMPLES if one.beta], ids=lambda found: str(found.beta_type))
def test_beta_events_are_spelled_as_beta_services_spell_them(found: Sample) -> None:
    said = json.loads(encode(sendable(found, cast("dict[str, JsonValue]", found.beta)), "beta"))
    if not str(found.beta_type).startswith("transcription_session"):  # its GA session says which it is, tested below
        assert said["type"] == found.beta_type
    wanted = dict(cast("dict[str, JsonValue]", found.beta))
    if found.type in ("response.created", "response.done"):
        response = cast("dict[str, JsonValue]", wanted["response"])
        wanted["response"] = {name: one for name, one in response.items() if name not in NOT_KEPT}
    assert without_nulls(said | {"type": ""}) == without_nulls(wanted | {"type": ""})


def test_a_transcription_session_is_updated_by_betas_own_event() -> None:
    ga = next(one for one in SAMPLES if one.beta_type == "transcription_session.update")
    said = json.loads(encode(sendable(ga, ga.ga), "beta"))
    assert said["type"] == "transcription_session.update"
    assert said["session"]["input_audio_format"] == "pcm16"
    assert said["session"]["turn_detection"] is None


def test_a_clients_event_means_nothing_when_a_server_says_it() -> None:
    assert isinstance(decode_server('{"type": "response.create"}').event, wires.UnknownEvent)
    assert isinstance(decode_client('{"type": "response.done"}').event, wires.UnknownEvent)


def test_the_old_word_for_a_new_item_keeps_its_own_record() -> None:
    old = decode_server(json.dumps(sample("conversation.item.added") | {"type": "conversation.item.created"})).event
    assert isinstance(old, wires.ConversationItemCreated)
    assert json.loads(encode(wires.ConversationItemAdded(item=old.item), "beta"))["type"] == "conversation.item.created"


def test_an_answer_reads_the_same_in_both_dialects() -> None:
    done = next(one for one in SAMPLES if one.type == "response.done")
    ga, beta = done.decoded().event, done.decoded(done.beta).event
    assert isinstance(ga, wires.ResponseDone) and isinstance(beta, wires.ResponseDone)
    assert ga.response.output == beta.response.output
    assert ga.response.output_modalities == beta.response.output_modalities == ("audio",)
    assert (ga.response.voice, beta.response.voice) == ("marin", "verse")
    assert beta.response.output[0].content[0].type == "output_audio"


def test_a_custom_voice_is_known_by_its_id() -> None:
    text = json.dumps({"type": "response.created", "response": {"audio": {"output": {"voice": {"id": "voice_7"}}}}})
    event = decode_server(text).event
    assert getattr(event, "response", Response()).voice == "voice_7"


def test_the_session_stays_in_the_words_of_the_service() -> None:
    event = decode_server('{"type": "session.created", "session": {"voice": "verse", "turn_detection": null}}').event
    assert isinstance(event, wires.SessionCreated)
    assert event.session == {"voice": "verse", "turn_detection": None}


@each(
    ("text", "reason"),
    [
        ("", "an empty frame"),
        ("hello", "not JSON"),
        ('{"type": "response.do', "not JSON"),
        ("[]", "a JSON array"),
        ('"response.done"', "a JSON string"),
        ("42", "a JSON number"),
        ("null", "a JSON null"),
        ("true", "a JSON boolean"),
        ("{}", "without a usable type"),
        ('{"type": 5}', "without a usable type"),
        ('{"type": ""}', "without a usable type"),
        ('{"type": []}', "without a usable type"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[" * 3000, "nested deeper"),
    ],
)
def test_what_is_no_event_becomes_a_malformed_frame(text: str | bytes, reason: str) -> None:
    decoded = decode_server(text)
    assert isinstance(decoded.event, wires.MalformedFrame)
    assert reason in decoded.event.reason
    assert decoded.event.size == len(text)
    assert len(decoded.event.excerpt) <= 160
    decoded.event.excerpt.encode()


def test_an_enormous_frame_is_not_even_read() -> None:
    event = decode_server("[" * (33 * 1024 * 1024)).event
    assert isinstance(event, wires.MalformedFrame)
    assert "32 MiB" in event.reason


def test_an_error_body_without_a_type_is_an_error() -> None:
    decoded = decode_server('{"error": {"message": "quota", "code": "insufficient_quota"}}')
    assert isinstance(decoded.event, wires.ServerError)
    assert decoded.event.error.code == "insufficient_quota"
    assert decoded.notes == ("type: missing; read as an error",)
    assert isinstance(decode_client('{"error": {"message": "quota"}}').event, wires.MalformedFrame)


def test_items_carry_what_their_type_needs() -> None:
    call = Item(type="function_call_output", call_id="call_1", output="{}")
    said = json.loads(encode(wires.ConversationItemAdded(item=call)))
    assert said["item"] == {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    empty = Item(id="item_1", type="message", role="assistant")
    assert json.loads(encode(wires.ConversationItemAdded(item=empty)))["item"]["content"] == []
    spoken = Item(type="message", role="assistant", content=(ContentPart(type="output_audio", transcript="Hi"),))
    assert json.loads(encode(wires.ConversationItemAdded(item=spoken), "beta"))["item"]["content"][0]["type"] == "audio"


def test_the_first_item_is_said_to_follow_nothing() -> None:
    assert json.loads(encode(wires.ConversationItemAdded()))["previous_item_id"] is None
    assert "previous_item_id" not in json.loads(encode(InputAudioBufferCommit()))


@each(("sender", "records"), [("server", wires.SERVER_EVENTS), ("client", CLIENT_EVENTS)])
def test_there_is_one_frozen_record_for_each_documented_event(sender: str, records: dict[str, type[WireEvent]]) -> None:
    assert set(records) == {found.type for found in SAMPLES if found.sender == sender}
    assert all(record().event_id is None and record.__struct_config__.frozen for record in records.values())


def test_the_type_of_an_event_is_its_ga_name() -> None:
    assert wires.type_of(wires.ResponseDone()) == wires.type_of(wires.ResponseDone) == "response.done"
    assert wires.type_of(wires.ServerError()) == "error"
    assert wires.type_of(wires.UnknownEvent(type="weather.changed")) == "weather.changed"
    assert wires.type_of(wires.MalformedFrame(reason="no JSON")) == "malformed"


# One bad field costs that field and nothing else


@each("found", wire_samples(), ids=lambda found: found.type)
def test_any_field_of_any_event_may_be_of_a_wrong_type(found: Sample) -> None:
    whole = found.decoded().event
    assert not isinstance(whole, wires.UnknownEvent | wires.MalformedFrame)
    for name in found.ga.keys() - {"type", "obfuscation"}:
        wrong: tuple[JsonValue, ...] = (5.5, ["a", "b"], True)
        for bad in wrong:
            decoded = found.decoded({**found.ga, name: bad})
            assert type(decoded.event) is type(whole)
            others = set(whole.__struct_fields__) - {name}
            assert all(getattr(decoded.event, other) == getattr(whole, other) for other in others), (name, bad)
            taken = getattr(decoded.event, name) == bad  # 5.5 is a fine number of seconds
            assert taken or any(note.startswith(name) for note in decoded.notes), (name, bad)


def test_a_bad_content_part_does_not_lose_the_item() -> None:
    event = sample("conversation.item.added")
    item: Any = event["item"]
    item["content"] = [{"type": "input_text", "text": 7}, "nonsense", {"type": "input_text", "text": "Hi"}]
    decoded = decode_server(json.dumps(event))
    assert isinstance(decoded.event, wires.ConversationItemAdded)
    assert decoded.event.item.id == item["id"]
    assert [part.text for part in decoded.event.item.content] == [None, "Hi"]
    assert [note.split(":")[0] for note in decoded.notes] == ["item.content[0].text", "item.content[1]"]


def test_odd_usage_does_not_lose_the_end_of_an_answer() -> None:
    event = sample("response.done")
    response: Any = event["response"]
    response["usage"]["input_token_details"]["text_tokens"] = "many"
    decoded = decode_server(json.dumps(event))
    assert isinstance(decoded.event, wires.ResponseDone)
    assert decoded.event.response.status == "completed"
    usage = decoded.event.response.usage
    assert usage is not None and usage.total_tokens == 250
    assert usage.input_token_details is not None and usage.input_token_details.text_tokens is None
    assert usage.input_token_details.audio_tokens == 40
    assert decoded.notes[0].startswith("response.usage.input_token_details.text_tokens: ")


def test_a_response_that_is_no_object_still_ends_the_answer() -> None:
    decoded = decode_server('{"type": "response.done", "response": "resp_1"}')
    assert decoded.event == wires.ResponseDone()
    assert decoded.notes == ("response: Expected `object`, got `str`; left out",)


def test_null_where_text_belongs_is_simply_absent() -> None:
    decoded = decode_server('{"type": "response.output_text.delta", "delta": null, "item_id": "i"}')
    assert getattr(decoded.event, "delta", None) == ""
    assert decoded.notes == ()


def test_a_whole_number_may_be_written_with_a_point() -> None:
    text = '{"type": "input_audio_buffer.speech_started", "audio_start_ms": 1040.0}'
    assert decode_server(text).event == wires.InputAudioBufferSpeechStarted(audio_start_ms=1040)


def test_milliseconds_beyond_reason_are_absent() -> None:
    decoded = decode_server('{"type": "input_audio_buffer.speech_started", "audio_start_ms": 1' + "0" * 400 + "}")
    assert decoded.event == wires.InputAudioBufferSpeechStarted()
    assert decoded.notes == ("audio_start_ms: not a usable JSON value; left out",)
    decoded = decode_server('{"type": "input_audio_buffer.speech_started", "audio_start_ms": 9007199254740993}')
    assert decoded.event == wires.InputAudioBufferSpeechStarted()
    assert len(decoded.notes) == 1


def test_one_bad_limit_leaves_the_others() -> None:
    text = '{"type": "rate_limits.updated", "rate_limits": [{"name": "requests", "limit": "x"}, 4, {"name": "tokens"}]}'
    event = decode_server(text).event
    assert isinstance(event, wires.RateLimitsUpdated)
    assert [limit.name for limit in event.rate_limits] == ["requests", "tokens"]


def test_an_item_keeps_what_it_can() -> None:
    text = '{"type": "conversation.item.added", "item": {"id": "i", "approve": "yes", "tools": [{"name": "t"}, 3]}}'
    event = decode_server(text).event
    assert isinstance(event, wires.ConversationItemAdded)
    assert event.item == Item(id="i", tools=({"name": "t"},))


# Spellings of old guides and lenient services are understood, and said to be odd


def test_speech_stopped_with_a_start_still_tells_when_it_stopped() -> None:
    decoded = decode_server('{"type": "input_audio_buffer.speech_stopped", "audio_start_ms": 2360, "item_id": "i"}')
    assert decoded.event == wires.InputAudioBufferSpeechStopped(audio_end_ms=2360, item_id="i")
    assert decoded.notes == ("audio_start_ms: the field is called audio_end_ms; read as that",)


def test_the_right_name_wins_over_the_wrong_one() -> None:
    text = '{"type": "input_audio_buffer.speech_stopped", "audio_start_ms": 1, "audio_end_ms": 2}'
    assert decode_server(text).event == wires.InputAudioBufferSpeechStopped(audio_end_ms=2)


def test_a_finished_text_called_delta_is_the_text() -> None:
    assert decode_server('{"type": "response.text.done", "delta": "Hi."}').event == wires.ResponseOutputTextDone(
        text="Hi."
    )
    transcript = decode_server('{"type": "response.audio_transcript.done", "delta": "Hi."}').event
    assert transcript == wires.ResponseOutputAudioTranscriptDone(transcript="Hi.")


def test_type_and_event_id_in_lists_are_taken_out() -> None:
    decoded = decode_server('{"type": ["error"], "event_id": ["e1"], "error": {"type": ["server_error"]}}')
    assert decoded.event == wires.ServerError(event_id="e1", error=ErrorDetail(type="server_error"))
    assert [note.split(":")[0] for note in decoded.notes] == ["type", "event_id", "error.type"]
    failed = sample("conversation.item.input_audio_transcription.failed")
    failed["type"] = [failed["type"]]
    assert isinstance(decode_server(json.dumps(failed)).event, wires.ConversationItemInputAudioTranscriptionFailed)


def test_session_fields_beside_the_type_are_the_session() -> None:
    decoded = decode_client('{"type": "session.update", "event_id": "c1", "voice": "verse", "turn_detection": null}')
    assert decoded.event == SessionUpdate(event_id="c1", session={"voice": "verse", "turn_detection": None})
    assert decoded.notes[0].startswith("session: ")
    updated = decode_server('{"type": "session.updated", "voice": "verse"}').event
    assert updated == wires.SessionUpdated(session={"voice": "verse"})


def test_an_error_may_be_a_mere_string_or_lie_open() -> None:
    vllm = decode_server('{"type": "error", "error": "model not loaded", "code": "internal"}')
    assert vllm.event == wires.ServerError(error=ErrorDetail(message="model not loaded", code="internal"))
    assert len(vllm.notes) == 1
    flat = decode_server('{"type": "error", "message": "busy", "code": 503}').event
    assert isinstance(flat, wires.ServerError) and flat.error.message == "busy"


def test_a_numeric_error_code_is_kept_as_text() -> None:
    event = decode_server('{"type": "error", "error": {"code": 429, "message": "slow down"}}').event
    assert event == wires.ServerError(error=ErrorDetail(code="429", message="slow down"))


def test_the_options_of_an_asked_for_response_are_left_alone() -> None:
    event = decode_client('{"type": "response.create", "response": {"modalities": ["text"], "voice": "ash"}}').event
    assert event == ResponseCreate(response={"modalities": ["text"], "voice": "ash"})


# For all frames: decoding answers, encoding loses nothing


TYPES = sorted(
    {*SERVER_EVENTS, *CLIENT_EVENTS} | {found.beta_type for found in wire_samples() if found.beta_type is not None}
)
NAMES = sorted({name for found in wire_samples() for name in found.ga})


def check_answer(text: str | bytes) -> None:
    for decode in (decode_server, decode_client):
        decoded = decode(text)
        assert decoded.size >= 0
        assert all(isinstance(note, str) and len(note) < 300 for note in decoded.notes)
        if not isinstance(decoded.event, MalformedFrame):
            assert decoded.raw is not None
            json.dumps(decoded.raw, allow_nan=False).encode()  # what is shown and recorded can be written
        else:
            assert decoded.event.reason


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_and_any_text_get_an_answer(text: str | bytes) -> None:
    check_answer(text)


@given(json_values, st.booleans())
def test_any_json_gets_an_answer(value: JsonValue, is_ascii: bool) -> None:
    check_answer(json.dumps(value, ensure_ascii=is_ascii))


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(NAMES), json_values, max_size=5))
def test_any_fields_of_a_known_event_get_that_event(event_type: str, fields: dict[str, JsonValue]) -> None:
    text = json.dumps({**fields, "type": event_type})
    check_answer(text)
    assert not isinstance(decode_server(text).event, MalformedFrame)


@given(st.sampled_from([json.dumps(found.ga) for found in wire_samples()]), st.data())
def test_a_frame_with_damage_gets_an_answer(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 10)))
    damage = data.draw(
        st.sampled_from(["", "\\ud800", "\ud800", "NaN", "-Infinity", "1e999", "\0", "[" * 200, '"', "{"])
    )
    check_answer(text[:start] + damage + text[end:])


@given(json_objects)
def test_an_unknown_event_comes_back_as_it_was(payload: dict[str, JsonValue]) -> None:
    event = UnknownEvent(type="no.such.event", payload={**payload, "type": "no.such.event"})
    assert decode_server(encode(event)).event == event


SAME_IN_BETA = [
    record
    for name, record in SERVER_EVENTS.items()
    if DIALECTS["beta"].event_name(name)
    and not name.startswith(("session.", "conversation.item.added", "response.done"))
    if name not in ("response.created", "response.function_call_arguments.done")
]


@pytest.mark.parametrize("record", SERVER_EVENTS.values(), ids=lambda record: record.__name__)
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_a_server_event_comes_back_equal_also_by_way_of_beta(record: type[WireEvent], data: st.DataObject) -> None:
    event = cast("ServerEvent", data.draw(records(record)))
    decoded = decode_server(encode(event))
    assert (decoded.event, decoded.notes) == (event, ())
    if record in SAME_IN_BETA:
        text = encode(event, "beta")
        assert json.loads(text)["type"] == DIALECTS["beta"].event_name(type_of(event))
        assert decode_server(text).event == event


@pytest.mark.parametrize("record", CLIENT_EVENTS.values(), ids=lambda record: record.__name__)
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_a_client_event_comes_back_equal_or_is_refused(record: type[WireEvent], data: st.DataObject) -> None:
    event = cast("ClientEvent", data.draw(records(record)))
    try:
        text = encode(event)
    except LocalProtocolError as error:
        assert error.message
        return
    decoded = decode_client(text)
    assert decoded.event == event
    assert decoded.notes == ()
