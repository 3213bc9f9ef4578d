"""From a JSON tree to an event record, keeping all that is well formed.

msgspec refuses a record for one bad field, which is right for a file and wrong for a conversation: a `response.done`
whose usage is odd must still end the answer. So after a refusal each field is tried alone, nested records likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from voicechat.protocol.json_text import Notes

S = TypeVar("S", bound=msgspec.Struct)

_ABSENT = object()


def build(record: type[S], fields: Mapping[str, object], notes: Notes, path: str = "") -> S:
    """A record of these fields; a field that does not fit is absent and noted with its path."""
    try:
        return msgspec.convert(fields, record)
    except msgspec.ValidationError:
        return _built_field_by_field(record, fields, notes, path)


def _built_field_by_field(record: type[S], fields: Mapping[str, object], notes: Notes, path: str) -> S:
    kept = {}
    for name, hint in _hints(record):
        value = fields.get(name)
        # null is how many services say "absent", even where the specification wants a string
        if value is None:
            continue
        fitted = _fitted(value, hint, notes, f"{path}.{name}" if path else name)
        if fitted is not _ABSENT:
            kept[name] = fitted
    return record(**kept)


@cache
def _hints(record: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(record))


def _fitted(value: object, hint: object, notes: Notes, path: str) -> object:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        refusal = str(error).split(" - at ")[0]
    for choice in _choices(hint):
        fitted = _adapted(value, choice, notes, path)
        if fitted is not _ABSENT:
            return fitted
    notes.add(f"{path}: {refusal}; left out")
    return _ABSENT


def _adapted(value: object, hint: Any, notes: Notes, path: str) -> object:
    """The value made to fit, where that loses nothing that could be kept."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return build(hint, value, notes, path) if isinstance(value, Mapping) else _ABSENT
    if get_origin(hint) is tuple and isinstance(value, list):
        inner = (_fitted(one, get_args(hint)[0], notes, f"{path}[{index}]") for index, one in enumerate(value))
        return tuple(one for one in inner if one is not _ABSENT)
    if hint is int and isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)  # JSON has one kind of number; 1480.0 is 1480
    return _ABSENT


def _choices(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without the constraints that msgspec reads."""
    if get_origin(hint) is Annotated:
        return _choices(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(choice for member in get_args(hint) for choice in _choices(member))
    return (hint,)
