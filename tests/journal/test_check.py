"""A tape says everything that is needed to take every decision of the core again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.random_talk import POLICIES, SCRIPTS
from tests.support.script import Recipe, conversation
from tests.support.tapes import STARTED_AT, tape_of, write_lines
from voicechat.core.events import ConnectWanted, LineOpened
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, State, Wishes
from voicechat.errors import TapeError
from voicechat.journal.rerun import check
from voicechat.journal.tape import EVENTS_FILE, Tape, read_tape

WISHES = Wishes(session={"type": "realtime", "model": "m", "audio": {"input": {"turn_detection": None}}}, greeting="Hi")
BEGINNINGS = [State(wishes=WISHES), State(wishes=Wishes(dialect="ga"), choices=Choices(turn_mode="push-to-talk"))]
OPENING: list[tuple[float, Recipe]] = [
    (0.0, lambda state, now: ConnectWanted()),
    (0.1, lambda state, now: LineOpened(state.connection.number, configured=True)),
]


@settings(derandomize=True)
@given(SCRIPTS, st.sampled_from(POLICIES), st.sampled_from(BEGINNINGS))
def test_a_tape_of_any_conversation_runs_again_without_a_difference(
    recipes: list[tuple[float, Recipe]], policy: TurnPolicy, begin: State
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        moments = list(conversation([*OPENING, *recipes], policy, begin))
        checked = check(tape_of(moments, begin, policy, Path(folder)))
    assert checked.difference is None
    assert checked.inputs == len(moments)
    assert checked.effects == sum(len(moment.result.effects) for moment in moments)


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    """A short talk: connect, and the greeting is asked for."""
    policy = POLICIES[0]
    return tape_of(conversation(OPENING, policy, BEGINNINGS[0]), BEGINNINGS[0], policy, tmp_path)


def lines_of(tape: Tape) -> list[dict[str, object]]:
    return [json.loads(line) for line in tape.events_file.read_text().splitlines()]


def test_the_first_decision_that_differs_is_named_with_its_line(tape: Tape) -> None:
    lines = lines_of(tape)
    changed = next(number for number, line in enumerate(lines) if "effect" in line)
    lines[changed]["effect"] = {"type": "OpenMic", "pre_roll": 9.0}
    write_lines(tape.events_file, lines)
    difference = check(read_tape(tape.folder)).difference
    assert difference is not None
    assert "input" in lines[difference.line - 1]
    assert difference.recorded[0] == {"type": "OpenMic", "pre_roll": 9.0}
    assert difference.now[0]["type"] == "Connect"


def test_a_tape_that_was_cut_by_a_crash_is_checked_as_far_as_it_goes(tape: Tape) -> None:
    text = tape.events_file.read_bytes()
    tape.events_file.write_bytes(text[: text.rindex(b'"effect"') + 12])
    checked = check(read_tape(tape.folder))
    assert checked.difference is None
    assert checked.is_cut


def test_what_is_no_tape_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="cannot read"):
        read_tape(tmp_path)
    write_lines(tmp_path / EVENTS_FILE, [{"t": 0, "dir": "in", "event": {}}])
    with pytest.raises(TapeError, match="is not a tape"):
        read_tape(tmp_path)


def test_a_tape_of_a_newer_version_is_not_guessed_at(tmp_path: Path) -> None:
    write_lines(tmp_path / EVENTS_FILE, [{"tape": 3, "started_at": STARTED_AT}])
    with pytest.raises(TapeError, match="newer voicechat"):
        read_tape(tmp_path)


def test_lines_that_nobody_can_read_are_passed_over(tape: Tape) -> None:
    whole = [entry.data for entry in tape.entries()]
    text = tape.events_file.read_bytes().split(b"\n", 1)
    tape.events_file.write_bytes(text[0] + b"\n\xff\xfe nonsense\n[1]\n{}\n" + text[1])
    assert [entry.data for entry in read_tape(tape.folder).entries()] == whole


def test_a_tape_without_its_start_can_be_looked_at_but_not_run(tape: Tape) -> None:
    lines = lines_of(tape)
    del lines[0]["start"]
    write_lines(tape.events_file, lines)
    assert list(read_tape(tape.folder).entries())
    with pytest.raises(TapeError, match="does not say how its session started"):
        check(read_tape(tape.folder))
