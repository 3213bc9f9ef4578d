"""What is wrong in a script, each with its place, and the reading of one table so that nothing wrong is passed over."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_DURATION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(ms|s|min)\s*")
_LEVEL = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*dB(?:FS)?\s*", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong; `line` 0: unknown."""

    line: int
    where: str
    message: str
    hint: str = ""

    def sentence(self, file: str) -> str:
        """`talk.toml:12: step 3: …`, and what to do about it."""
        place = f"{file}:{self.line}" if self.line else file
        said = f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"
        return f"{said} · {self.hint}" if self.hint else said


Complain = Callable[[str, str, str], None]
"""Called with key (empty: the table itself), message and hint."""


class Table:
    """One table of a script. What is not taken by the end is unknown."""

    def __init__(self, values: Mapping[str, Any], complain: Complain, known: Iterable[str]) -> None:
        self.values = values
        self.complain = complain
        self._known = tuple(known)
        for name in values:
            if name not in self._known:
                self.complain(name, f"{name!r} is not known here", nearest_hint(name, self._known))

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name, default)
        if isinstance(value, str):
            return value
        self.complain(name, f"{name} must be text in quotes", "")
        return default

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or a list of them."""
        value = self.values.get(name, [])
        found = [value] if isinstance(value, str) else value
        if isinstance(found, list) and all(isinstance(one, str) and one for one in found):
            return tuple(found)
        self.complain(name, f"{name} must be a text or a list of texts", "")
        return ()

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name, default)
        if isinstance(value, bool):
            return value
        self.complain(name, f"{name} must be true or false", "")
        return default

    def choice(self, name: str, choices: tuple[str, ...], default: str = "") -> str:
        value = self.text(name, default)
        if value in choices or name not in self.values:
            return value
        self.complain(name, f"{name} cannot be {value!r}", nearest_hint(value, choices))
        return default

    def seconds(self, name: str, default: float, low: float = 0.0, high: float = 3600.0) -> float:
        """A number of seconds, or "60 ms"."""
        value = self.values.get(name, default)
        if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
            value = float(found[1]) * _UNITS[found[2]]
        return self._number(name, value, default, low, high, 'seconds, or a text such as "250 ms"')

    def level(self, name: str, default: float | None, low: float = -120.0, high: float = 0.0) -> float | None:
        """A number of decibels, or "-20 dB"."""
        if name not in self.values:
            return default
        value = self.values[name]
        if isinstance(value, str) and (found := _LEVEL.fullmatch(value)):
            value = float(found[1])
        return self._number(name, value, low, low, high, 'decibels, or a text such as "-20 dB"')

    def number(self, name: str, default: float, low: float, high: float) -> float:
        return self._number(name, self.values.get(name, default), default, low, high, "a number")

    def _number(self, name: str, value: object, default: float, low: float, high: float, what: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.complain(name, f"{name} must be {what}", "")
            return default
        if not low <= value <= high:
            self.complain(name, f"{name} = {value:g} is out of range", f"allowed: {low:g} to {high:g}")
            return default
        return float(value)


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name, or all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
