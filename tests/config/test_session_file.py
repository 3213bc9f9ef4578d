"""A pasted configuration is read as it comes, and a slip is found by line and column."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.config.session_file import MAX_LENGTH, read_session_text
from voicechat.errors import ConfigError
from voicechat.protocol.session_config import check_session

COMMENTED = """
// copied from a guide
{
  "voice": "ash", # the voice
  /* several
     lines */
  "instructions": "See https://x.org/#a, then /* stop */ // now,]",
  "turn_detection": {
    "type": "server_vad",
    "threshold": 0.5,   // 0 to 1
  },
  "modalities": ["text", "audio",],
}
"""


def test_json_with_comments_and_trailing_commas_is_read() -> None:
    assert read_session_text(COMMENTED, "guide.json") == {
        "voice": "ash",
        "instructions": "See https://x.org/#a, then /* stop */ // now,]",
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "modalities": ["text", "audio"],
    }


def test_toml_is_read() -> None:
    text = (
        'type = "realtime"  # GA\n[audio.output]\nvoice = "marin"\n[audio.input.turn_detection]\ntype = "server_vad"\n'
    )
    wanted = {
        "type": "realtime",
        "audio": {"output": {"voice": "marin"}, "input": {"turn_detection": {"type": "server_vad"}}},
    }
    assert read_session_text(text, "session.toml") == wanted
    assert read_session_text(text, "standard input") == wanted


def test_a_table_at_the_top_is_toml_not_a_list() -> None:
    assert read_session_text('[audio.output]\nvoice = "ash"', "-") == {"audio": {"output": {"voice": "ash"}}}


def test_a_markdown_fence_and_a_byte_order_mark_do_no_harm() -> None:
    assert read_session_text('\ufeff```json\n{"voice": "ash"}\n```\n', "the pasted text") == {"voice": "ash"}


def test_a_fence_inside_instructions_belongs_to_them() -> None:
    text = 'instructions = """\nAnswer in\n```json\nblocks\n```\n"""\n'
    assert read_session_text(text, "a.toml") == {"instructions": "Answer in\n```json\nblocks\n```\n"}


@pytest.mark.parametrize(
    "text",
    [
        '{"session": {"voice": "ash"}}',
        '{"type": "session.update", "event_id": "e", "session": {"voice": "ash"}}',
        '{"type": "session.created", "session": {"voice": "ash"}}',
        'type = "session.update"\n[session]\nvoice = "ash"',
    ],
)
def test_an_event_around_the_session_is_taken_off(text: str) -> None:
    checked = check_session(read_session_text(text, "x"))
    assert checked.session == {"type": "realtime", "audio": {"output": {"voice": "ash"}}}


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "transcription_session.update", "session": {"include": []}}',
        '{"session": {"voice": "ash"}, "expires_after": {"seconds": 60}}',
        '{"session": "ash"}',
    ],
)
def test_a_wrapper_that_says_more_stays_for_the_check(text: str) -> None:
    assert "session" in read_session_text(text, "x")


@each(
    ("text", "name", "place", "hint"),
    [
        ('{\n  "voice": "ash"\n  "speed": 1\n}', "a.json", "a.json, line 3, column 3", "comma"),
        ("{\n  // x\n  voice: 1}", "a.json", "a.json, line 3, column 3", "double quotes"),
        ("{\n 'voice': 1}", "a.json", "line 2, column 2", "double quotes"),
        ('{"voice": “ash”}', "a.json", "line 1, column 11", "straight double quotes"),
        ('{"a": True}', "a.json", "line 1, column 7", "true, false and null"),
        ('{"a": 1', "a.json", "line 1, column 8", "too early"),
        ('{"a": 1} {"b": 2}', "a.json", "line 1, column 10", "TOML"),
        ('{"a": /* never closed 1}', "a.json", "line 1, column 7", "JSON"),
        ('{"a": 1, "a": 2}', "a.json", '"a" is given twice', "correct it"),
        ('{"a": NaN}', "a.json", "NaN is no number", "correct it"),
        ("[1, 2]", "a.json", "holds no object", "a session is written"),
        ("voice = ash", "a.toml", "a.toml, line 1, column 9", "TOML"),
        ('voice = "ash"\nvoice = "sage"', "a.toml", "line 2, column 15", "TOML"),
        ("just some words", "-", "line 1, column 6", "does not begin with {"),
        ("", "a.json", "a.json is empty", "at least"),
        (" \n```\n```\n", "a.json", "is empty", "at least"),
        ('{"a":' * 50_000, "a.json", "nested too deep", "right file"),
        ('{"a": ' + "9" * 6000 + "}", "a.json", "a.json: ", "correct it"),
        ("x" * (MAX_LENGTH + 1), "big.json", "longer than a million", "right file"),
    ],
)
def test_a_slip_is_named_with_its_place_and_the_next_step(text: str, name: str, place: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_session_text(text, name)
    assert place in caught.value.message
    assert hint in caught.value.hint


def test_the_place_is_right_behind_comments_and_fences() -> None:
    with pytest.raises(ConfigError, match="line 5, column 8"):
        read_session_text('```json\n{ /* one\n two */\n// three\n  "a": oops\n}\n```', "x")


@given(
    st.text(max_size=40) | st.text(alphabet='{}[]":,/*#\n a1=`.', max_size=40),
    st.sampled_from(["a.json", "a.toml", "-"]),
)
def test_any_text_is_read_or_refused_in_words(text: str, name: str) -> None:
    try:
        assert isinstance(read_session_text(text, name), dict)
    except ConfigError as error:
        assert error.message and error.hint


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"' + '\\"' * 30_000,
        "{" + "/*" * 30_000,
        "{" + ",".join(f'"{n}": 1' for n in range(30_000)) + ', "29999": 2}',
        ".".join(["a"] * 30_000) + " = 1",
        "[" + ".".join(["a"] * 30_000) + "]",
    ],
    ids=["escaped quotes", "comments", "a late duplicate", "a long key", "a long table"],
)
def test_a_hostile_file_is_refused_in_a_moment(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError):
        read_session_text(text, "the file")
    assert time.process_time() - began < 3.0
