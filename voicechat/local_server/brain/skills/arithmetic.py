"""Sums, spoken: "what is twelve times seven", "15 percent of 80", "the square root of 2", "105 minus twenty".

A sum is only taken when every word of the utterance belongs to it; a sentence that merely holds numbers is not a sum.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from voicechat.local_server.brain.numbers import HOMOPHONES, as_digits, is_exact
from voicechat.local_server.brain.skill import Ask, Reply, say

_LARGEST = 10**18
_LARGEST_POWER = 64

_REWRITES = tuple(
    (re.compile(rf"(?<!\S)(?:{pattern})(?!\S)"), words)
    for pattern, words in (
        (
            r"what(?: is|s| are| does| do| would| will)?|how much(?: is| are| does| do)?|calculate|compute"
            r"|work out|solve",
            " ",
        ),
        (r"tell me|give me|can you do|do the math|figure out|if (?:i|you)|do (?:i|you) get|you get|i get", " "),
        (r"the (?:result|answer|value) (?:of|to)|equals?|equal to|is equal to|makes?|come to|altogether|again", " "),
        (r"add (\S+) (?:and|to|plus) (\S+)|(?:the )?sum of (\S+) (?:and|plus) (\S+)", r"\1\3 + \2\4"),
        (r"(?:subtract|take(?: away)?|deduct) (\S+) (?:away )?from (\S+)", r"\2 - \1"),
        (r"(?:the )?difference (?:between|of) (\S+) and (\S+)", r"\1 - \2"),
        (r"(?:multiply (\S+) (?:by|and|with|times|\*)|(?:the )?product of (\S+) and) (\S+)", r"\1\2 * \3"),
        (r"divide (\S+) (?:by|into) (\S+)", r"\1 / \2"),
        (r"(?:percent|%) off(?: of)?", "% off"),
        (r"(\S+) (?:percent|%) tip (?:on|for|of)", r"\1 % of"),
        (r"(\S+) (?:factorial|!)", r"factorial \1"),
        (r"(?:the )?factorial of", "factorial"),
        (r"(?:the )?square ?root(?: of| for)?|(?:the )?root of|√", "sqrt"),
        (r"(?:the )?cube(?:d)? root of", "cbrt"),
        (r"(?:to the )?(?:power|powers) (?:of|off|to)|raised? to(?: the)?(?: power)?(?: of)?|to the power|\* \*", "^"),
        (r"(?:the )?square of (\S+)", r"\1 ^ 2"),
        (r"(?:the )?cube of (\S+)", r"\1 ^ 3"),
        (r"squared|²", "^ 2"),
        (r"cubed|³", "^ 3"),
        (r"to the (\d+)(?:st|nd|rd|th)(?: power)?", r"^ \1"),
        (r"to the third(?: power)?", "^ 3"),
        (r"to the fourth(?: power)?", "^ 4"),
        (r"to the fifth(?: power)?", "^ 5"),
        (r"(\d+) halves of", r"\1 / 2 of"),
        (r"(\d+) thirds of", r"\1 / 3 of"),
        (r"(\d+) (?:quarters|fourths) of", r"\1 / 4 of"),
        (r"(\d+) fifths of", r"\1 / 5 of"),
        (r"multiplied (?:by|with)|time|times|x|×", "*"),
        (r"divided (?:by|through)|over|slash|÷", "/"),
        (r"plus|added to|add|positive", "+"),
        (r"minus|less|subtract|take away|negative", "-"),
        (r"modulo|modulus|mod|remainder of", "mod"),
        (r"percents?|per cent", "%"),
        (r"(?:a|1|the)? ?half of", "0.5 of"),
        (r"(?:a|1|the)? ?third of", "1 / 3 of"),
        (r"(?:a|1)? ?quarter of", "0.25 of"),
        (r"twice|double", "2 *"),
        (r"triple", "3 *"),
        (r"open(?:ing)? (?:bracket|parenthesis|parentheses)", "("),
        (r"clos(?:e|ing) (?:bracket|parenthesis|parentheses)", ")"),
        (r"the|a|number|is|=", " "),
    )
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OPERATORS = frozenset("+ - * / ^ mod of off % sqrt cbrt factorial".split())


class _NotASum(Exception):
    """The words are not an expression."""


class _NoAnswer(Exception):
    """It is a sum, but it has no answer that we could say; the argument is the sentence that says why."""


def arithmetic(ask: Ask) -> Reply | None:
    """Answer a sum exactly, or say "about"."""
    tokens = sum_in(ask.heard.line)
    if tokens is None:
        return None
    try:
        value = _Parser(tokens).parse()
    except _NotASum:
        return None
    except _NoAnswer as reason:
        return say(str(reason))
    return say(f"{_read(tokens)} is {'' if is_exact(value) else 'about '}{as_digits(value)}.")


def sum_in(line: str) -> list[str] | None:
    """The expression as tokens (numbers, `+ - * / ^ mod of off % sqrt cbrt factorial ( )`); None if it is none."""
    for pattern, words in _REWRITES:
        line = pattern.sub(words, line)
    tokens = _with_homophones(line.split())
    known = all(_NUMBER.fullmatch(token) or token in _OPERATORS or token in "()" for token in tokens)
    numbers = sum(bool(_NUMBER.fullmatch(token)) for token in tokens)
    has_operator = any(token in _OPERATORS for token in tokens)
    return tokens if known and numbers and has_operator and len(tokens) <= 60 else None


def _with_homophones(tokens: list[str]) -> list[str]:
    """ "four plus to" holds a 2 where a number must stand; "for" at the start likewise."""
    out: list[str] = []
    for at, token in enumerate(tokens):
        wanted = not out or out[-1] in _OPERATORS - {"%", "of"}
        followed = at + 1 == len(tokens) or tokens[at + 1] in _OPERATORS
        out.append(str(HOMOPHONES[token]) if token in HOMOPHONES and wanted and followed else token)
    return out


@dataclass
class _Parser:
    """Recursive descent: sums of products of powers; `of` after a percentage or fraction multiplies."""

    tokens: list[str]
    at: int = 0

    def parse(self) -> Fraction:
        value = self._sum()
        if self.at != len(self.tokens):
            raise _NotASum
        return value

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._next()
        if token not in wanted:
            return ""
        self.at += 1
        return token

    def _sum(self) -> Fraction:
        value = self._product()
        while operator := self._take("+", "-"):
            before = self.at
            other = self._product()
            if self.at == before + 2 and self.tokens[before + 1] == "%":
                other = value * other  # "50 plus 10 percent": of the 50
            value = value + other if operator == "+" else value - other
            _check_size(value)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while operator := self._take("*", "/", "mod", "of", "off"):
            value = _combined(operator, value, self._signed())
            _check_size(value)
        return value

    def _signed(self) -> Fraction:
        if self._take("-"):
            return -self._signed()
        self._take("+")
        return self._power()

    def _power(self) -> Fraction:
        base = self._atom()
        while self._take("%"):
            base /= 100
        if not self._take("^"):
            return base
        return _power(base, self._signed())

    def _atom(self) -> Fraction:
        token = self._next()
        self.at += 1
        if token == "(":
            value = self._sum()
            if not self._take(")"):
                raise _NotASum
            return value
        if token in ("sqrt", "cbrt", "factorial"):
            self._take("of")
            return _function(token, self._signed())
        if not _NUMBER.fullmatch(token):
            raise _NotASum
        return Fraction(token)


def _combined(operator: str, left: Fraction, right: Fraction) -> Fraction:
    if operator in ("/", "mod"):
        if right == 0:
            raise _NoAnswer("Nothing can be divided by zero.")
        return left / right if operator == "/" else left % right
    return right * (1 - left) if operator == "off" else left * right


def _function(name: str, value: Fraction) -> Fraction:
    if name == "factorial":
        if value.denominator != 1 or not 0 <= value <= 20:
            raise _NoAnswer("I only work out factorials of whole numbers up to 20.")
        return Fraction(math.factorial(int(value)))
    if name == "cbrt":
        root = round(abs(float(value)) ** (1 / 3))
        exact = root**3 == abs(value)
        size = Fraction(root) if exact else Fraction(abs(float(value)) ** (1 / 3))
        return size if value >= 0 else -size
    if value < 0:
        raise _NoAnswer("A negative number has no real square root.")
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    exact = top**2 == value.numerator and bottom**2 == value.denominator
    return Fraction(top, bottom) if exact else Fraction(math.sqrt(value))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise _NoAnswer("Nothing can be divided by zero.")
    if abs(exponent) > _LARGEST_POWER:
        raise _NoAnswer("That power is too large for me.")
    if exponent.denominator == 1:
        value = base**exponent.numerator
    elif base < 0:
        raise _NoAnswer("A negative number has no real root.")
    else:
        value = Fraction(float(base) ** float(exponent))
    _check_size(value)
    return value


def _check_size(value: Fraction) -> None:
    if abs(value) > _LARGEST:
        raise _NoAnswer("The result is too large for me to say.")


def _read(tokens: list[str]) -> str:
    """The expression in words, as it was understood: the listener can hear what was misheard."""
    names = {
        "*": "times", "/": "divided by", "+": "plus", "-": "minus", "^": "to the power of", "mod": "modulo",
        "%": "percent", "sqrt": "the square root of", "cbrt": "the cube root of", "factorial": "the factorial of",
        "(": "bracket", ")": "close bracket",
    }  # fmt: skip
    words = [names.get(token, as_digits(Fraction(token)) if _NUMBER.fullmatch(token) else token) for token in tokens]
    text = re.sub(r"to the power of 2$", "squared", " ".join(words))
    text = (
        text.replace("0.5 of", "half of").replace("0.25 of", "a quarter of").replace("1 divided by 3 of", "a third of")
    )
    return text[:1].upper() + text[1:]
