"""From an event to those it belongs with, and out of the list as text."""

from __future__ import annotations

import ast
import json

from tests.ui.inspector.test_matching import store_of
from voicechat.ui.inspector.details import Link, as_json, as_line, as_python, links_of, step_along


def test_an_error_leads_to_the_event_that_caused_it_and_back() -> None:
    store = store_of()
    assert links_of(store, 7)[0] == Link("cause", "evt_77", (3,))
    assert links_of(store, 3)[0] == Link("effect", "evt_77", (7,))


def test_a_delta_leads_to_its_response_and_its_item() -> None:
    links = {link.name: link for link in links_of(store_of(), 4)}
    assert list(links["response"].lines) == [4, 6, 9, 10]
    assert list(links["item"].lines) == [4, 6]


def test_steps_along_a_response_pass_the_inside_of_runs_and_stop_at_its_ends() -> None:
    store = store_of()
    response = next(link for link in links_of(store, 4) if link.name == "response")
    assert step_along(response, 4, 1) == 6
    assert step_along(response, 6, 1) == 9
    assert step_along(response, 10, 1) == 10
    assert step_along(response, 6, -1) == 4


def test_an_event_without_ids_leads_nowhere() -> None:
    assert links_of(store_of(), 11) == ()
    assert links_of(store_of(), 99) == ()


def test_copies_are_what_they_say_they_are() -> None:
    store = store_of()
    assert json.loads(as_json(store, 3)) == {"type": "response.create", "event_id": "evt_77"}
    call = ast.parse(as_python(store, 3), mode="exec").body[0]
    assert "await connection.send" in ast.unparse(call)
    assert ast.literal_eval(as_python(store, 9).removeprefix("event = "))["response"]["status"] == "failed"
    lines = [json.loads(as_line(store, seq)) for seq in (3, 7)]
    assert [(line["t"], line["dir"], line["event"]["type"]) for line in lines] == [
        (3.0, "out", "response.create"),
        (7.0, "in", "error"),
    ]
