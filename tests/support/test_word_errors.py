"""Word errors are counted as a person would count them."""

from __future__ import annotations

import pytest

from tests.support.word_errors import spoken_words, word_errors


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("ten of clubs", "Ten of clubs.", 0),
        ("ten of clubs", "10 of clubs", 0),
        ("two nine three four zero", "29340.", 0),
        ("and mister john dashwood", "And Mr. John Dashwood", 0),
        ("five five", "five", 1),
        ("five five", "five five five", 1),
        ("seven of clubs", "heaven of clubs", 1),
        ("go forward ten meters", "", 4),
        ("", "you", 1),
        ("ask what you can do", "what can you do", 3),
    ],
)
def test_the_errors_of_a_sentence(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard) == errors


def test_an_apostrophe_makes_no_second_word() -> None:
    assert spoken_words("He's not ill-disposed.") == ["hes", "not", "ill", "disposed"]
