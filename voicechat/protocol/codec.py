"""JSON text <-> event, for both roles.

Reading is tolerant: services differ, and a field nobody expected must never end a talk. Only `type` is required; what
does not fit is absent and noted, what is no event at all becomes `MalformedFrame`. No input makes a decoder raise.
Writing is strict: what the protocol does not allow is a defect of ours and raises `LocalProtocolError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from voicechat.protocol import repairs
from voicechat.protocol.client_events import CLIENT_EVENTS, ClientEvent
from voicechat.protocol.dialects import Dialect, ga_name
from voicechat.protocol.json_text import Notes, byte_size, clean_text, read_json
from voicechat.protocol.outgoing import spelled
from voicechat.protocol.salvage import build
from voicechat.protocol.server_events import SERVER_EVENTS, ServerEvent
from voicechat.protocol.wire import JsonValue, MalformedFrame, UnknownEvent, WireEvent

E = TypeVar("E", covariant=True)
ClientFrame: TypeAlias = ClientEvent | UnknownEvent | MalformedFrame

EXCERPT_LENGTH = 160
"""Characters of a malformed frame that are kept to be shown."""


@dataclass(frozen=True, slots=True)
class Decoded(Generic[E]):
    """One frame, understood as far as it can be."""

    event: E
    notes: tuple[str, ...] = ()
    """What was odd, in plain words with the field's path; empty for a frame that follows the specification."""
    raw: dict[str, JsonValue] | None = None
    """The frame as it came, in the dialect it came in; None if it was no JSON object."""
    size: int = 0
    """Bytes on the wire."""


def decode_server(text: str | bytes) -> Decoded[ServerEvent]:
    """What a service said."""
    return cast("Decoded[ServerEvent]", _decode(text, SERVER_EVENTS))


def decode_client(text: str | bytes) -> Decoded[ClientFrame]:
    """What a client said."""
    return cast("Decoded[ClientFrame]", _decode(text, CLIENT_EVENTS))


def encode(event: ServerEvent | ClientEvent, dialect: Dialect = "ga") -> str:
    """The event as text. Raises `LocalProtocolError` for what must not be sent in that dialect.

    A GA session object is translated for beta; in GA it goes out as it is, since `session_config` has checked it and a
    provider may have fields of its own.
    """
    return spelled(event, dialect)


def _decode(text: str | bytes, known: Mapping[str, type[WireEvent]]) -> Decoded[object]:
    size = byte_size(text)
    read = read_json(text)
    if not isinstance(read.tree, dict):
        reason = read.reason or f"a JSON {_kind(read.tree)}, where an event is an object"
        return Decoded(MalformedFrame(reason=reason, excerpt=excerpt(text), size=size), read.notes, None, size)
    raw = cast("dict[str, JsonValue]", read.tree)
    notes = Notes(list(read.notes))
    kind = repairs.event_type(raw, notes, may_be_error="error" in known)
    if not kind:
        reason = "an object without a usable type"
        return Decoded(MalformedFrame(reason=reason, excerpt=excerpt(text), size=size), tuple(notes.lines), raw, size)
    record = known.get(ga_name(kind))
    if record is None:
        event: object = UnknownEvent(type=kind, payload=raw)
    else:
        event = build(record, repairs.repaired(record, raw, notes), notes)
    return Decoded(event, tuple(notes.lines), raw, size)


def excerpt(text: str | bytes) -> str:
    """The beginning of a frame, as text that can be encoded again."""
    start = text[:EXCERPT_LENGTH]
    return start.decode("utf-8", "replace") if isinstance(start, bytes) else clean_text(start)


def _kind(tree: object) -> str:
    match tree:
        case list():
            return "array"
        case str():
            return "string"
        case None:
            return "null"
        case bool():
            return "boolean"
        case _:
            return "number"
