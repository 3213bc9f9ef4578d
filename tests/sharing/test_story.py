"""A tape is told as who said what, when, and how much of it was heard."""

from __future__ import annotations

from pathlib import Path

from tests.support.tapes import opening, told_tape, turn
from voicechat.sharing.story import story_of
from voicechat.sharing.texts import as_subtitles, as_text

ANSWER = "Nothing much is new, and that is all there is to it."


def test_a_cut_answer_is_split_where_it_was_heard(tmp_path: Path) -> None:
    story = story_of(told_tape(tmp_path, [*opening(), *turn(1, "What is new?", ANSWER, cut=True)]))
    you, answer = story.lines
    assert (you.who, you.text, you.heard) == ("you", "What is new?", len("What is new?"))
    assert answer.cut_by == "barge-in"
    assert answer.said + answer.unheard == ANSWER
    assert answer.said and answer.unheard


def test_times_are_those_of_the_sound(tmp_path: Path) -> None:
    tape = told_tape(tmp_path, [*opening(), *turn(1, "Hello", "Hi.")])
    you, answer = story_of(tape).lines
    audible = next(entry.t for entry in tape.entries() if entry.data.get("type") == "assistant.audible")
    assert answer.t == audible
    assert you.t < you.until < answer.t < answer.until
    assert answer.latency is not None and abs(answer.latency - (audible - you.until)) < 1e-6


def test_speech_of_which_nothing_was_understood_is_told(tmp_path: Path) -> None:
    story = story_of(told_tape(tmp_path, [*opening(), *turn(1, "", "I did not hear you.")]))
    assert [line.who for line in story.lines] == ["you", "assistant"]
    assert "You:       …" in as_text(story)
    assert "You:" not in as_subtitles(story)


def test_an_empty_tape_is_an_empty_story(tmp_path: Path) -> None:
    assert story_of(told_tape(tmp_path, [])).lines == ()
