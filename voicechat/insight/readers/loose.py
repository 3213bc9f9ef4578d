"""Objects that are nearly JSON, as languages print them: JavaScript, Python, Dart, Java, Swift, pydantic.

    {type: 'response.done', response: {status: "cancelled", output: [Array]}}        a console
    {'type': 'response.done', 'response': None}                                      Python
    {type: response.done, response: {status: cancelled, transcript: Well, hello}}    Dart and Kotlin, `=` in Java
    ["type": "response.done", "event_id": nil]                                       Swift
    ResponseDoneEvent(type='response.done', response=Response(status='cancelled'))   Python models

Nothing raises: what cannot be read ends the object, and what was read until then is kept. Bounded in depth and length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from voicechat.insight.readers.narration import SURE, WireDirection, direction_of
from voicechat.insight.readers.timing import time_of
from voicechat.insight.readers.unwrapping import (
    BODIES,
    DIRECTION_WORDS,
    DIRECTIONS,
    MERE_BODIES,
    NAMES,
    STREAMS,
    TIMES,
    Found,
)

MOST_SHAPES = 64
_WRAPPING = frozenset((*TIMES, *MERE_BODIES, "dir", "direction"))
_decoder = msgspec.json.Decoder()
_MERE_BODIES = frozenset(MERE_BODIES)


@dataclass(frozen=True)
class _Plan:
    body: str
    time: str
    direction: str
    names: tuple[str, ...]

    @cached_property
    def is_plain(self) -> bool:
        """Every such object tells its time, and the name of the event stands nowhere but in it."""
        return bool(self.time) and not self.names


class Shapes:
    """Remembers how objects with these keys were read.

    The quick way to an event in its wrapper, for logs of a million lines that are all wrapped alike.

    How to unwrap one object is found out by `unwrapping`; objects with the same keys are then read with the same
    plan, as long as what the plan finds is an event without doubt. Everything else goes the long way again.
    """

    def __init__(self) -> None:
        self.plans: dict[tuple[str, ...], _Plan] = {}

    def quickly(self, value: Any) -> Found | None:
        """The event of an object whose like was read before; None: read it the long way."""
        if type(value) is not dict:
            return None
        if (way := bare_event(value)) is not None:
            return Found(value, None, way)
        plan = self.plans.get(tuple(value))
        if plan is None:
            return None
        event = value[plan.body]
        if type(event) is not dict:
            event = _inside(event)
        if type(event) is not dict or not _is_sure(event.get("type")) or not _MERE_BODIES.isdisjoint(event):
            return None
        for name in plan.names:
            said = value[name]
            if isinstance(said, str) and (said in SURE or "." in said):
                return None
        t = time_of(value[plan.time]) if plan.time else None
        told = value[plan.direction] if plan.direction else None
        if told == "local":
            return None
        said_way = (
            DIRECTION_WORDS.get(told) or DIRECTION_WORDS.get(told.strip().lower()) if isinstance(told, str) else None
        )
        return Found(event, t, direction_of(event["type"], said_way)) if t is not None or not plan.time else None

    def learn(self, value: Any, found: Found) -> None:
        """The long way led to this event of that object."""
        if type(value) is not dict or len(self.plans) >= MOST_SHAPES or tuple(value) in self.plans:
            return
        body = next((name for name, part in value.items() if part is found.event), "")
        if not body:
            body = next((name for name in BODIES if _inside(value.get(name)) == found.event), "")
        if not body or not value.keys().isdisjoint(STREAMS):
            return
        time = next((name for name in TIMES if name in value), "")
        direction = next((name for name in DIRECTIONS if str(value.get(name)).strip().lower() in DIRECTION_WORDS), "")
        names = tuple(name for name in NAMES if name in value and name not in (body, time, direction))
        self.plans[tuple(value)] = _Plan(body, time, direction, names)


def bare_event(value: Any) -> WireDirection | None:
    """The direction of an object that is an event without doubt, with nothing wrapped around it."""
    if type(value) is dict and _is_sure(value.get("type")) and _WRAPPING.isdisjoint(value):
        return direction_of(value["type"], None)
    return None


def _inside(part: Any) -> Any:
    """The event itself, also where it is wrapped as a string of JSON."""
    if type(part) is str and part[:1] == "{":
        try:
            return _decoder.decode(part)
        except (msgspec.DecodeError, RecursionError):
            return None
    return part


def _is_sure(kind: object) -> bool:
    """Whether that is the name of an event without doubt; services were seen to send lists here."""
    return isinstance(kind, str) and kind in SURE


DEEPEST = 32
LONGEST = 400_000
"""Characters of one object."""

_SPACE = re.compile(r"\s*")
_SWIFT = re.compile(r"\[\s*\"[\w.]+\"\s*:")
_CALL = re.compile(r"(?:[A-Za-z_][\w.]*)\(")
_WRAPPED = re.compile(r"(?:Optional|Some|Ok|Just)\(")
_STRUCT = re.compile(r"[A-Z][\w:.]*\s*(?=\{)")
_ELIDED = re.compile(r"\[(?:Object|Array|Circular)[^\]\n]{0,20}\]|(?:Array|Object)\(\d+\)|\{…\}")
"""What a console prints for what it leaves out."""
_KEY = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([A-Za-z_$][\w$.-]*))\s*[:=]\s*")
_NEXT_KEY = re.compile(r"\s*(?:\"[^\"\n]{1,60}\"|'[^'\n]{1,60}'|[A-Za-z_$][\w$]{0,40})\s*[:=](?!/)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*(?:[,}\])\n]|$))")
_WORDS: dict[str, bool | None] = {"true": True, "True": True, "false": False, "False": False}
_WORDS |= dict.fromkeys(("null", "None", "nil", "undefined", "None()", "<null>", "NULL"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.S)
_STRINGS = {quote: re.compile(rf"(?:[^{quote}\\]+|\\.|\\$)*+", re.S) for quote in "\"'`"}
"""What stands between two of these marks."""
_ENDS = ",}])\n"


@dataclass(frozen=True, slots=True)
class Loose:
    """What was read, where it ended, and whether all its brackets were closed."""

    value: Any
    end: int
    is_whole: bool


def read_loose(text: str, at: int) -> Loose | None:
    """The object, list or call that begins at `at`; None if none does."""
    reader = _Reader(text[at : at + LONGEST])
    value = reader.value(0, is_bare_map=False)
    if not isinstance(value, dict | list):
        return None
    return Loose(value, at + reader.at, not reader.is_cut)


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.is_cut = False

    def value(self, depth: int, *, is_bare_map: bool) -> Any:
        self._skip_space()
        if self.at >= len(self.text) or depth > DEEPEST:
            self.is_cut = True
            return None
        mark = self.text[self.at]
        if mark == "{":
            return self._members("}", depth)
        if mark == "[":
            return self._list_or_swift(depth)
        if wrapped := _WRAPPED.match(self.text, self.at):
            return self._inside(wrapped.end(), depth)
        if struct := _STRUCT.match(self.text, self.at):
            self.at = struct.end()
            return self._members("}", depth)
        if call := _CALL.match(self.text, self.at):
            self.at = call.end() - 1
            return self._members(")", depth)
        if mark in "\"'`":
            return self._string(mark)
        if mark in "bur" and self.text[self.at + 1 : self.at + 2] in ("'", '"'):
            self.at += 1
            return self._string(self.text[self.at])
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return float(number[0]) if any(sign in number[0] for sign in ".eE") else int(number[0])
        return self._bare(is_bare_map=is_bare_map)

    def _inside(self, began: int, depth: int) -> Any:
        """`Optional("resp_1")`, `Some(3)`: the value without its wrapper."""
        self.at = began
        value = self.value(depth + 1, is_bare_map=False)
        self._skip_space()
        if self.text[self.at : self.at + 1] == ")":
            self.at += 1
        return value

    def _members(self, closer: str, depth: int) -> dict[str, Any]:
        """`key: value` or `key=value` until the closer; the opening bracket is under the cursor."""
        self.at += 1
        members: dict[str, Any] = {}
        while True:
            self._skip_space()
            if self.at >= len(self.text):
                self.is_cut = True
                return members
            mark = self.text[self.at]
            if mark == closer:
                self.at += 1
                return members
            if mark == ",":
                self.at += 1
                continue
            key = _KEY.match(self.text, self.at)
            if key is None:
                if not self._pass_over():
                    return members
                continue
            self.at = key.end()
            name = next(part for part in key.groups() if part is not None)
            if elided := _ELIDED.match(self.text, self.at):
                self.at = elided.end()
            else:
                members[name] = self.value(depth + 1, is_bare_map=key[3] is not None)

    def _list_or_swift(self, depth: int) -> Any:
        is_swift = _SWIFT.match(self.text, self.at, self.at + 80) is not None
        if is_swift:
            return self._members("]", depth)
        self.at += 1
        items: list[Any] = []
        while True:
            self._skip_space()
            if self.at >= len(self.text):
                self.is_cut = True
                return items
            mark = self.text[self.at]
            if mark == "]":
                self.at += 1
                return items
            if mark == ",":
                self.at += 1
                continue
            before = self.at
            items.append(self.value(depth + 1, is_bare_map=False))
            if self.at == before:
                self.at += 1

    def _string(self, quote: str) -> str:
        run = _STRINGS[quote].match(self.text, self.at + 1)
        assert run is not None  # it may be empty
        self.is_cut = self.is_cut or run.end() == len(self.text)
        self.at = min(run.end() + 1, len(self.text))
        return _ESCAPED.sub(_unescaped, run[0]) if "\\" in run[0] else run[0]

    def _bare(self, *, is_bare_map: bool) -> Any:
        """A word, or in maps without quotes a whole sentence: it goes on until a comma that a key follows."""
        began = self.at
        while self.at < len(self.text):
            mark = self.text[self.at]
            if mark in "}])" or mark == "\n":
                break
            if mark == "," and (not is_bare_map or _NEXT_KEY.match(self.text, self.at + 1)):
                break
            self.at += 1
        else:
            self.is_cut = True
        said = self.text[began : self.at].strip(" \t\r\n,")
        if said in _WORDS:
            return _WORDS[said]
        return said

    def _pass_over(self) -> bool:
        """Something that is no member (`…`, `<ref *1>`, `... 3 more`): go on behind it."""
        began = self.at
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            self.at += 1
        if self.at == began:
            self.at += 1
        self.is_cut = self.is_cut or self.at >= len(self.text)
        return self.at < len(self.text)

    def _skip_space(self) -> None:
        if not self.text[self.at : self.at + 1].isspace():
            return
        match = _SPACE.match(self.text, self.at)
        if match is not None:
            self.at = match.end()


_OF_EVENTS = "|".join(
    """
    event_id item_id response_id previous_item_id call_id transcript delta text status reason status_details code
    message param response session item output error name arguments audio_start_ms audio_end_ms content_index
    """.split()
)
FIELD_BELOW = re.compile(rf"^[ \t]*(?:{_OF_EVENTS})\s?:(?:\s+(?!.*[{{\[(]\s*$)|$)")
"""A line below the name of an event that holds a field of it; one that opens a bracket begins an object instead."""
_FIELD = re.compile(r"['\"]?([A-Za-z_]\w{0,40})['\"]?\s?:(?:\s+(.*)|$)")


def outlined(lines: Sequence[str]) -> Any:
    """An object whose fields stand below each other, what belongs to one indented under it, as YAML prints them."""
    rows = [(len(line) - len(line.lstrip()), line.strip()) for line in lines]
    return _outline(rows, 0, rows[0][0])[0]


def _outline(rows: list[tuple[int, str]], at: int, indent: int) -> tuple[Any, int]:
    """What begins in a row at this indent, and the row behind it."""
    if rows[at][1].startswith("- "):
        items = []
        while at < len(rows) and rows[at][0] == indent and rows[at][1].startswith("- "):
            inner = rows[at][1][1:].lstrip()
            rows[at] = indent + len(rows[at][1]) - len(inner), inner
            item, at = _outline(rows, at, rows[at][0])
            items.append(item)
        return items, at
    if _FIELD.match(rows[at][1]) is None:
        return _Reader(rows[at][1] + "\n").value(0, is_bare_map=True), at + 1
    members: dict[str, Any] = {}
    while at < len(rows) and rows[at][0] >= indent:
        field, at = _FIELD.match(rows[at][1]) if rows[at][0] == indent else None, at + 1
        if field is None:
            continue  # a text goes on
        if not field[2] and at < len(rows) and (rows[at][0] > indent or rows[at][1].startswith("- ")):
            members[field[1]], at = _outline(rows, at, rows[at][0])
        else:
            value = _Reader((field[2] or "") + "\n").value(0, is_bare_map=True)
            members[field[1]] = None if value == "" else value
    return members, at
