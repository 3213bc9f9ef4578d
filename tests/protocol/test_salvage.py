"""One bad field costs that field and nothing else."""

from __future__ import annotations

import json
from typing import Any

from tests.support.each import each
from tests.support.wire_samples import Sample, sample, wire_samples
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import ResponseCreate, SessionUpdate
from voicechat.protocol.codec import decode_client, decode_server
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.wire import JsonValue


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
