"""Refusals in the service's words: code, message and param of the first thing that is wrong with what a client sent.

What may be sent is described once, in `protocol` (`session_fields`, `event_shapes`), for client, server and
`session check`; this module reads the same description as strictly as a service does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from voicechat.protocol.event_shapes import ItemShape
from voicechat.protocol.session_fields import FUNCTION_TOOL
from voicechat.protocol.shapes import ByKind, Fields, Flag, FreeForm, ListOf, Number, Shape, Tagged, Text, Word
from voicechat.protocol.wire import JsonValue

_LONGEST = dict.fromkeys(("id", "item_id", "call_id", "previous_item_id", "response_id", "name"), 64) | {
    "event_id": 512,
    "content": 4_000,  # of an append of GPT-Live
    "audio": 20 * 1024 * 1024,  # 15 MiB as base64
    "image_url": 20 * 1024 * 1024,
}
"""Characters of a text, by the name of its field; for all others `_LONG`."""
_LONG = 262_144
_MOST_ENTRIES = {"output_modalities": 1}
_RANGES = {"idle_timeout_ms": (5_000, 30_000)}
"""Where the service refuses what the client's check only doubts."""
_NULL_TOO = frozenset("description parameters reasoning include strict language detail id status".split())
"""Fields in which stock clients send null and mean that they say nothing."""
_METADATA = "at most 16 entries are allowed, their keys with 64 characters and their values with 512 at most."


@dataclass(eq=False)
class Refusal(Exception):
    """A client event or request is refused, and nothing of it is done. The fields are those of the service's error."""

    code: str
    message: str
    param: str | None = None
    type: str = "invalid_request_error"

    def fields(self) -> dict[str, str | None]:
        """As they stand in the service's error object."""
        return {"type": self.type, "code": self.code, "message": self.message, "param": self.param}


def missing(path: str) -> Refusal:
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid(path: str, why: str) -> Refusal:
    """The refusal of a value of the right type that cannot be."""
    return Refusal("invalid_value", f"Invalid value for '{path}': {why}", path)


def _unsupported(value: str, words: Iterable[str], path: str) -> Refusal:
    """The refusal of a word that is none of these."""
    return Refusal("invalid_value", f"Invalid value: '{value[:64]}'. Supported values are: {_listed(words)}.", path)


def check(value: JsonValue, shape: Shape, path: str) -> None:
    """Raises Refusal for the first thing in which the value is not of this shape."""
    name = path.rpartition(".")[2]
    match shape, value:
        case ByKind(null=True), None:
            pass
        case ByKind(text=Word(words), number=Number(low, high)), str() if value not in words:
            raise _unsupported(value, (*words, f"{low} to {high}"), path)
        case ByKind(), _:
            check(value, shape.shape_for(value) or FreeForm(), path)
        case Text(), str():
            if len(value) > (most := _LONGEST.get(name, _LONG)):
                raise _too_long("string", len(value), most, path)
        case Word(words), str():
            if value not in words:
                raise _unsupported(value, words, path)
        case Number(), int() | float() if not isinstance(value, bool) and (isinstance(value, int) or not shape.whole):
            _check_range(value, shape, path)
        case ListOf(), list():
            if len(value) > (most := _MOST_ENTRIES.get(name, 1024)):
                raise _too_long("array", len(value), most, path)
            if len(value) < shape.at_least:
                raise invalid(path, "at least 1 entry is needed.")
            for index, entry in enumerate(value):
                check(entry, shape.inner, f"{path}[{index}]")
        case Fields(), dict():
            _check_fields(value, shape, path)
        case Tagged(variants), dict():
            _check_variant(value, "type", variants, path)
        case ItemShape(), dict():
            is_message = value.get("type") == "message"
            variants = shape.messages if is_message else {**shape.others, "message": Fields({})}
            _check_variant(value, "role" if is_message else "type", variants, path)
        case (Flag(), bool()) | (FreeForm(), dict()):
            if path == "response.metadata" and not _is_metadata(value):
                raise invalid(path, _METADATA)
        case _:
            text = f"Invalid type for '{path}': expected {_expected(shape)}, but got {_KINDS[type(value)]} instead."
            raise Refusal("invalid_type", text, path)


def _check_fields(value: Mapping[str, JsonValue], shape: Fields, path: str) -> None:
    prefix = f"{path}." if path else ""
    for name in shape.required:
        if name not in value:
            raise missing(prefix + name)
    for name, entry in value.items():
        if (entry is None and name in _NULL_TOO) or (name == "strict" and shape is FUNCTION_TOOL):
            continue
        if name not in shape.members:
            raise Refusal("unknown_parameter", f"Unknown parameter: '{prefix}{name}'.", prefix + name)
        check(entry, shape.members[name], prefix + name)


def _check_variant(value: dict[str, JsonValue], tag: str, variants: Mapping[str, Fields], path: str) -> None:
    if tag not in value:
        raise missing(f"{path}.{tag}")
    check(value[tag], Word(tuple(variants)), f"{path}.{tag}")
    chosen = variants[str(value[tag])]
    _check_fields({name: one for name, one in value.items() if name != tag or tag in chosen.members}, chosen, path)


def _check_range(value: float, shape: Number, path: str) -> None:
    if shape.only and value not in shape.only:
        raise _unsupported(str(value), map(str, shape.only), path)
    low, high = _RANGES.get(path.rpartition(".")[2], (shape.low, 2**31 if shape.high is None else shape.high))
    if low <= value <= high:
        return
    kind = "integer" if shape.whole else "decimal"
    side, word, sign, limit = ("below", "minimum", ">=", low) if value < low else ("above", "maximum", "<=", high)
    text = f"Invalid '{path}': {kind} {side} {word} value. Expected a value {sign} {limit}, but got {value} instead."
    raise Refusal(f"{kind}_{side}_{word[:3]}_value", text, path)


def _too_long(kind: str, length: int, most: int, path: str) -> Refusal:
    an = "an" if kind == "array" else "a"
    text = f"{kind} too long. Expected {an} {kind} with maximum length {most}, but got length {length} instead."
    return Refusal(f"{kind}_above_max_length", f"Invalid '{path}': {text}", path)


def _is_metadata(value: JsonValue) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= 16
        and all(len(key) <= 64 and isinstance(one, str) and len(one) <= 512 for key, one in value.items())
    )


_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def _expected(shape: Shape) -> str:
    match shape:
        case Word(words):
            return f"one of {_listed(words)}"
        case Number(whole=whole):
            return _KINDS[int if whole else float]
        case _:
            return {Text: "a string", Flag: "a boolean", ListOf: "an array"}.get(type(shape), "an object")


def _listed(words: Iterable[str]) -> str:
    *others, last = (f"'{word}'" for word in words)
    return f"{', '.join(others)}, and {last}" if others else last
