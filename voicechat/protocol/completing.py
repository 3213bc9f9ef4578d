"""What may stand at the cursor of an event that is being written: names of fields, and words that are the whole choice.

The text is seldom valid JSON while it is written, so it is read token by token; what comes after the cursor does not
matter, except for the event's `type`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from voicechat.protocol.dialects import DialectName
from voicechat.protocol.event_shapes import ItemShape, client_types, event_shape
from voicechat.protocol.session_fields import TRANSCRIPTION_SESSION
from voicechat.protocol.shapes import ByKind, Fields, Flag, ListOf, Shape, Tagged, Word

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_TYPE = re.compile(r'"type"\s*:\s*"([^"\\]{1,80})"')
DEEPEST = 64


@dataclass(slots=True)
class _Frame:
    """An object or a list that is open at the cursor."""

    is_object: bool
    awaits_value: bool
    name: str = ""
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor is."""

    path: tuple[str, ...]
    """Names of the objects around it; `[]` for a list. For a value, its own name is the last."""
    is_name: bool
    partial: str
    """What is written of it so far, quotes left out."""
    start: int
    """Where the partial begins, the opening quote included."""
    is_quoted: bool
    siblings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """What may be written there."""

    place: Place
    words: tuple[str, ...]
    """As they stand in the text: names and texts without quotes, true, false and null as they are."""
    are_bare: bool = False

    def spelled(self, word: str, rest: str) -> tuple[str, int]:
        """The word as it is put in, and how many characters after the cursor it replaces; `rest` follows the cursor."""
        if self.are_bare:
            return word, 0
        replaced = int(self.place.is_quoted and rest.startswith('"'))
        needs_colon = self.place.is_name and not rest[replaced:].lstrip().startswith(":")
        return f'"{word}": ' if needs_colon else f'"{word}"', replaced


def place_in(text: str, cursor: int) -> Place:
    """The objects around the cursor, and what is written of the name or value it stands in."""
    frames: list[_Frame] = []
    partial, start, is_quoted = "", cursor, False
    for match in _TOKEN.finditer(text, 0, cursor):
        token = match[0]
        is_open_text = token[0] == '"' and (len(token) == 1 or not token.endswith('"'))
        if match.end() == cursor and (is_open_text or token[0] not in '"{}[]:,'):
            partial, start, is_quoted = token.removeprefix('"'), match.start(), token[0] == '"'
            break
        _take(frames, token)
    inner = frames[-1] if frames else _Frame(is_object=False, awaits_value=True)
    path = [("[]" if not one.is_object else one.name) for one in frames[:-1]]
    is_name = inner.is_object and not inner.awaits_value
    if frames and not is_name:
        path.append(inner.name if inner.is_object else "[]")
    return Place(tuple(path), is_name, partial, start, is_quoted, tuple(inner.names))


def _take(frames: list[_Frame], token: str) -> None:
    inner = frames[-1] if frames else None
    if token in "{[":
        if len(frames) < DEEPEST:
            frames.append(_Frame(is_object=token == "{", awaits_value=token == "["))
    elif token in "}]":
        if frames:
            frames.pop()
    elif inner is None or not inner.is_object:
        return
    elif token == ":":
        inner.awaits_value = True
    elif token == ",":
        inner.awaits_value = False
    elif not inner.awaits_value:
        inner.name = token.strip('"')
        inner.names.append(inner.name)


def complete(text: str, cursor: int, dialect: DialectName) -> Completion:
    """The words that may stand at the cursor; none where everything or nothing may."""
    place = place_in(text, cursor)
    if place.path == ("type",) and not place.is_name:
        return _fitting(place, client_types(dialect))
    kind = _TYPE.search(text)
    shape: Shape | None = event_shape(kind[1], dialect) if kind else None
    if shape is None:
        return _fitting(place, ("type", "event_id") if place.is_name and not place.path else ())
    if dialect == "ga" and '"transcription"' in text and place.path[:1] == ("session",) and isinstance(shape, Fields):
        shape = Fields({**shape.members, "session": TRANSCRIPTION_SESSION})
    found = _at([shape], place.path)
    if place.is_name:
        names = dict.fromkeys(name for one in found for name, _ in _members(one) if name not in (*place.siblings, "[]"))
        return _fitting(place, tuple(names))
    texts = tuple(dict.fromkeys(word for one in found for word in _texts(one)))
    if texts and (place.is_quoted or not place.partial):
        return _fitting(place, texts)
    bare = tuple(dict.fromkeys(word for one in found for word in _bare(one)))
    return _fitting(place, () if place.is_quoted else bare, are_bare=True)


def _fitting(place: Place, words: tuple[str, ...], *, are_bare: bool = False) -> Completion:
    return Completion(place, tuple(word for word in words if word.startswith(place.partial)), are_bare)


def _at(shapes: list[Shape], path: tuple[str, ...]) -> list[Shape]:
    """Every shape that may stand at a path; several where a type decides that is not read."""
    for name in path:
        shapes = [inner for shape in shapes for known, inner in _members(shape) if known == name]
    return shapes


def _members(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """What an object may hold, by name; what a list may hold, as `[]`."""
    match shape:
        case Fields(members=members):
            yield from members.items()
        case Tagged(variants=variants):
            yield "type", Word(tuple(variants))
            for variant in variants.values():
                yield from _members(variant)
        case ItemShape():
            yield "type", Word(shape.kinds)
            for variant in shape.variants:
                yield from _members(variant)
        case ByKind(table=table, listing=listing):
            for one in (table, listing):
                if one is not None:
                    yield from _members(one)
        case ListOf(inner=inner):
            yield "[]", inner
        case _:
            return


def _texts(shape: Shape) -> Iterator[str]:
    match shape:
        case Word(words=words):
            yield from words
        case ByKind(text=text) if text is not None:
            yield from _texts(text)
        case _:
            yield from getattr(shape, "known", ())


def _bare(shape: Shape) -> Iterator[str]:
    match shape:
        case Flag():
            yield from ("true", "false")
        case ByKind(null=True):
            yield "null"
        case _:
            return
