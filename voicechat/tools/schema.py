"""A function's parameters as JSON Schema, from its type hints and its docstring.

The schema is what the model reads and what its arguments are checked against, so a hint that JSON cannot hold is
refused when the file is read, not when the call comes.

What a docstring says of a function and of each argument, in the three usual styles (Google, Sphinx, NumPy).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import re
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, Union

import msgspec

_SECTION = re.compile(
    r"(args|arguments|params|parameters|returns?|yields?|raises|examples?|notes?|attributes|see also|warnings?|todo)"
    r":?\s*$",
    re.IGNORECASE,
)
_ARGUMENTS = ("args", "arguments", "params", "parameters")
_GOOGLE = re.compile(r"\*{0,2}(\w+)\s*+(?:\([^)]*\)\s*+)?:\s*(.*)$")
_NUMPY = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\w+)*)\s*(?::.*)?$")
_SPHINX = re.compile(r":(?:param|parameter|arg|argument|key)\s+(?:[^:]*?\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_SPHINX_OTHER = re.compile(r":\w++[^:]*:")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """(what the function does, argument -> what it is). Whatever fits no style is part of the description."""
    lines = inspect.cleandoc(text).splitlines()
    about: list[str] = []
    arguments: dict[str, str] = {}
    place = 0
    while place < len(lines):
        line = lines[place]
        if found := _SPHINX.match(line.strip()):
            words, place = _more(lines, place + 1, _indent(line))
            arguments[found[1]] = _joined(found[2], *words)
        elif _SPHINX_OTHER.match(line.strip()):
            _, place = _more(lines, place + 1, _indent(line))
        elif section := _section_at(lines, place):
            body, place = _body(lines, place, is_numpy=section.endswith("-"))
            if section.rstrip("-") in _ARGUMENTS:
                arguments |= _numpy(body) if section.endswith("-") else _google(body)
        else:
            about.append(line)
            place += 1
    return "\n".join(about).strip(), arguments


def _section_at(lines: list[str], place: int) -> str:
    """The section that begins here, in small letters, with a dash behind it in NumPy's style; empty for none."""
    found = _SECTION.match(lines[place])
    if found is None:
        return ""
    below = lines[place + 1] if place + 1 < len(lines) else ""
    if len(below) > 2 and not below.strip("-"):
        return f"{found[1].lower()}-"
    return found[1].lower() if lines[place].rstrip().endswith(":") and (not below or _indent(below)) else ""


def _body(lines: list[str], place: int, *, is_numpy: bool) -> tuple[list[str], int]:
    """The lines of a section without its title, and where it ends."""
    place += 2 if is_numpy else 1
    body: list[str] = []
    while place < len(lines):
        line = lines[place]
        if is_numpy and _section_at(lines, place):
            break
        if not is_numpy and line.strip() and not _indent(line):
            break
        body.append(line)
        place += 1
    return body, place


def _google(body: list[str]) -> dict[str, str]:
    told = [line for line in body if line.strip()]
    first = min((_indent(line) for line in told), default=0)
    arguments: dict[str, str] = {}
    name = ""
    for line in told:
        found = _GOOGLE.match(line.strip()) if _indent(line) == first else None
        if found:
            name = found[1]
            arguments[name] = found[2].strip()
        elif name:
            arguments[name] = _joined(arguments[name], line)
    return arguments


def _numpy(body: list[str]) -> dict[str, str]:
    arguments: dict[str, str] = {}
    names: list[str] = []
    for line in body:
        if not line.strip():
            continue
        if not _indent(line):
            found = _NUMPY.match(line.strip())
            names = [name.strip() for name in found[1].split(",")] if found else []
            arguments |= dict.fromkeys(names, "")
        else:
            arguments |= {name: _joined(arguments[name], line) for name in names}
    return arguments


def _more(lines: list[str], place: int, indent: int) -> tuple[list[str], int]:
    """Lines that go on with what stands above: indented deeper, no blank line between."""
    more: list[str] = []
    while place < len(lines) and lines[place].strip() and _indent(lines[place]) > indent:
        more.append(lines[place])
        place += 1
    return more, place


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(*words: str) -> str:
    return " ".join(" ".join(words).split())


Schema = dict[str, Any]
DEEPEST = 8
"""Records within records; a record that holds itself goes on for ever."""
LONGEST = 2000
"""Characters of a description; the model pays for each of them in every session."""
_PLAIN: Mapping[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": ["number", "string"]},
    pathlib.Path: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    Any: {},
    object: {},
}
_JSON_NAMES: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class UnfitError(Exception):
    """This function cannot be offered to a model; the message says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A function as the model sees it, and the hints to read its arguments back by."""

    name: str
    description: str
    parameters: Schema
    hints: Mapping[str, Any]

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """JSON values as what the hints promise (records, enums, dates). Raises msgspec.ValidationError."""
        return {name: msgspec.convert(value, self.hints[name], dec_hook=_custom) for name, value in given.items()}


