"""Objects that are nearly JSON."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.insight.readers.loose import read_loose


def value(text: str) -> Any:
    read = read_loose(text, 0)
    assert read is not None and read.is_whole
    return read.value


@each(
    "text",
    [
        "{type: 'response.done', response: {status: \"cancelled\", output: []}}",
        "{'type': 'response.done', 'response': {'status': 'cancelled', 'output': []}}",
        "{type: response.done, response: {status: cancelled, output: []}}",
        "{type=response.done, response={status=cancelled, output=[]}}",
        '["type": "response.done", "response": ["status": "cancelled", "output": []]]',
        "ResponseDoneEvent(type='response.done', response=Response(status='cancelled', output=[]))",
        'Event { type: "response.done", response: Response { status: "cancelled", output: [] } }',
    ],
)
def test_seven_languages_print_the_same_object(text: str) -> None:
    assert value(text) == {"type": "response.done", "response": {"status": "cancelled", "output": []}}


def test_words_numbers_and_wrappers_become_values() -> None:
    assert value("{a: true, b: None, c: nil, d: 3, e: -1.5, f: Optional(7), g: Some('x')}") == {
        "a": True, "b": None, "c": None, "d": 3, "e": -1.5, "f": 7, "g": "x",
    }  # fmt: skip


def test_a_sentence_without_quotes_keeps_its_commas() -> None:
    assert value("{delta: Well, hello there, friend, item_id: item_1}") == {
        "delta": "Well, hello there, friend",
        "item_id": "item_1",
    }


def test_half_an_object_keeps_what_was_there() -> None:
    read = read_loose("{type: 'response.done', response: {id: 'r1', sta", 0)
    assert read is not None and not read.is_whole
    assert read.value["response"]["id"] == "r1"


def steps_of(text: str) -> int:
    """Lines of Python that reading takes."""
    steps = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read_loose(text, 0)
    finally:
        sys.settrace(before)
    return steps


@given(st.text(alphabet="{}[]()=:,'\"\\ ab\n.…", max_size=300))
def test_no_text_takes_more_than_a_few_steps_a_character(text: str) -> None:
    assert steps_of("{" + text) <= 400 + 60 * len(text)
