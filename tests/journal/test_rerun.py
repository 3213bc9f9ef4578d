"""What was said can be told again from a tape, with its start or without it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.random_talk import POLICIES
from tests.support.script import Recipe, conversation, created, done, transcribed
from tests.support.tapes import tape_of, write_lines
from voicechat.core import events as on
from voicechat.core.state import State, Wishes
from voicechat.journal.rerun import last_state, rerun
from voicechat.journal.tape import Tape, read_tape

TALK: list[tuple[float, Recipe]] = [
    (0.0, lambda state, now: on.ConnectWanted()),
    (0.1, lambda state, now: on.LineOpened(1, configured=True)),
    (0.5, lambda state, now: on.TextEntered("Is it raining?")),
    (0.2, lambda state, now: created("r1")),
    (0.2, lambda state, now: transcribed("u1", "Hello there")),
    (0.5, lambda state, now: done("r1")),
]


def recorded(folder: Path) -> Tape:
    begin = State(wishes=Wishes(dialect="ga"))
    return tape_of(conversation(TALK, POLICIES[0], begin), begin, POLICIES[0], folder)


def words_of(tape: Tape) -> list[str]:
    past = last_state(tape)
    assert past is not None
    return [turn.text for turn in past.state.conversation.turns if turn.text]


def test_a_tape_tells_what_was_typed_and_said(tmp_path: Path) -> None:
    assert words_of(recorded(tmp_path)) == ["Is it raining?", "Hello there"]


def test_times_grow_and_states_are_those_of_the_talk(tmp_path: Path) -> None:
    pasts = list(rerun(recorded(tmp_path)))
    assert [past.t for past in pasts] == sorted(past.t for past in pasts)
    assert pasts[0].state.connection.phase == "connecting"


def test_without_its_start_the_wire_tells_the_story(tmp_path: Path) -> None:
    tape = recorded(tmp_path)
    lines = [json.loads(line) for line in tape.events_file.read_text().splitlines()]
    del lines[0]["start"]
    write_lines(tape.events_file, [line for line in lines if "input" not in line])
    assert words_of(read_tape(tmp_path)) == ["Hello there"]
