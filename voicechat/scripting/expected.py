"""`expect` of a step: each criterion in it becomes one expectation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from voicechat.insight.explain.problems import PROBLEMS
from voicechat.scripting.complaints import Table, nearest_hint
from voicechat.scripting.event_names import misspelt
from voicechat.scripting.model import DEFAULT_WITHIN, Criterion, Expectation, Source

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
