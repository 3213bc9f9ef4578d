"""Numbers between words and digits: "one hundred and five" is 105, "two and a half" is 2.5, and 84.0 is said "84"."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: value for value, word in enumerate(_UNITS)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": Fraction(1, 2), "quarter": Fraction(1, 4), "third": Fraction(1, 3)}
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_FULL_DIGITS = 10**15


def as_digits(number: Fraction | float | int) -> str:
    """How the number is written in an answer: 84, 2.5, 1,234,567, 0.333333; minus as a word, which voices read well."""
    value = Fraction(number)
    if value < 0:
        return f"minus {as_digits(-value)}"
    if value >= _FULL_DIGITS:
        return f"{float(value):.4g}".replace("e+", " times ten to the power of ")
    rounded = round(value, _places(value))
    if rounded.denominator == 1:
        return f"{rounded.numerator:,}" if rounded >= 10_000 else str(rounded.numerator)
    return f"{float(rounded):,.{_places(value)}f}".rstrip("0").rstrip(".")


def is_exact(number: Fraction) -> bool:
    """Whether `as_digits` shows all of it."""
    return number.denominator == 1 or round(number, _places(number)) == number


def _places(value: Fraction) -> int:
    return 6 if abs(value) < 1 else 4


def with_digits(words: list[str]) -> list[str]:
    """The same words, with each number phrase replaced by one word of digits."""
    out, at = [], 0
    ended = [*words, "", "", ""]
    while at < len(words):
        value, end = _number_at(ended, at)
        digits = str(value.numerator) if value.denominator == 1 else f"{float(value):.10f}".rstrip("0").rstrip(".")
        out.append(words[at] if end == at else digits)
        at = max(end, at + 1)
    return out


def _number_at(words: list[str], at: int) -> tuple[Fraction, int]:
    """The number phrase that begins at this word, and where it ends; where it begins if there is none.

    Three empty words end the words.
    """
    total, end = Fraction(0), at
    group: Fraction | None = None
    room: float = float("inf")
    """What may still be added must be below this: 100 behind "hundred", 10 behind "twenty"."""
    while words[end]:
        joined = words[end] == "and" and end > at and room >= 100
        word, after = words[end + joined], words[end + joined + 1]
        number = Fraction(word) if _DIGITS.fullmatch(word) else _WORDS.get(word)
        if number is None and end == at and word in ("a", "an") and after in ("hundred", *_SCALES):
            number = 1
        if number is not None and number < room:
            group, room = (group or 0) + Fraction(number), 10 if word in _TENS else 0
        elif word == "hundred" and group is not None and room != 100 and not joined:
            group, room = group * 100, 100
        elif word in _SCALES and group is not None and not joined:
            total, group, room = total + group * _SCALES[word], None, 1000
        else:
            break
        end += 1 + joined
    value = total + (group or 0)
    digits, behind = "", end + 1
    while words[end] == "point" and (word := words[behind]) and (word.isdecimal() or word in _WORDS):
        digits, behind = digits + (word if word.isdecimal() else str(_WORDS[word])), behind + 1
    if digits:
        return value + Fraction(f"0.{digits}"), behind
    if end > at and words[end : end + 2] == ["and", "a"] and words[end + 2] in _PARTS:
        return value + _PARTS[words[end + 2]], end + 3
    return value, end
