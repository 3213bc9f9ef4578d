"""Events out of their wrappers, the long way and the quick one."""

from __future__ import annotations

import json
from typing import Any

from tests.support.each import each
from voicechat.diagnose.readers.shapes import Shapes
from voicechat.diagnose.readers.unwrapping import Found, unwrapped

EVENT: dict[str, Any] = {"type": "response.done", "response": {"id": "r1"}}


def only(value: Any) -> Found:
    (found,) = unwrapped(value)
    assert isinstance(found, Found)
    return found


@each("body", ["event", "data", "message", "payload"])
@each("time", ["t", "time", "timestamp", "ts"])
def test_wrappers_of_every_name_are_opened(body: str, time: str) -> None:
    found = only({time: 12.5, "direction": "received", body: EVENT})
    assert (found.event, found.t, found.dir) == (EVENT, 12.5, "in")
    assert only({time: 12.5, body: json.dumps(EVENT)}).event == EVENT


def test_the_name_may_stand_beside_the_body() -> None:
    assert only({"event": "response.done", "data": {"response": {"id": "r1"}}}).event["type"] == "response.done"


def test_the_inside_of_an_error_and_a_bare_response_are_events() -> None:
    error = {"type": "invalid_request_error", "code": "x", "message": "no", "param": None}
    assert only(error).event == {"type": "error", "error": error}
    response = {"object": "realtime.response", "id": "r", "status": "failed"}
    assert only(response).event == {"type": "response.done", "response": response}


@each(
    "wrap",
    [
        lambda event: {"t": 1.0, "dir": "in", "event": event},
        lambda event: {"timestamp": "2026-01-01T00:00:01Z", "direction": "sent", "data": json.dumps(event)},
        lambda event: event,
    ],
)
def test_the_quick_way_leads_where_the_long_way_does(wrap: Any) -> None:
    shapes = Shapes()
    first = wrap({"type": "response.created", "response": {"id": "r1"}})
    shapes.learn(first, only(first))
    quick, slow = shapes.quickly(wrap(EVENT)), only(wrap(EVENT))
    assert quick is not None
    assert (quick.event, quick.t, quick.dir) == (slow.event, slow.t, slow.dir)


def test_what_is_no_event_for_sure_goes_the_long_way() -> None:
    shapes = Shapes()
    first = {"t": 1.0, "event": EVENT}
    shapes.learn(first, only(first))
    assert shapes.quickly({"t": 1.0, "event": {"type": "something else"}}) is None
    assert shapes.quickly({"t": 1.0, "event": "a word"}) is None
