"""One bad field costs that field and nothing else."""

from __future__ import annotations

import json
from typing import Any

from tests.support.each import each
from tests.support.wire_samples import Sample, sample, wire_samples
from voicechat.protocol.codec import decode_server
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    InputAudioBufferSpeechStarted,
    MalformedFrame,
    RateLimitsUpdated,
    ResponseDone,
    UnknownEvent,
)
from voicechat.protocol.wire import JsonValue


@each("found", wire_samples(), ids=lambda found: found.type)
def test_any_field_of_any_event_may_be_of_a_wrong_type(found: Sample) -> None:
    whole = found.decoded().event
    assert not isinstance(whole, UnknownEvent | MalformedFrame)
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
    assert isinstance(decoded.event, ConversationItemAdded)
    assert decoded.event.item.id == item["id"]
    assert [part.text for part in decoded.event.item.content] == [None, "Hi"]
    assert [note.split(":")[0] for note in decoded.notes] == ["item.content[0].text", "item.content[1]"]


def test_odd_usage_does_not_lose_the_end_of_an_answer() -> None:
    event = sample("response.done")
    response: Any = event["response"]
    response["usage"]["input_token_details"]["text_tokens"] = "many"
    decoded = decode_server(json.dumps(event))
    assert isinstance(decoded.event, ResponseDone)
    assert decoded.event.response.status == "completed"
    usage = decoded.event.response.usage
    assert usage is not None and usage.total_tokens == 250
    assert usage.input_token_details is not None and usage.input_token_details.text_tokens is None
    assert usage.input_token_details.audio_tokens == 40
    assert decoded.notes[0].startswith("response.usage.input_token_details.text_tokens: ")


def test_a_response_that_is_no_object_still_ends_the_answer() -> None:
    decoded = decode_server('{"type": "response.done", "response": "resp_1"}')
    assert decoded.event == ResponseDone()
    assert decoded.notes == ("response: Expected `object`, got `str`; left out",)


def test_null_where_text_belongs_is_simply_absent() -> None:
    decoded = decode_server('{"type": "response.output_text.delta", "delta": null, "item_id": "i"}')
    assert getattr(decoded.event, "delta", None) == ""
    assert decoded.notes == ()


def test_a_whole_number_may_be_written_with_a_point() -> None:
    text = '{"type": "input_audio_buffer.speech_started", "audio_start_ms": 1040.0}'
    assert decode_server(text).event == InputAudioBufferSpeechStarted(audio_start_ms=1040)


def test_milliseconds_beyond_reason_are_absent() -> None:
    decoded = decode_server('{"type": "input_audio_buffer.speech_started", "audio_start_ms": 1' + "0" * 400 + "}")
    assert decoded.event == InputAudioBufferSpeechStarted()
    assert decoded.notes == ("audio_start_ms: not a usable JSON value; left out",)
    decoded = decode_server('{"type": "input_audio_buffer.speech_started", "audio_start_ms": 9007199254740993}')
    assert decoded.event == InputAudioBufferSpeechStarted()
    assert len(decoded.notes) == 1


def test_one_bad_limit_leaves_the_others() -> None:
    text = '{"type": "rate_limits.updated", "rate_limits": [{"name": "requests", "limit": "x"}, 4, {"name": "tokens"}]}'
    event = decode_server(text).event
    assert isinstance(event, RateLimitsUpdated)
    assert [limit.name for limit in event.rate_limits] == ["requests", "tokens"]


def test_an_item_keeps_what_it_can() -> None:
    text = '{"type": "conversation.item.added", "item": {"id": "i", "approve": "yes", "tools": [{"name": "t"}, 3]}}'
    event = decode_server(text).event
    assert isinstance(event, ConversationItemAdded)
    assert event.item == Item(id="i", tools=({"name": "t"},))
