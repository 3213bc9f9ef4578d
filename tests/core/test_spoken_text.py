"""Where a text is split into heard and unheard: between words, and never inside a character."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.core.spoken_text import heard_length, learned_rate, weight

TEXTS = st.text(alphabet="ab .,窓際のをお。「」é\u0301👩\u200d🚀🇩🇪\ufe0fก\n", max_size=60)


def heard(text: str, seconds: float, rate: float = 15.0) -> str:
    return text[: heard_length(text, seconds, rate)]


def test_nothing_is_heard_before_the_first_sound() -> None:
    assert heard("Hello there", 0.0) == ""
    assert heard("Hello there", -1.0) == ""


def test_the_word_being_spoken_counts_as_heard() -> None:
    assert heard("Hello there", 0.01) == "Hello"
    assert heard("Hello there", 5 / 15) == "Hello"
    assert heard("Hello there", 6.5 / 15) == "Hello there"


def test_a_language_without_blanks_is_split_between_its_characters_and_marks_stay_with_them() -> None:
    assert heard("窓際の席を二人で。お願いします。", 1.0) == "窓際の席を二"
    assert heard("二人で。お願い", 3 * 2.5 / 15) == "二人で。"
    assert heard("二「人」で", 1 * 2.5 / 15) == "二"


@each("character", ["e\u0301", "👩\u200d🚀", "🇩🇪", "👍🏽", "❤\ufe0f"])
def test_no_character_is_torn_apart(character: str) -> None:
    text = character * 40
    for tenths in range(1, 200):
        assert len(heard(text, tenths / 10)) % len(character) == 0


def test_a_long_run_without_breaks_still_flows() -> None:
    assert 0 < len(heard("ก" * 200, 2.0)) < 60


def test_wide_characters_take_longer_to_say() -> None:
    assert weight("ab") == 2.0
    assert weight("窓際") == 5.0


def test_the_rate_moves_halfway_to_what_an_answer_showed() -> None:
    assert learned_rate(15.0, "x" * 50, 5.0) == pytest.approx(12.5)


@each(("text", "seconds"), [("x" * 50, 0.2), ("   ", 5.0)])
def test_answers_that_prove_nothing_teach_nothing(text: str, seconds: float) -> None:
    assert learned_rate(15.0, text, seconds) == 15.0


def test_one_odd_answer_cannot_spoil_the_rate() -> None:
    assert learned_rate(15.0, "x" * 100_000, 2.0) <= 40.0
    assert learned_rate(15.0, "x", 1000.0) >= 4.0


@given(TEXTS, st.floats(0, 20), st.floats(0, 20), st.floats(4, 40))
def test_what_was_heard_never_becomes_less(text: str, one: float, other: float, rate: float) -> None:
    early, late = sorted((one, other))
    assert 0 <= heard_length(text, early, rate) <= heard_length(text, late, rate) <= len(text)
