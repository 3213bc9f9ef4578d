"""For all frames: decoding answers, encoding loses nothing."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import given, settings, strategies as st

from tests.protocol.wire_strategies import json_objects, json_values, records
from tests.support.wire_samples import wire_samples
from voicechat.errors import LocalProtocolError
from voicechat.protocol.client_events import CLIENT_EVENTS, ClientEvent
from voicechat.protocol.codec import decode_client, decode_server, encode
from voicechat.protocol.dialects import name_in
from voicechat.protocol.server_events import SERVER_EVENTS, MalformedFrame, ServerEvent, UnknownEvent, type_of
from voicechat.protocol.wire import JsonValue, WireEvent

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
    if name_in(name, "beta") and not name.startswith(("session.", "conversation.item.added", "response.done"))
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
        assert json.loads(text)["type"] == name_in(type_of(event), "beta")
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