def signature_of(function: Callable[..., Any], name: str = "") -> Signature:
    """Raises UnfitError."""
    name = name or function.__name__
    about, arguments = read_docstring(function.__doc__ or "")
    given = inspect.signature(function).parameters
    hints = _hints(function, given)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    used: dict[str, Any] = {}
    for parameter in given.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UnfitError(f"{parameter} cannot be given by name; models name each argument")
        hint = hints.get(parameter.name, Any)
        try:
            schema = schema_of(hint)
            msgspec.json.Decoder(hint, dec_hook=_custom)
        except (UnfitError, TypeError, RecursionError) as error:
            raise UnfitError(f"parameter {parameter.name}: {error}") from error
        if (words := arguments.get(parameter.name)) and "description" not in schema:
            schema["description"] = words[:LONGEST]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        else:
            schema |= _default(parameter.default)
        properties[parameter.name], used[parameter.name] = schema, hint
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Signature(name, about[:LONGEST], parameters, used)


def _hints(function: Callable[..., Any], given: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The hints of the parameters alone: what it returns is nobody's business here."""
    written = {name: one.annotation for name, one in given.items() if one.annotation is not one.empty}
    code = inspect.unwrap(function)
    known = getattr(code, "__globals__", None) or getattr(type(code).__call__, "__globals__", {})
    try:
        return typing.get_type_hints(types.SimpleNamespace(__annotations__=written), known, include_extras=True)
    except Exception as error:  # hints are somebody's code: anything may happen in them
        raise UnfitError(f"its type hints cannot be read: {error}") from error


def schema_of(hint: Any, depth: int = 0) -> Schema:
    """The schema of one type hint. Raises UnfitError."""
    if depth > DEEPEST:
        raise UnfitError("it holds itself, or nests too deep")
    if _is_plain(hint):
        return dict(_PLAIN[hint])
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        words = next((part for part in parts[1:] if isinstance(part, str)), "")
        return schema_of(parts[0], depth) | ({"description": words[:LONGEST]} if words else {})
    if origin in (Required, NotRequired):
        return schema_of(parts[0], depth)
    if origin is Literal:
        return _choices(parts)
    if origin in (Union, types.UnionType):
        return _any_of([schema_of(part, depth + 1) for part in parts])
    kind = origin if isinstance(origin, type) else hint
    if isinstance(kind, type):
        return _of_class(kind, parts, depth)
    raise UnfitError(f"{hint!r} cannot be written as JSON")


def _is_plain(hint: Any) -> bool:
    try:
        return hint in _PLAIN
    except TypeError:  # not hashable, so none of ours
        return False


def _of_class(kind: type, parts: tuple[Any, ...], depth: int) -> Schema:
    if issubclass(kind, enum.Enum):
        return _choices([member.value for member in kind])
    if typing.is_typeddict(kind):
        # Where hints are texts (`from __future__ import annotations`) Python does not see NotRequired itself.
        hints = typing.get_type_hints(kind, include_extras=True)
        left_out = {name for name, hint in hints.items() if typing.get_origin(hint) is NotRequired}
        needed = set(kind.__required_keys__) - left_out  # type: ignore[attr-defined]  # typed dicts have it
        return _record(kind, needed, depth)
    if dataclasses.is_dataclass(kind):
        given = [one for one in dataclasses.fields(kind) if one.init]
        empty = dataclasses.MISSING
        bare = {one.name for one in given if one.default is empty and one.default_factory is empty}
        return _record(kind, bare, depth, [one.name for one in given])
    if issubclass(kind, Mapping):
        value = schema_of(parts[1], depth + 1) if len(parts) == 2 else {}
        return {"type": "object"} | ({"additionalProperties": value} if value else {})
    if issubclass(kind, tuple) and parts and parts[-1] is not Ellipsis:
        items = [schema_of(part, depth + 1) for part in parts]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if issubclass(kind, Sequence | Set):
        unique = {"uniqueItems": True} if issubclass(kind, Set) else {}
        item = schema_of(parts[0], depth + 1) if parts else {}
        return {"type": "array"} | ({"items": item} if item else {}) | unique
    raise UnfitError(f"{kind.__name__} cannot be written as JSON")


def _record(kind: type, required: Any, depth: int, names: Sequence[str] | None = None) -> Schema:
    hints = typing.get_type_hints(kind, include_extras=True)
    words = read_docstring(inspect.getdoc(kind) or "")[1]
    properties = {}
    for name in names if names is not None else hints:
        schema = schema_of(hints[name], depth + 1)
        properties[name] = ({"description": words[name]} if name in words else {}) | schema
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | {"required": [name for name in properties if name in required]}


def _choices(values: Sequence[Any]) -> Schema:
    kinds = sorted({_JSON_NAMES.get(type(value), "") for value in values})
    if "" in kinds:
        raise UnfitError("a choice must be a text, a number, true, false or nothing")
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": list(values)}


def _any_of(schemas: list[Schema]) -> Schema:
    """Plain kinds side by side are one list of kinds, which models read best."""
    if all(set(schema) == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {} if {} in schemas else {"anyOf": schemas}


def _default(value: Any) -> Schema:
    try:
        return {"default": msgspec.to_builtins(value, enc_hook=_unknown)}
    except (TypeError, ValueError, RecursionError):
        return {}  # a default the model need not see


def _unknown(value: Any) -> Any:
    raise TypeError(type(value).__name__)


def _custom(kind: type, value: Any) -> Any:
    if kind is pathlib.Path and isinstance(value, str):
        return pathlib.Path(value)
    if kind is object:
        return value
    raise TypeError(f"{kind.__name__} cannot be read from JSON")
