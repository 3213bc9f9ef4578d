"""`voicechat diff` ends like `diff` does: 0 equal, 1 different, 2 unreadable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Ran, here
from tests.support.tapes import opening, told_tape, turn


def diff(*arguments: str | Path) -> Ran:
    return here("diff", *map(str, arguments))


@pytest.fixture
def tapes(tmp_path: Path) -> tuple[Path, Path]:
    """Two talks that differ in a word."""
    for name, word in (("a", "France"), ("b", "Spain")):
        told_tape(tmp_path / name, [*opening(), *turn(1, f"The capital of {word}", "I do not know.")])
    return tmp_path / "a", tmp_path / "b"


def test_a_talk_against_itself_is_equal(tapes: tuple[Path, Path]) -> None:
    result = diff(tapes[0], tapes[0])
    assert result.code == 0
    assert result.out.splitlines()[-1] == "1 turn compared · equal"


def test_a_word_makes_a_difference(tapes: tuple[Path, Path]) -> None:
    result = diff(*tapes)
    assert result.code == 1
    assert "[-France-] {+Spain+}" in result.out
    assert "\x1b" not in result.out


def test_json_says_where(tapes: tuple[Path, Path]) -> None:
    result = diff(*tapes, "--json")
    told = json.loads(result.out)
    assert result.code == 1 and told["equal"] is False
    assert {"in": "b", "text": "Spain"} in told["turns"][1]["you"]
    assert [timing["differs"] for timing in told["turns"][1]["timings"]] == [False] * 5


def test_a_log_of_another_client_can_be_compared_too(tapes: tuple[Path, Path], tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (tapes[0] / "session.jsonl").read_text().splitlines()]
    events = [{"time": line["t"], "event": line["event"]} for line in lines if line.get("dir") == "in"]
    log = tmp_path / "client.log"
    log.write_text("\n".join(json.dumps(event) for event in events))
    told = json.loads(diff(tapes[0], log, "--json").out)
    assert told["turns"][1]["you"] == [{"in": "same", "text": "The capital of France"}]
    assert "response.done" not in told["turns"][1]["missing_events"]


def test_what_cannot_be_read_is_a_sentence(tapes: tuple[Path, Path]) -> None:
    result = diff(tapes[0], "nowhere")
    assert result.code == 2 and "no tape nowhere" in result.err
