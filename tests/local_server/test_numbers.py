"""Numbers are understood in words, digits and mixtures, and answered so that a voice reads them well."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.local_server.brain.numbers import as_digits, with_digits
from voicechat.local_server.brain.partner import understood

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number: int, joiner: str) -> str:
    """The number as people say it, with or without the "and"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = f"{joiner}{in_words(number % 100, joiner)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    for scale, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if number >= scale:
            below = number % scale
            joined = f"{joiner if below < 100 else ' '}{in_words(below, joiner)}" if below else ""
            return f"{in_words(number // scale, joiner)} {name}{joined}"
    raise AssertionError(number)


@given(st.integers(0, 10**12 - 1), st.sampled_from([" and ", " "]))
def test_every_number_in_words_is_understood(number: int, joiner: str) -> None:
    assert with_digits(in_words(number, joiner).split()) == [str(number)]


@each(
    ("said", "line"),
    [
        ("one hundred and five", "105"),
        ("a hundred and twenty-five", "125"),
        ("two and a half", "2.5"),
        ("three point one four", "3.14"),
        ("point five", "0.5"),
        ("3 hundred", "300"),
        ("2.5 million", "2500000"),
        ("1,234,567", "1234567"),
        ("five and ten", "5 and 10"),
        ("two three four", "2 3 4"),
        ("an hour", "an hour"),
        ("a book", "a book"),
        ("nobody", "nobody"),
        ("3:30", "3:30"),
        ("the 2nd of may", "the 2nd of may"),
    ],
)
def test_numbers_become_digits_and_nothing_else_does(said: str, line: str) -> None:
    assert understood(said) == line


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (84, "84"),
        (Fraction(5, 2), "2.5"),
        (-3, "minus 3"),
        (1000, "1000"),
        (1234567, "1,234,567"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(100, 7), "14.2857"),
        (0, "0"),
        (10**15, "1 times ten to the power of 15"),
    ],
)
def test_numbers_are_written_for_a_voice(number: int | Fraction, text: str) -> None:
    assert as_digits(number) == text
