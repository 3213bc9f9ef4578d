"""The vocabulary is complete, named mechanically and frozen."""

from __future__ import annotations

import pytest

from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.server_events import (
    SERVER_EVENTS,
    MalformedFrame,
    ResponseDone,
    ServerError,
    UnknownEvent,
    type_of,
)
from voicechat.protocol.wire import WireEvent

ALL = {**SERVER_EVENTS, **CLIENT_EVENTS}


@each("found", wire_samples(), ids=lambda found: found.type)
def test_every_documented_event_has_a_record(found: Sample) -> None:
    known = SERVER_EVENTS if found.sender == "server" else CLIENT_EVENTS
    assert found.type in known


def test_there_is_nothing_undocumented() -> None:
    assert set(ALL) == {found.type for found in wire_samples()}


@each("record", ALL.values(), ids=lambda record: record.__name__)
def test_every_record_can_be_made_from_nothing_and_never_changed(record: type[WireEvent]) -> None:
    event = record()
    assert event.event_id is None
    with pytest.raises(AttributeError):
        event.event_id = "other"  # type: ignore[misc]


def test_the_type_of_an_event_is_its_ga_name() -> None:
    assert type_of(ResponseDone()) == type_of(ResponseDone) == "response.done"
    assert type_of(ServerError()) == "error"
    assert type_of(UnknownEvent(type="weather.changed")) == "weather.changed"
    assert type_of(MalformedFrame(reason="no JSON")) == "malformed"
