"""Sums, spoken: "what is twelve times seven", "15 percent of 80", "the square root of 2", "105 minus twenty".

A sum is only taken when every word of the utterance belongs to it; a sentence that merely holds numbers is not a sum.

Unit conversion: "how many kilometres are five miles", "100 fahrenheit in celsius", "two cups in millilitres".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from voicechat.local_server.brain.numbers import HOMOPHONES, as_digits, is_exact
from voicechat.local_server.brain.skill import Ask, Reply, say

_TABLE = """
length 1 metre metres meter meters m
length 1000 kilometre kilometres kilometer kilometers km kilometre's
length 0.01 centimetre centimetres centimeter centimeters cm
length 0.001 millimetre millimetres millimeter millimeters mm
length 1609.344 mile miles mi
length 0.9144 yard yards yd
length 0.3048 foot feet ft
length 0.0254 inch inches
mass 1 kilogram kilograms kilo kilos kg
mass 0.001 gram grams gramme grammes g
mass 0.000001 milligram milligrams mg
mass 1000 tonne tonnes ton tons
mass 0.45359237 pound pounds lb lbs
mass 0.028349523125 ounce ounces oz
mass 6.35029318 stone stones
volume 1 litre litres liter liters l
volume 0.001 millilitre millilitres milliliter milliliters ml
volume 0.2365882365 cup cups
volume 0.473176473 pint pints
volume 0.946352946 quart quarts
volume 3.785411784 gallon gallons
volume 0.01478676478125 tablespoon tablespoons
volume 0.00492892159375 teaspoon teaspoons
time 1 second seconds sec secs
time 60 minute minutes min mins
time 3600 hour hours
time 86400 day days
time 604800 week weeks
time 31557600 year years
speed 1 metres-per-second m/s
speed 0.44704 miles-per-hour mph
speed 0.2777777777777778 kilometres-per-hour kph
speed 0.5144444444444444 knot knots
data 1 byte bytes
data 0.125 bit bits
data 1000 kilobyte kilobytes kb
data 1000000 megabyte megabytes mb
data 1000000000 gigabyte gigabytes gb
data 1000000000000 terabyte terabytes tb
area 1 square-metre square-metres square-meter square-meters
area 10000 hectare hectares
area 4046.8564224 acre acres
area 1000000 square-kilometre square-kilometres square-kilometer square-kilometers
area 2589988.110336 square-mile square-miles
temperature 1 celsius centigrade c
temperature 1 fahrenheit f
temperature 1 kelvin kelvins
"""
"""Quantity, factor to its base unit, names: the first is said for one, the second for several."""

_IRREGULAR = {"foot": "feet", "inch": "inches", "celsius": "degrees Celsius", "fahrenheit": "degrees Fahrenheit"}
_JOINED = (
    (re.compile(r"\b(metres?|meters?) (?:per|a|an) second\b|\bm / s\b"), "metres-per-second"),
    (re.compile(r"\bmiles? (?:per|an|a) hour\b"), "miles-per-hour"),
    (re.compile(r"\b(?:kilometres?|kilometers?|km) (?:per|an|a|/) (?:hour|h)\b"), "kilometres-per-hour"),
    (re.compile(r"\bsquare (metres?|meters?|kilometres?|kilometers?|miles?)\b"), r"square-\1"),
    (re.compile(r"\bdegrees? (?=celsius|centigrade|fahrenheit|kelvin|c\b|f\b)"), ""),
    (re.compile(r"\bfluid ounces?\b"), "fluid-ounces"),
    (re.compile(r"(?<!\S)(?:minus|negative|-) ?(?=\d)"), "-"),
    (re.compile(r"\b(?:a|an) half (?:a |an )?"), "0.5 "),
    (re.compile(r"\bhalf (?:a|an) "), "0.5 "),
)


class _Unit:
    """One row of the table."""

    def __init__(self, quantity: str, factor: str, names: list[str]) -> None:
        self.quantity = quantity
        self.factor = Fraction(factor)
        self.names = names

    def after(self, value: Fraction) -> str:
        """The unit's name as it is said after this number."""
        one, many = self.names[0], self.names[1] if len(self.names) > 1 else self.names[0]
        name = _IRREGULAR.get(one, one if abs(value) == 1 or self.quantity == "temperature" else many)
        if one in ("foot", "inch") and abs(value) == 1:
            name = one
        return {"c": "degrees Celsius"}.get(name, name).replace("-", " ")


def _read_table() -> dict[str, _Unit]:
    units: dict[str, _Unit] = {}
    for row in _TABLE.strip().splitlines():
        quantity, factor, *names = row.split()
        unit = _Unit(quantity, factor, names)
        units |= dict.fromkeys(names, unit)
    return units


_UNITS = _read_table()
_NAMES = "|".join(sorted((re.escape(name) for name in _UNITS), key=len, reverse=True))
_AMOUNT = r"(?P<amount>-?\d+(?:\.\d+)?|a|an|1)"
_PATTERNS = tuple(
    re.compile(pattern.replace("UNIT", f"(?:{_NAMES})").replace("AMOUNT", _AMOUNT))
    for pattern in (
        r"how (?:many|much|long) (?P<to>UNIT) (?:is|are|or|in|and|makes?|do|does|there are|fit in|to|for|would)*"
        r"(?: there)?(?: in)?(?: be)? ?AMOUNT (?P<from>UNIT)\b",
        r"(?<!\S)AMOUNT (?P<from>UNIT) (?:is|are|equals?|makes?)? ?(?:in|into|to|as|how many|what in|2) (?P<to>UNIT)\b",
        r"(?<!\S)AMOUNT (?P<from>UNIT) (?:is|are) how (?:many|much) (?P<to>UNIT)\b",
        r"(?:what is|convert|how much is) AMOUNT (?P<from>UNIT) (?P<to>UNIT)\b",
    )
)


def units(ask: Ask) -> Reply | None:
    """Convert, when the utterance names an amount and two units."""
    line = ask.heard.line
    for pattern, words in _JOINED:
        line = pattern.sub(words, line)
    for pattern in _PATTERNS:
        if match := pattern.search(line):
            amount = match["amount"]
            value = Fraction(1) if amount in ("a", "an") else Fraction(amount)
            return say(_converted(value, _UNITS[match["from"]], _UNITS[match["to"]]))
    return None


def _converted(value: Fraction, source: _Unit, target: _Unit) -> str:
    if source.quantity != target.quantity:
        measures = f"{source.names[1].capitalize()} measure {source.quantity}, {target.names[1]} {target.quantity}"
        return f"{measures}: they do not convert."
    if source.quantity == "temperature":
        result = _temperature(value, source.names[0], target.names[0])
    else:
        result = value * source.factor / target.factor
    shown = round(result, 1) if source.quantity == "temperature" else _rounded(result)
    about = "" if shown == result and is_exact(result) else "about "
    return f"{as_digits(value)} {source.after(value)} is {about}{as_digits(shown)} {target.after(shown)}."


def _rounded(value: Fraction) -> Fraction:
    """Three significant decimals are enough to be told."""
    size = abs(value)
    return round(value, 1 if size >= 1000 else 2 if size >= 10 else 3 if size >= 1 else 6)


def _temperature(value: Fraction, source: str, target: str) -> Fraction:
    celsius = {
        "celsius": value,
        "fahrenheit": (value - 32) * 5 / 9,
        "kelvin": value - Fraction("273.15"),
    }[source]
    return {
        "celsius": celsius,
        "fahrenheit": celsius * 9 / 5 + 32,
        "kelvin": celsius + Fraction("273.15"),
    }[target]


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
