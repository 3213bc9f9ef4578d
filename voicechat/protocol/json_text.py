"""From bytes to a JSON tree, whatever the bytes are.

A frame is read by msgspec first. What msgspec refuses, or what it would let pass unseen (a key given twice, an integer
nobody can use), goes the slow way: the standard library's parser with every oddity turned into an absent member and a
note. Only text that is no JSON at all is lost, and then the reason is told; no input makes these functions raise.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

MAX_FRAME = 32 * 1024 * 1024
"""Bytes. The biggest legal event is an append of 15 MiB; beyond this a frame is not even looked at."""
MAX_ITEMS = 20_000
"""Commas and opening brackets of a frame. A session with a hundred tools has a few thousand; so many take 20 ms."""
MAX_ODD = 8 * 1024 * 1024
"""Bytes of a frame that has to be read the slow way: 40 ms. An event with that much audio in it is no odd one."""
MAX_DEPTH = 100
"""Levels of nesting kept. Real events have eight; a tool's JSON schema perhaps twenty."""
MAX_NOTES = 20
"""Notes kept per frame: a hostile frame may hold a million oddities."""
NOTE_LENGTH = 240
_MAX_UNTANGLE = 1024 * 1024
_KEY_LENGTH = 60

_KEY_STR = re.compile(r'"[ \t\r\n]*:')
_KEY_BYTES = re.compile(rb'"[ \t\r\n]*:')
# A string that never ends runs to the end of the text: tried again at each quote in it, it costs the square of it.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_ITEM_STR = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,\[{])', re.DOTALL)
_ITEM_BYTES = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,\[{])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")

_UNUSABLE = object()
"""Stands for a value that JSON text spelled but nobody can use; removed before anyone sees the tree."""


class JsonText(msgspec.Struct, frozen=True):
    """What a text said. `reason` is set when it said nothing readable; `tree` is then None."""

    tree: object
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Notes:
    """Remarks about one frame, bounded."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Keep a remark, unless there are enough."""
        if len(self.lines) < MAX_NOTES:
            self.lines.append(line if len(line) <= NOTE_LENGTH else f"{line[:NOTE_LENGTH]}\u2026")


def byte_size(text: str | bytes) -> int:
    """Length on the wire; lone surrogates count three bytes, as they would if they could be sent."""
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def read_json(text: str | bytes) -> JsonText:
    """The tree of a JSON text. Members that no one can use are absent, each with a note."""
    if byte_size(text) > MAX_FRAME:
        return JsonText(None, reason=f"longer than {MAX_FRAME // (1024 * 1024)} MiB, not read")
    if _has_too_many_items(text):
        return JsonText(None, reason=f"more than {MAX_ITEMS:,} items, not read")
    try:
        tree = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return _read_odd_json(text)
    # Each key of the text matches once, and so may text inside strings: equal counts prove that no key came twice.
    written = len(_KEY_BYTES.findall(text)) if isinstance(text, bytes) else len(_KEY_STR.findall(text))
    return JsonText(tree) if _plain_keys(tree, 0) == written else _read_odd_json(text)


def _has_too_many_items(text: str | bytes) -> bool:
    """Whether the text has more than `MAX_ITEMS` commas and opening brackets outside its strings."""
    if len(text) <= MAX_ITEMS:
        return False
    if isinstance(text, bytes):
        counted = sum(map(text.count, (b",", b"[", b"{")))
        return counted > MAX_ITEMS and _reaches(_ITEM_BYTES.finditer(text), MAX_ITEMS)
    counted = sum(map(text.count, ",[{"))
    return counted > MAX_ITEMS and _reaches(_ITEM_STR.finditer(text), MAX_ITEMS)


def _reaches(matches: Iterator[re.Match[str]] | Iterator[re.Match[bytes]], most: int) -> bool:
    """Whether there are more items than `most`; so many strings without commas between them are no JSON either."""
    items = strings = 0
    for match in matches:
        if match[1]:
            items += 1
        else:
            strings += 1
        if items > most or strings > 4 * most:
            return True
    return False


def clean_text(text: str) -> str:
    """The text without lone surrogates, which no encoder can write."""
    return _SURROGATE.sub("\ufffd", text)


