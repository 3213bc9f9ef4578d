"""Unit conversion: "how many kilometres are five miles", "100 fahrenheit in celsius", "two cups in millilitres"."""

from __future__ import annotations

import re
from fractions import Fraction

from voicechat.local_server.brain.numbers import as_digits, is_exact
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
