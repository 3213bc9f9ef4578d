"""Terminal input with key releases in it reaches Textual in a form that it can read."""

from __future__ import annotations

import pytest
from textual import events
from textual.message import Message

from tests.support.each import each
from voicechat.ui.keyboard import Answered, Fence, Item, KeyboardKnown, KeyMoved, SequenceFilter, Typed, best_driver
from voicechat.ui.keyboard_driver import EventTypeDriver, EventTypeParser

SEQUENCES: dict[str, tuple[str, list[Item]]] = {
    "plain text": ("ab", [Typed("ab")]),
    "kitty press": ("\x1b[32;;32u", [Typed("\x1b[32;;32u")]),
    "kitty press with type": ("\x1b[32;1:1u", [Typed("\x1b[32;1u")]),
    "repeat": ("\x1b[32;1:2u", [Typed("\x1b[32;1u", "repeat")]),
    "repeat with text": ("\x1b[97;1:2;97u", [Typed("\x1b[97;1;97u", "repeat")]),
    "release": ("\x1b[32;1:3u", [Typed("\x1b[32;1u", "release")]),
    "release of F8": ("\x1b[19;1:3~", [Typed("\x1b[19;1~", "release")]),
    "alternate keys": ("\x1b[97:65;2;65u", [Typed("\x1b[97;2;65u")]),
    "answer": ("\x1b[?27u\x1b[?62;22c", [Answered(27), Fence()]),
    "no answer": ("\x1b[?62;22c", [Fence()]),
    "mouse": ("\x1b[<0;10;5M", [Typed("\x1b"), Typed("[<0;10;5M")]),
    "focus": ("\x1b[I", [Typed("\x1b"), Typed("[I")]),
    "paste": ("\x1b[200~hi\x1b[201~", [Typed("\x1b[200~"), Typed("hi\x1b[201~")]),
    "paste with an escape in it": ("\x1b[200~hi \x1b[A q\x1b[201~", [Typed("\x1b[200~"), Typed("hi [A q\x1b[201~")]),
    "press and release at once": (
        "\x1b[32;;32u\x1b[32;1:3u",
        [Typed("\x1b[32;;32u"), Typed("\x1b[32;1u", "release")],
    ),
}


def joined(items: list[Item]) -> list[Item]:
    """Neighbouring text is one text."""
    out: list[Item] = []
    for item in items:
        last = out[-1] if out else None
        if isinstance(item, Typed) and isinstance(last, Typed) and item.kind == last.kind == "press":
            out[-1] = Typed(last.text + item.text)
        else:
            out.append(item)
    return out


@each(("data", "expected"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_a_sequence_is_read_the_same_whole_and_byte_by_byte(data: str, expected: list[Item]) -> None:
    whole, pieces = SequenceFilter(), SequenceFilter()
    assert joined(list(whole.feed(data))) == joined(expected)
    split = [item for character in data for item in pieces.feed(character)]
    assert joined([*split, Typed(pieces.flush())]) in (joined(expected), joined([*expected, Typed("")]))


def test_a_lone_escape_waits_only_where_the_protocol_may_follow() -> None:
    keys = SequenceFilter()
    assert list(keys.feed("\x1b")) == []
    assert keys.flush() == "\x1b"
    keys.speaks_protocol = False
    assert list(keys.feed("\x1b")) == [Typed("\x1b")]


def told(*chunks: str) -> list[Message]:
    """Messages of the whole parser, Textual's included."""
    parser = EventTypeParser()
    return [message for chunk in chunks for message in parser.feed(chunk)]


def test_press_repeat_and_release_are_told_apart_and_the_widgets_see_two_keys() -> None:
    messages = told("\x1b[32;;32u\x1b[32;1:2;32u\x1b[32;1:3u")
    moves = [(m.key, m.kind) for m in messages if isinstance(m, KeyMoved)]
    assert moves == [("space", "press"), ("space", "repeat"), ("space", "release")]
    assert [m.key for m in messages if isinstance(m, events.Key)] == ["space", "space"]


def test_a_space_that_comes_as_text_is_released_at_once_where_releases_are_reported() -> None:
    moves = [(m.key, m.kind) for m in told("\x1b[?27u", "日本 ok") if isinstance(m, KeyMoved)]
    assert [kind for key, kind in moves if key == "space"] == ["press", "release"]
    assert ("space", "release") not in [(m.key, m.kind) for m in told("日本 ok") if isinstance(m, KeyMoved)]


def test_releases_of_function_keys_have_textuals_names() -> None:
    moves = [m for m in told("\x1b[19;1:3~\x1b[32;5:3u") if isinstance(m, KeyMoved)]
    assert [(m.key, m.kind) for m in moves] == [("f8", "release"), ("ctrl+space", "release")]


@pytest.mark.parametrize("junk", ["\x1b[999999999999;1:3u", "\x1b[;:3u", "\x1b[99999999;1:1u", "\x1b[1:2:3;4:5;6:7u"])
def test_a_broken_sequence_never_ends_the_input(junk: str) -> None:
    assert [m.key for m in told(junk, "a") if isinstance(m, events.Key)][-1] == "a"


def test_only_the_answer_of_the_terminal_is_believed() -> None:
    def known(data: str) -> list[bool]:
        return [m.reports_release for m in told(data) if isinstance(m, KeyboardKnown)]

    assert known("\x1b[?27u\x1b[?62c") == [True]
    assert known("\x1b[?17u\x1b[?62c") == [False]
    assert known("\x1b[?62c") == [False]


def test_the_driver_is_ours_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    assert best_driver() is EventTypeDriver
    monkeypatch.setenv("TEXTUAL_DISABLE_KITTY_KEY", "1")
    assert best_driver() is None
