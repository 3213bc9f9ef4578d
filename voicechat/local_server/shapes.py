"""Says whether a JSON value has the shape the protocol wants, and if not, refuses it the way the service does.

A shape is a function from a value and its path to the first refusal, or None. Shapes are built of shapes, so a whole
session object is one declaration (`session_shape`). Written apart from the client's own checks on purpose: the server
is there to notice when those are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voicechat.protocol.wire import JsonValue


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client event is refused: what goes into the `error` event."""

    code: str
    message: str
    param: str | None = None
    type: str = "invalid_request_error"


Shape = Callable[[JsonValue, str], Refusal | None]


def kind_of(value: JsonValue) -> str:
    """The name of a JSON type as the service's messages use it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def wrong_type(expected: str, value: JsonValue, path: str) -> Refusal:
    """The refusal of a value of the wrong JSON type."""
    text = f"Invalid type for '{path}': expected {expected}, but got {kind_of(value)} instead."
    return Refusal("invalid_type", text, path)


def unknown(path: str) -> Refusal:
    """The refusal of a field that does not exist."""
    return Refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def missing(path: str) -> Refusal:
    """The refusal of an object that lacks a field."""
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid(path: str, why: str) -> Refusal:
    """The refusal of a value of the right type that cannot be."""
    return Refusal("invalid_value", f"Invalid value for '{path}': {why}", path)


def anything(value: JsonValue, path: str) -> Refusal | None:
    """Any value at all."""
    return None


def boolean(value: JsonValue, path: str) -> Refusal | None:
    """True or false."""
    return None if isinstance(value, bool) else wrong_type("a boolean", value, path)


def text(longest: int = 65_536) -> Shape:
    """A string of at most so many characters."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, str):
            return wrong_type("a string", value, path)
        if len(value) <= longest:
            return None
        why = f"string too long. Expected a string with maximum length {longest}, but got length {len(value)} instead."
        return Refusal("string_above_max_length", f"Invalid '{path}': {why}", path)

    return shape


def one_of(*words: str) -> Shape:
    """One of these strings."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, str):
            return wrong_type(f"one of {_listed(words)}", value, path)
        if value in words:
            return None
        return Refusal("invalid_value", f"Invalid value: '{value[:64]}'. Supported values are: {_listed(words)}.", path)

    return shape


def integer(lowest: int, highest: int) -> Shape:
    """A whole number within bounds (both allowed)."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return wrong_type("an integer", value, path)
        return _out_of_bounds("integer", value, lowest, highest, path)

    return shape


def number(lowest: float, highest: float) -> Shape:
    """A number within bounds (both allowed)."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_type("a decimal", value, path)
        return _out_of_bounds("decimal", value, lowest, highest, path)

    return shape


def nullable(inner: Shape) -> Shape:
    """Null, or what `inner` wants."""
    return lambda value, path: None if value is None else inner(value, path)


def array(inner: Shape, longest: int = 1024, fewest: int = 0) -> Shape:
    """An array of values that all have one shape; its length within bounds."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, list):
            return wrong_type("an array", value, path)
        if len(value) > longest:
            why = (
                f"array too long. Expected an array with maximum length {longest}, but got length {len(value)} instead."
            )
            return Refusal("array_above_max_length", f"Invalid '{path}': {why}", path)
        if len(value) < fewest:
            return invalid(path, f"at least {fewest} {'entry is' if fewest == 1 else 'entries are'} needed.")
        refusals = (inner(entry, f"{path}[{index}]") for index, entry in enumerate(value))
        return next((refusal for refusal in refusals if refusal), None)

    return shape


def mapping(inner: Shape, most: int = 1024, longest_key: int = 512) -> Shape:
    """An object with free keys, such as metadata."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return wrong_type("an object", value, path)
        if len(value) > most:
            return invalid(path, f"at most {most} entries are allowed.")
        if any(len(key) > longest_key for key in value):
            return invalid(path, f"keys may have at most {longest_key} characters.")
        refusals = (inner(entry, f"{path}.{key}") for key, entry in value.items())
        return next((refusal for refusal in refusals if refusal), None)

    return shape


def record(fields: Mapping[str, Shape], required: tuple[str, ...] = ()) -> Shape:
    """An object with these fields and no others."""

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return wrong_type("an object", value, path)
        prefix = f"{path}." if path else ""
        for name in required:
            if name not in value:
                return missing(prefix + name)
        for name, entry in value.items():
            inner = fields.get(name)
            refusal = inner(entry, prefix + name) if inner else unknown(prefix + name)
            if refusal:
                return refusal
        return None

    return shape


def tagged(variants: Mapping[str, Shape], key: str = "type") -> Shape:
    """An object whose field `key` says which shape it has."""
    choose = one_of(*variants)

    def shape(value: JsonValue, path: str) -> Refusal | None:
        if not isinstance(value, dict):
            return wrong_type("an object", value, path)
        name = f"{path}.{key}" if path else key
        if key not in value:
            return missing(name)
        tag = value[key]
        if refusal := choose(tag, name):
            return refusal
        return variants[str(tag)](value, path)

    return shape


def either(first: Shape, when: Callable[[JsonValue], bool], otherwise: Shape) -> Shape:
    """`first` for values that `when` recognises, `otherwise` for all others."""
    return lambda value, path: first(value, path) if when(value) else otherwise(value, path)


def refused(why: str) -> Shape:
    """No value: what this server cannot do is said, not swallowed."""
    return lambda value, path: invalid(path, why)


def _out_of_bounds(kind: str, value: float, lowest: float, highest: float, path: str) -> Refusal | None:
    if lowest <= value <= highest:
        return None
    side, limit, sign = ("below minimum", lowest, ">=") if value < lowest else ("above maximum", highest, "<=")
    text = f"Invalid '{path}': {kind} {side} value. Expected a value {sign} {limit}, but got {value} instead."
    return Refusal(f"{kind}_{'below_min' if value < lowest else 'above_max'}_value", text, path)


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
