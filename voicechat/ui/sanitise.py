"""The one choke point for every string that did not come from our own source code.

Neither Textual nor Rich removes control sequences: a model, a server's error text or a device name could write the
clipboard (OSC 52), clear the screen or reverse the reading direction. `clean` makes text harmless, `show` makes it
visible for the list of events, `cleaned` does a whole record at once, and `safe` is the only way into a widget that
takes `Content` (a plain `str` would be read as markup there).
"""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from textual.content import Content

_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|[\]PX^_][^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC with their text
    r"|[\]PX^_]"  # ... never ended: the text stays, the introducer goes
    r"|[ -/]*[0-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"  # the same in C1
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"
)
# The text of a sequence ends where another could begin: thousands that never end cost their length, not its square.
# C0 without tab and newline, DEL, C1, soft hyphen, invisible and bidirectional controls, lone surrogates, tags.
# ZWNJ and ZWJ (U+200C, U+200D) stay: Persian, Indic scripts and emoji families need them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)

_PLAIN = (float, int, bool, type(None))
Record = TypeVar("Record")


def clean(text: str, *, one_line: bool = False) -> str:
    """Text that is safe in any widget, whatever the boundaries of its pieces were.

    No control byte survives, so deltas may be cleaned one by one. With `one_line` breaks and tabs become spaces.
    """
    if _UNSAFE.search(text):
        text = _UNSAFE.sub(_harmless, _SEQUENCE.sub("", text.replace("\r\n", "\n")))
    if one_line and ("\n" in text or "\t" in text):
        text = text.replace("\n", " ").replace("\t", " ")
    return text


def _harmless(match: re.Match[str]) -> str:
    """What stands where an unsafe character was: a break, a control picture, or nothing that could mislead."""
    code = ord(match[0])
    if code == 0x0D:
        return ""
    if code in (0x2028, 0x2029):
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def show(text: str) -> str:
    """For the list of events: nothing removed, everything visible (`\\x1b`, `\\u202e`)."""
    return _UNSAFE.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text)


def escaped(text: str) -> str:
    """For JSON that is edited: what is unsafe is written as JSON itself writes it, so the meaning stays."""
    return _UNSAFE.sub(lambda m: json.dumps(m[0])[1:-1], text)


def safe(text: str) -> Content:
    """Cleaned text as content: never read as markup, never a control sequence."""
    from textual.content import Content  # here, because plain talk and the commands clean text without a screen

    return Content(clean(text))


def cleaned(record: Record) -> Record:
    """The record with every string in it cleaned, at any depth; the same object if there was nothing to do."""
    if isinstance(record, str):
        return cast(Record, clean(record))
    if isinstance(record, tuple):
        parts = tuple(cleaned(part) for part in record)
        return record if all(a is b for a, b in zip(parts, record, strict=True)) else cast(Record, parts)
    if record is None or isinstance(record, float | int):
        return record
    kind: type = type(record)
    changes: dict[str, object] = {}
    for name in _names(kind):
        value = getattr(record, name)
        if type(value) not in _PLAIN and (made := cleaned(value)) is not value:
            changes[name] = made
    if not changes:
        return record
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **changes)
    return cast(Record, dataclasses.replace(cast("DataclassInstance", record), **changes))


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a kind of record, looked up once: a state has eighty values and comes ten times a second."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(kind.__struct_fields__) if issubclass(kind, msgspec.Struct) else ()