def _plain_keys(tree: object, depth: int) -> int:
    """How many keys the tree has; -1 or less if it holds something that needs the slow way."""
    if not isinstance(tree, dict | list):
        return -(2**62) if isinstance(tree, int) and not _fits(tree) else 0
    if depth >= MAX_DEPTH:
        return -(2**62)
    keys, values = (len(tree), tree.values()) if isinstance(tree, dict) else (0, tree)
    for value in values:
        if type(value) is not str:  # most are
            keys += _plain_keys(value, depth + 1)
    return keys


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _read_odd_json(text: str | bytes) -> JsonText:
    if byte_size(text) > MAX_ODD:
        return JsonText(None, reason=f"no plain JSON, and longer than {MAX_ODD // (1024 * 1024)} MiB, not read")
    notes = Notes()
    whole = _as_text(text, notes)
    if not whole:
        return JsonText(None, tuple(notes.lines), "an empty frame")
    readable = _without_deep_parts(whole, notes)
    if readable is None:
        return JsonText(None, tuple(notes.lines), f"nested deeper than {MAX_DEPTH} levels")
    try:
        tree = _decoder(notes).decode(readable)
    except (ValueError, RecursionError) as error:
        return JsonText(None, tuple(notes.lines), f"not JSON: {error}")
    cleaned = _cleaned(tree, "", notes)
    if cleaned is _UNUSABLE:
        return JsonText(None, tuple(notes.lines), "not a value that JSON knows")
    return JsonText(cleaned, tuple(notes.lines))


def _as_text(text: str | bytes, notes: Notes) -> str:
    """Text without a byte-order mark and without the NULs that some servers end their strings with."""
    if isinstance(text, bytes):
        try:
            return _as_text(text.decode("utf-8"), notes)
        except UnicodeDecodeError:
            notes.add("not valid UTF-8; the bad bytes were replaced")
            return _as_text(text.decode("utf-8", "replace"), notes)
    if (stripped := text.strip("\ufeff\0")) != text:
        notes.add("byte-order mark or NUL around the text removed")
    return stripped.strip()


def _without_deep_parts(text: str, notes: Notes) -> str | None:
    """The text with everything below `MAX_DEPTH` replaced by NaN, which later counts as absent.

    None if that is not worth the time: a frame of megabytes that is also that deep is an attack, not an event.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return text
    kept: list[str] = []
    depth = copied = cut_at = 0
    for number, match in enumerate(_BRACKETS.finditer(text)):
        if match[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                cut_at = match.start()
        elif match[0] in "]}":
            if depth == MAX_DEPTH + 1:
                kept += (text[copied:cut_at], "NaN")
                copied = match.end()
            depth -= 1
        if number > 4 * MAX_ITEMS or (depth > MAX_DEPTH and len(text) > _MAX_UNTANGLE):
            return None
    if depth > MAX_DEPTH:
        return None
    if not kept:
        return text
    notes.add(f"parts nested deeper than {MAX_DEPTH} levels were left out")
    return "".join((*kept, text[copied:]))


def _decoder(notes: Notes) -> json.JSONDecoder:
    """The standard library's parser, made to report instead of to guess."""

    def _integer(digits: str) -> object:
        return int(digits) if len(digits) <= 20 and _fits(int(digits)) else _UNUSABLE

    def _fraction(digits: str) -> object:
        return value if math.isfinite(value := float(digits)) else _UNUSABLE

    def _pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(members)
        if len(found) < len(members):
            for name, times in Counter(name for name, _ in members).items():
                if times > 1:
                    notes.add(f"{_named(name)} is given {times} times; the last one counts")
        return found

    return json.JSONDecoder(
        object_pairs_hook=_pairs,
        parse_int=_integer,
        parse_float=_fraction,
        parse_constant=lambda _: _UNUSABLE,
        strict=False,
    )


def _named(name: str) -> str:
    return clean_text(name[:_KEY_LENGTH])


def _cleaned(tree: object, path: str, notes: Notes) -> object:
    """The tree without unusable values and without lone surrogates. Depth is bounded by the caller."""
    if isinstance(tree, dict):
        return _cleaned_object(tree, path, notes)
    if isinstance(tree, list):
        cleaned = (_cleaned(value, f"{path}[{index}]", notes) for index, value in enumerate(tree))
        return [value for value in cleaned if value is not _UNUSABLE]
    if tree is _UNUSABLE:
        notes.add(f"{path or 'the frame'}: not a usable JSON value; left out")
    elif isinstance(tree, str) and _SURROGATE.search(tree):
        notes.add(f"{path or 'the frame'}: half a character (a lone surrogate) was replaced")
        return clean_text(tree)
    return tree


def _cleaned_object(members: dict[str, object], path: str, notes: Notes) -> dict[str, object]:
    cleaned: dict[str, object] = {}
    for name, value in members.items():
        inner = _cleaned(value, f"{path}.{_named(name)}" if path else _named(name), notes)
        if inner is not _UNUSABLE:
            cleaned[clean_text(name)] = inner
    return cleaned
