"""Numbers between words and digits: "one hundred and five" is 105, "two and a half" is 2.5, and 84.0 is said "84"."""

from __future__ import annotations

import re
from fractions import Fraction

_SMALL = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen "
        "eighteen nineteen".split()
    )
} | {"nought": 0, "oh": 0}
_TENS = {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
} | {"fourty": 40}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": Fraction(1, 2), "quarter": Fraction(1, 4), "third": Fraction(1, 3)}
_DIGITS = re.compile(r"\d+(?:\.\d+)?")

HOMOPHONES = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "ate": 8, "sex": 6, "tree": 3, "free": 3, "tin": 10}
"""What the recogniser writes for numbers; only to be believed where a number must stand."""

_DECIMALS = 6
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
    return _DECIMALS if abs(value) < 1 else 4


def with_digits(words: list[str]) -> list[str]:
    """The same words, with each number phrase replaced by one word of digits."""
    out, at = [], 0
    while at < len(words):
        found = number_at(words, at)
        if found is None:
            out.append(words[at])
            at += 1
        else:
            value, at = found
            out.append(_plain(value))
    return out


def number_at(words: list[str], at: int) -> tuple[Fraction, int] | None:
    """The number phrase that begins at this word, and where it ends; None if there is none."""
    found = _whole(words, at)
    if found is None:
        if words[at] == "point" and (decimals := _decimals(words, at + 1)):
            return decimals
        return None
    value, end = found
    if _word(words, end) == "point" and (decimals := _decimals(words, end + 1)):
        return value + decimals[0], decimals[1]
    if _word(words, end) == "and" and _word(words, end + 1) in ("a", "1", "one", "three", "3"):
        part = _PARTS.get(_word(words, end + 2).removesuffix("s"))
        if part is not None:
            return value + part * (3 if _word(words, end + 1) in ("three", "3") else 1), end + 3
    return value, end


def _whole(words: list[str], at: int) -> tuple[Fraction, int] | None:
    """ "two million three hundred thousand and five", also with digits in it ("3 hundred", "2.5 million")."""
    total, end = Fraction(0), at
    group: Fraction | None = None
    while end < len(words):
        word = words[end]
        if word in _SCALES and (group is not None):
            total, group, end = total + group * _SCALES[word], None, end + 1
        elif group is None and (step := _group(words, end, first=end == at)) is not None:
            group, end = step
        elif word == "and" and end > at and group is None and _joins(words, end + 1):
            end += 1
        else:
            break
    if end == at:
        return None
    return total + (group or 0), end


def _joins(words: list[str], after: int) -> bool:
    """Whether an "and" belongs to the number: it does after thousand or million, before a smaller number."""
    return (step := _group(words, after, first=False)) is not None and step[0] < 1000


def _group(words: list[str], at: int, *, first: bool) -> tuple[Fraction, int] | None:
    """A number below a thousand ("a hundred and five"), or digits."""
    word, after = _word(words, at), _word(words, at + 1)
    if word in ("a", "an") and first and after in ("hundred", "dozen", *_SCALES):
        return (Fraction(1), at + 1) if after in _SCALES else _hundreds(words, Fraction(1), at + 1)
    if word == "hundred" and first:
        return _hundreds(words, Fraction(1), at)
    if _DIGITS.fullmatch(word):
        return _hundreds(words, Fraction(word), at + 1)
    if word in _SMALL and word != "oh":
        return _hundreds(words, Fraction(_SMALL[word]), at + 1)
    if word in _TENS:
        unit = _SMALL.get(after, 0)
        return (Fraction(_TENS[word] + unit), at + 2) if 0 < unit < 10 else (Fraction(_TENS[word]), at + 1)
    return None


def _hundreds(words: list[str], value: Fraction, at: int) -> tuple[Fraction, int]:
    if _word(words, at) == "dozen":
        return value * 12, at + 1
    if _word(words, at) != "hundred":
        return value, at
    value, at = value * 100, at + 1
    skip = 1 if _word(words, at) == "and" else 0
    rest = _group(words, at + skip, first=False)
    if rest is not None and rest[0] < 100:
        return value + rest[0], rest[1]
    return value, at


def _decimals(words: list[str], at: int) -> tuple[Fraction, int] | None:
    """ "one four" after "point" is .14; so are "14" and "fourteen"."""
    digits, end = "", at
    while end < len(words):
        word = words[end]
        if word.isdigit():
            digits += word
        elif word in _SMALL:
            digits += str(_SMALL[word])
        elif word in _TENS:
            digits += str(_TENS[word] + _SMALL.get(_word(words, end + 1), 0))
            end += 1 if _word(words, end + 1) in _SMALL else 0
        else:
            break
        end += 1
    return (Fraction(f"0.{digits}"), end) if digits else None


def _word(words: list[str], at: int) -> str:
    return words[at] if 0 <= at < len(words) else ""


def _plain(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.10f}".rstrip("0").rstrip(".")
