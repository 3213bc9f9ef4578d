"""What is said on the wire is understood, and what we say can be read by others."""

from __future__ import annotations

import json
from typing import cast

from tests.support.each import each
from tests.support.wire_samples import Sample, sample, wire_samples
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import CLIENT_EVENTS, ClientEvent, InputAudioBufferCommit
from voicechat.protocol.codec import decode_client, decode_server, encode
from voicechat.protocol.items import ContentPart, Item, Response
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
