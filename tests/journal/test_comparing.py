"""Two talks are laid side by side: which turns belong together, and what differs in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tapes import opening, told_tape, turn
from voicechat.journal import comparing
from voicechat.journal.comparing import WIDTH, Comparison, compare, in_words, summed_up, word_diff
from voicechat.journal.past_talk import PastTalk, read_talk
from voicechat.protocol.wire import JsonValue

FIRST = turn(1, "What is the capital of France", "The capital of France is Paris.")
SECOND = turn(2, "How many people live there", "About two million people live in Paris.")
THIRD = turn(3, "Thank you and goodbye", "Goodbye, it was a pleasure.")


def talk(folder: Path, *recipes: object, session: dict[str, JsonValue] | None = None) -> PastTalk:
    steps = [*opening(session)]
    for recipe in recipes:
        assert isinstance(recipe, list)
        steps += recipe
    return read_talk(told_tape(folder, steps).folder)


def differing(comparison: Comparison) -> list[tuple[int | None, int | None]]:
    return [(pair.number_a, pair.number_b) for pair in comparison.pairs if not pair.is_equal]


def test_a_talk_equals_itself(tmp_path: Path) -> None:
    one = talk(tmp_path, FIRST, SECOND)
    comparison = compare(one, one, 0.0)
    assert comparison.is_equal
    assert summed_up(comparison) == "2 turns compared · equal"


def test_a_turn_that_only_one_has_does_not_shift_the_others(tmp_path: Path) -> None:
    a, b = talk(tmp_path / "a", FIRST, SECOND, THIRD), talk(tmp_path / "b", FIRST, THIRD)
    comparison = compare(a, b, 0.2)
    assert [(pair.number_a, pair.number_b) for pair in comparison.pairs] == [(0, 0), (1, 1), (2, None), (3, 2)]
    assert differing(comparison) == [(2, None)]


def test_a_long_talk_is_held_together_by_the_turns_that_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_CELLS", 0)
    a, b = talk(tmp_path / "a", FIRST, SECOND, THIRD), talk(tmp_path / "b", SECOND, THIRD)
    assert [(pair.number_a, pair.number_b) for pair in compare(a, b, 0.2).pairs] == [(0, 0), (1, None), (2, 1), (3, 2)]


def test_other_words_are_marked_and_capitals_are_not_words() -> None:
    parts = word_diff("The capital is Paris, I think", "the capital is Lyon I think")
    assert [(part.kind, part.text) for part in parts] == [
        ("same", "the capital is"),
        ("a", "Paris,"),
        ("b", "Lyon"),
        ("same", "I think"),
    ]


def test_a_slower_answer_is_seen_in_the_step_that_took_longer(tmp_path: Path) -> None:
    slow = turn(1, "What is the capital of France", "The capital of France is Paris.", thinks=1.5)
    comparison = compare(talk(tmp_path / "a", FIRST), talk(tmp_path / "b", slow), 0.2)
    marked = {timing.name: round((timing.b or 0) - (timing.a or 0), 2) for timing in comparison.pairs[1].timings}
    late = {name for name, by in marked.items() if by}
    assert late == {"answer created", "first words", "first sound"}
    assert marked["answer created"] == 1.2
    assert not comparison.is_equal
    assert compare(talk(tmp_path / "c", FIRST), talk(tmp_path / "d", slow), 1.5).is_equal


def test_a_cut_answer_and_its_events_are_told(tmp_path: Path) -> None:
    cut = turn(1, "What is the capital of France", "The capital of France is Paris.", cut=True)
    pair = compare(talk(tmp_path / "a", FIRST), talk(tmp_path / "b", cut), 0.2).pairs[1]
    assert (pair.cut_a, pair.cut_b) == ("", "barge-in")
    assert "output_audio_buffer.stopped" in dict(pair.missing)
    assert "barge_in.happened" in dict(pair.extra)


def test_events_in_another_order_are_told_and_make_no_difference(tmp_path: Path) -> None:
    raced = [FIRST[0], FIRST[1], FIRST[2], FIRST[3], FIRST[5], FIRST[4], *FIRST[6:]]
    comparison = compare(talk(tmp_path / "a", FIRST), talk(tmp_path / "b", raced), 0.5)
    assert comparison.pairs[1].moved
    assert comparison.is_equal


def test_settings_that_differ_are_named_by_their_path(tmp_path: Path) -> None:
    a = talk(tmp_path / "a", FIRST, session={"audio": {"output": {"voice": "marin", "speed": 1.0}}})
    b = talk(tmp_path / "b", FIRST, session={"audio": {"output": {"voice": "cedar", "speed": 1.0}}})
    assert compare(a, b, 0.2).configuration == (("session.audio.output.voice", '"marin"', '"cedar"'),)


def test_it_reads_within_80_columns_and_colours_only_when_asked(tmp_path: Path) -> None:
    other = turn(
        1, "What is the capital of Spain", "The capital of Spain is Madrid, \x1b[31mof course\x1b[0m.", thinks=2
    )
    a, b = talk(tmp_path / "a", FIRST, SECOND), talk(tmp_path / "b", other, SECOND, THIRD)
    comparison = compare(a, b, 0.2)
    told = in_words(a, b, comparison, ("a" * 60, "b"), colors=False)
    assert max(map(len, told.splitlines())) <= WIDTH
    assert "\x1b" not in told
    assert "[-France-] {+Spain+}" in told
    assert "   turn 2: equal" in told
    assert "▲ +1.70" in told
    assert "+ you       Thank you and goodbye" in told
    assert "\x1b[32m{+Spain+}\x1b[0m" in in_words(a, b, comparison, ("a", "b"), colors=True)
