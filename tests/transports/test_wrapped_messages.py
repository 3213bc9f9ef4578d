"""Messages in base64 and in parts become events; everything else passes untouched."""

from __future__ import annotations

import json

from tests.support.each import each
from tests.support.service import wrapped
from voicechat.transports.webrtc import Unwrapper

EVENT = json.dumps({"type": "session.created", "session": {"instructions": "grüß dich " * 200}})


def test_a_long_message_is_put_together_whatever_the_order() -> None:
    unwrapper = Unwrapper()
    parts = wrapped(EVENT)
    assert len(parts) > 5
    said = [unwrapper.take(part) for part in reversed(parts)]
    assert said == [None] * (len(parts) - 1) + [EVENT]
    assert [unwrapper.take(part) for part in parts][-1] == EVENT
    assert Unwrapper().take(wrapped('{"type": "error"}')[0]) == '{"type": "error"}'


@each(
    "text",
    [
        '{"type": "response.done"}',
        "full_message",
        '{"type": "full_message"}',
        '{"type": "full_message", "data": "not base64!"}',
        '{"type": "full_message", "data": "/w=="}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": 5, "total_fragments": 2}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": -1, "total_fragments": 2}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": 0, "total_fragments": 9999999}',
        '{"type": "error", "message": "\\"full_message\\""}',
        '["full_message"]',
        '{"type": "full_message", ',
    ],
)
def test_what_is_not_wrapped_is_left_as_it_is(text: str) -> None:
    assert Unwrapper().take(text) == text


def test_neither_unfinished_messages_nor_one_without_end_are_kept_for_ever() -> None:
    unwrapper = Unwrapper()
    part = {"type": "partial_message", "fragment_index": 0, "total_fragments": 2, "data": "x"}
    for number in range(1000):
        assert unwrapper.take(json.dumps(part | {"id": f"{number}"})) is None
    assert len(unwrapper._parts) <= 8
    endless = part | {"id": "a", "total_fragments": 60_000, "data": "x" * 1_000_000}
    for number in range(40):
        assert unwrapper.take(json.dumps(endless | {"fragment_index": number})) is None
        assert sum(len(data) for parts in unwrapper._parts.values() for data in parts.values()) <= 17_000_000
