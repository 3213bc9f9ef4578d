"""`expect` of a step: each criterion in it becomes one expectation.

The events a script can name: those of the wire, our own, and the moments of an answer.

What is wrong in a script, each with its place, and the reading of one table so that nothing wrong is passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, cast, get_args

from voicechat.insight.explain.events import BETA_ONLY, CLIENT, LOCAL, SERVER
from voicechat.insight.explain.lookup import PROBLEMS
from voicechat.scripting.model import (
    ANSWER_AUDIBLE,
    ANSWER_ENDED,
    DEFAULT_WITHIN,
    Criterion,
    EventPattern,
    Expectation,
    Source,
)

SIMPLE = (str, int, float, bool)


@cache
def known_events() -> frozenset[str]:
    """Every event that is explained."""
    return frozenset((*SERVER, *CLIENT, *BETA_ONLY, *LOCAL, ANSWER_AUDIBLE, ANSWER_ENDED))


def misspelt(name: str) -> str:
    """The event that was probably meant; empty for a known name and for one that looks like none of ours.

    Services have events of their own, so a name that resembles nothing passes.
    """
    if name in known_events():
        return ""
    near = get_close_matches(name, known_events(), n=1, cutoff=0.75)
    return near[0] if near else "" if "." in name else ANSWER_ENDED


def read_event_pattern(table: Table, key: str) -> EventPattern:
    """The event under `key`, with the values of its fields under `where`."""
    name = table.text(key)
    if not name:
        table.complain(key, f"{key} must name an event", "`voicechat explain` lists them")
    elif meant := misspelt(name):
        table.complain(key, f"there is no event {name!r}", f"did you mean {meant}?")
    where = table.values.get("where", {})
    if not isinstance(where, dict) or not all(isinstance(value, SIMPLE) for value in where.values()):
        table.complain("where", "where holds fields and values", 'for example where = { "response.status" = "failed" }')
        where = {}
    return EventPattern(name, where)


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


CRITERIA: tuple[str, ...] = get_args(Criterion)
SOURCES: tuple[str, ...] = get_args(Source)
MODIFIERS = ("text", "word_errors", "args", "since", "within", "soft")
CUTTERS = ("you", "barge-in", "push-to-talk", "server", "line", "device", "nobody")
LATENCIES = ("first_sound_below", "silent_in_below", "transcript_below")


def read_expectations(step: Table, labels: frozenset[str]) -> tuple[Expectation, ...]:
    """Everything a step expects; `labels` are the steps it may look back to."""
    if "expect" not in step:
        return ()
    value = step.values["expect"]
    tables = [value] if isinstance(value, dict) else value
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        step.complain(
            "expect", "expect must be a table or a list of tables", 'for example expect = { contains = "84" }'
        )
        return ()
    return tuple(one for values in tables for one in _of_table(step, values, labels))


def _of_table(step: Table, values: Mapping[str, Any], labels: frozenset[str]) -> list[Expectation]:
    def complain(key: str, message: str, hint: str) -> None:
        step.complain(f"expect.{key}", f"expect: {message}", hint)

    table = Table(values, complain, (*CRITERIA, *MODIFIERS))
    asked = [name for name in CRITERIA if name in table]
    if not asked:
        complain("", "nothing is expected", f"criteria: {', '.join(CRITERIA)}")
    since = table.text("since")
    if since and since != "talk" and since not in labels:
        complain("since", f"no step before is labelled {since!r}", nearest_hint(since, {*labels, "talk"}))
    args = table.values.get("args", {})
    if not isinstance(args, dict) or ("args" in table and "tool" not in table):
        complain("args", "args are a table beside tool", 'for example tool = "weather", args = { city = "Paris" }')
        args = {}
    if "word_errors" in table and "said" not in table:
        complain("word_errors", "word_errors stands beside said", "")
    return [
        Expectation(
            cast(Criterion, name),
            _value(name, table),
            cast(Source, table.choice("text", SOURCES, "answer")),
            table.number("word_errors", 0.0, 0.0, 10.0),
            args,
            since,
            table.seconds("within", DEFAULT_WITHIN, high=600.0),
            table.flag("soft"),
        )
        for name in asked
    ]


def _value(name: str, table: Table) -> Any:
    """The value of one criterion in the form that it is judged by."""
    if name in LATENCIES:
        return table.seconds(name, 1.0, low=0.001, high=600.0)
    if name in ("matches", "not_matches"):
        return _pattern(name, table)
    if name == "cut_by":
        return table.choice(name, CUTTERS, "nobody")
    if name in ("said", "tool", "mic"):
        return _filled(name, (table.text(name),), table)[0]
    return read_codes(name, table)


def read_codes(name: str, table: Table) -> tuple[str, ...]:
    """Names of events or findings; `no_findings = true` is any."""
    if name == "no_findings" and table.values[name] is True:
        return ()
    return _names(name, _filled(name, table.texts(name), table), table)


def _filled(name: str, texts: tuple[str, ...], table: Table) -> tuple[str, ...]:
    if not texts or not all(texts):
        table.complain(name, f"{name} is empty", "write true for all of them" if name == "no_findings" else "")
    return texts


def _pattern(name: str, table: Table) -> re.Pattern[str]:
    text = table.text(name)
    try:
        return re.compile(text, re.IGNORECASE | re.DOTALL)
    except re.error as error:
        table.complain(name, f"{text!r} is no regular expression: {error}", "")
        return re.compile("")


def _names(name: str, texts: tuple[str, ...], table: Table) -> tuple[str, ...]:
    """The texts; events and codes of findings have to be known ones."""
    for text in texts:
        if name in ("events", "no_events") and (meant := misspelt(text)):
            table.complain(name, f"there is no event {text!r}", f"did you mean {meant}?")
        elif name in ("findings", "no_findings") and text not in PROBLEMS:
            table.complain(name, f"there is no finding {text!r}", nearest_hint(text, PROBLEMS))
    return texts
