"""`voicechat explain` answers with a sentence, lists what there is, and knows what was meant."""

from __future__ import annotations

import json

from tests.support.command import Ran, here


def explain(*arguments: str) -> Ran:
    return here("explain", *arguments)


def test_an_event_is_explained_in_three_lines() -> None:
    result = explain("response.done")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "response.done  (server event)"
    assert lines[1].startswith("  An answer has ended")
    assert lines[2].startswith("  → ") and len(lines) == 3


def test_a_beta_name_says_what_it_is_called_today() -> None:
    result = explain("response.audio.delta")
    assert "response.output_audio.delta" in result.out
    assert "response.audio.delta is another spelling" in result.out


def test_json_has_every_part() -> None:
    told = json.loads(explain("input_audio_buffer_commit_empty", "--json").out)
    assert set(told) == {"name", "kind", "meaning", "next", "note"}
    assert told["kind"] == "error"


def test_without_a_word_everything_is_listed() -> None:
    listed = explain().out.splitlines()
    assert listed[0] == "Topics" and "What a service says" in listed
    assert {"  session.created", "  mic.closed", "  mic-silent", "  401"} <= set(listed)
    assert len(json.loads(explain("--json").out)) > 250


def test_an_unknown_word_ends_with_status_2_and_the_nearest_names() -> None:
    result = explain("response.dome")
    assert result.code == 2
    assert not result.out
    assert "did you mean response.done" in result.err


def test_a_hostile_word_never_reaches_the_terminal() -> None:
    result = explain("\x1b]52;c;AAAA\x07evil")
    assert result.code == 2
    assert "\x1b" not in result.err and "\x07" not in result.err


def test_an_unknown_word_in_json_is_json_too() -> None:
    result = explain("response.dome", "--json")
    assert result.code == 2
    assert "response.done" in json.loads(result.out)["nearest"]
