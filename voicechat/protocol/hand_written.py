"""A client event as a person writes it: JSON read strictly, with the line and the column of what is wrong.

Unlike a service's frames, which are mended wherever possible, nothing here is guessed: what leaves is what was written.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn, cast

from voicechat.protocol.json_text import MAX_DEPTH
from voicechat.protocol.wire import JsonValue

LONGEST = 131_072
"""Characters of one event written by hand. A data channel carries 256 KiB, and nobody types more than this."""


class _Refused(ValueError):
    """Found while reading; the message is for the user."""


def read_event(text: str) -> dict[str, JsonValue] | str:
    """The JSON object, or why this is no event. Never raises."""
    if len(text) > LONGEST:
        return f"{len(text)} characters; an event written by hand may have {LONGEST}"
    if not text.strip():
        return "empty; Ctrl+T gives a template"
    try:
        tree = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {_words(error)}"
    except RecursionError:
        return "nested too deep"
    except ValueError as error:
        return str(error)
    return _as_event(tree)


def spelled_by_hand(event: dict[str, JsonValue]) -> str:
    """One line of JSON as it leaves."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _as_event(tree: object) -> dict[str, JsonValue] | str:
    if not isinstance(tree, dict):
        return "an event is an object: { … }"
    if _depth(tree) > MAX_DEPTH:
        return "nested too deep"
    event = cast("dict[str, JsonValue]", tree)
    try:
        spelled_by_hand(event).encode()
    except UnicodeEncodeError:
        return "half a character (a lone surrogate), which cannot be sent"
    kind = event.get("type")
    if not isinstance(kind, str) or not kind:
        return 'an event needs a "type", a text such as "response.create"'
    return event


def _depth(tree: object) -> int:
    """Levels of nesting, counted without recursion; stops one beyond what is kept."""
    level, depth = [tree], 0
    while level and depth <= MAX_DEPTH:
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        depth += 1
    return depth


def _words(error: json.JSONDecodeError) -> str:
    """The parser's sentence in ours: `Expecting ',' delimiter` -> `a comma is missing`."""
    known = {
        "Expecting ',' delimiter": "a comma is missing, or a bracket",
        "Expecting ':' delimiter": "a colon is missing after the name",
        "Expecting property name enclosed in double quotes": 'a name in "quotes" belongs here',
        "Expecting value": "a value belongs here",
        "Extra data": "the event has ended before this",
        "Unterminated string starting at": "this text has no closing quote",
    }
    return known.get(error.msg, error.msg[:1].lower() + error.msg[1:])


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused(f"{digits[:20]} is a number nobody can use")
    return number


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"{twice[:60]!r} is given twice")
    return found
