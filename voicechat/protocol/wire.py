"""What every wire event has in common, and the two events that stand for "not understood".

A service may send what we do not know (a new event type) or cannot read (half a frame, no JSON). Both are events
like any other, so that they reach the tape and the event list instead of an exception handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
else:
    # msgspec resolves annotations at run time and does not know recursive aliases; mypy still sees the real one.
    JsonValue = Any

MAX_INTEGER = 2**53
"""Beyond this JSON numbers stop being exact in most languages; nothing in the protocol comes near it."""

WireInt: TypeAlias = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""An integer of the wire: a bigger one is a badly typed field, so nobody below has to think of overflow."""


class WireEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events; a subclass gives its GA type as `tag`."""

    event_id: str | None = None
    """Chosen by the sender; a client's own comes back only in `error.event_id`. Compatible servers may omit theirs."""


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Well formed, but of a type this client does not know; shown and recorded, otherwise ignored."""

    type: str
    payload: dict[str, JsonValue] = msgspec.field(default_factory=dict)
    """The whole event as it came, `type` included."""


class MalformedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Not an event at all: no JSON, no object, no usable `type`."""

    reason: str
    excerpt: str = ""
    """The first characters, for the event list; printable UTF-8, at most `codec.EXCERPT_LENGTH`."""
    size: int = 0
    """Length of the frame in bytes."""


def number_within(value: object, least: float, most: float) -> float | None:
    """A number from outside as a float; None for anything else, for NaN and beyond the bounds, however long it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if least <= value <= most else None


def type_of(event: WireEvent | UnknownEvent | MalformedFrame | type[WireEvent]) -> str:
    """The GA type string of an event or event class, whatever dialect it was spoken in."""
    match event:
        case UnknownEvent():
            return event.type
        case MalformedFrame():
            return "malformed"
        case _:
            return str(event.__struct_config__.tag)
