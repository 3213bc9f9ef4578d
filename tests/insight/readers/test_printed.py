"""Events that were printed into lines of text."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.insight.readers.printed import Printed


def events(*lines: str) -> list[dict[str, Any]]:
    printed = Printed()
    told = [one for number, line in enumerate(lines, 1) for one in printed.read(number, line)]
    return [dict(one.found.event) for one in (*told, *printed.end())]


def test_an_object_over_many_lines_with_a_prefix_on_each_is_one_event() -> None:
    lines = [
        "I/flutter ( 12): {",
        'I/flutter ( 12):   "type": "response.done",',
        'I/flutter ( 12):   "event_id": "e1"',
        "I/flutter ( 12): }",
    ]
    assert events(*lines) == [{"type": "response.done", "event_id": "e1"}]


@each(
    "line",
    [
        "received: responseDone(Done(eventId: \"e\", response: R(id: \"resp_1\", status: Status.cancelled)))",
        'ResponseDone(ResponseDoneEvent { event_id: "e", response: Response { id: "resp_1", status: Cancelled } })',
        'got "{\\"type\\":\\"response.done\\",\\"response\\":{\\"id\\":\\"resp_1\\",\\"status\\":\\"cancelled\\"}}"',
        "event_id='e' type='response.done' response=Response(id='resp_1', status='cancelled')",
    ],
)  # fmt: skip
def test_an_answer_that_was_cancelled_is_read_from_any_print(line: str) -> None:
    (event,) = events(line)
    assert event["type"] == "response.done"
    assert (event["response"]["id"], event["response"]["status"]) == ("resp_1", "cancelled")


def test_the_inside_of_an_error_is_an_error() -> None:
    line = "Error(message='no', type='invalid_request_error', code='cannot_update_voice', event_id=None, param=None)"
    assert [one["error"]["code"] for one in events(line)] == ["cannot_update_voice"]


def test_a_name_and_its_body_in_the_next_line_are_one_event() -> None:
    body = '{"type": "response.created", "response": {"id": "resp_1"}}'
    assert len(events("received response.created", body)) == 1
    assert len(events(body, "handled: response.created")) == 1


def test_what_is_waited_for_or_missing_did_not_come() -> None:
    assert events("never got response.done") == []
    assert [one["type"] for one in events("waiting for output_audio_buffer.cleared")] == ["client.waits"]


def test_the_copied_list_of_a_console_has_its_names_and_times() -> None:
    printed = Printed()
    lines = ["server", "session.created", "00:00.50", "client", "response.create", "00:01.25"]
    told = [one for number, line in enumerate(lines, 1) for one in printed.read(number, line)]
    told += printed.end()
    assert [(one.found.event["type"], one.found.t) for one in told] == [
        ("session.created", 0.5),
        ("response.create", 1.25),
    ]


def test_shortened_ids_do_not_make_two_events_one() -> None:
    line = '< TEXT \'{"type":"response.created","event_id":"event_C...tadata":null}}\' [1024 bytes]'
    other = line.replace("response.created", "response.done")
    assert [one["type"] for one in events(line, other, line)] == [
        "response.created",
        "response.done",
        "response.created",
    ]


@given(st.lists(st.text(max_size=120), max_size=8))
def test_any_lines_are_read_without_a_complaint(lines: list[str]) -> None:
    events(*lines)
