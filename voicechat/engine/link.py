"""What the engine and its clients say to each other, and how it is framed.

A frame is a little-endian `u32` length and one msgpack map with a `kind`. Clients send hello, command, ping and bye;
the engine sends hello, snapshot, turns, batch, ack, pong and goodbye. A snapshot may be skipped (latest wins), turns
and acks never are; a batch tells how many rows it had to drop.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import msgspec

from voicechat.core.view import TurnView, View

MAX_FRAME = 16 * 1024 * 1024
LINK_VERSION = 1


class Meters(msgspec.Struct, frozen=True):
    """Levels for the deck, dBFS (None: no such device)."""

    input: float | None = None
    input_peak: float | None = None
    clipped: float = 0.0
    """Share of clipped samples in the last second, 0 to 1."""
    output: float | None = None
    threshold: float | None = None
    """The lowest level that made the server react so far (noise + 12 dB before three turns)."""
    rtt: float | None = None
    """Seconds, from RTCP."""
    underruns: int = 0
    late: int = 0
    restarts: int = 0
    buffer: float | None = None
    loss: float | None = None
    concealed: float | None = None


class EventRow(msgspec.Struct, frozen=True):
    """One event that flowed. `payload` is its JSON with audio elided, bounded."""

    seq: int
    t: float
    """Session time in seconds."""
    dir: Literal["in", "out", "local"]
    type: str
    summary: str = ""
    size: int = 0
    payload: str = ""
    refs: tuple[str, str, str] = ("", "", "")
    """Response, item and call it belongs to; empty where it names none."""
    tags: tuple[str, ...] = ()
    """What the type alone does not say: `mine` (typed by the user), `unknown`, `harmless`, `audio`."""


# engine -> client
class EngineHello(msgspec.Struct, frozen=True, tag_field="kind", tag="hello"):
    version: int
    pid: int
    app: str


class Snapshot(msgspec.Struct, frozen=True, tag_field="kind", tag="snapshot"):
    view: View
    meters: Meters


class Turns(msgspec.Struct, frozen=True, tag_field="kind", tag="turns"):
    """Changed transcript entries, and the whole order when it changed."""

    changed: tuple[TurnView, ...]
    order: tuple[str, ...] | None = None


class Batch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    rows: tuple[EventRow, ...]
    dropped: int = 0


class Ack(msgspec.Struct, frozen=True, tag_field="kind", tag="ack"):
    """The answer to a command: empty reason means done."""

    id: int
    reason: str = ""


class Pong(msgspec.Struct, frozen=True, tag_field="kind", tag="pong"):
    id: int


class Goodbye(msgspec.Struct, frozen=True, tag_field="kind", tag="goodbye"):
    cause: str
    exit_code: int = 0


FromEngine = EngineHello | Snapshot | Turns | Batch | Ack | Pong | Goodbye


# client -> engine
class ClientHello(msgspec.Struct, frozen=True, tag_field="kind", tag="hello"):
    """First frame of a client: the settings of the whole session, secrets left out (they travel in the environment)."""

    version: int
    settings: dict[str, Any]


class Command(msgspec.Struct, frozen=True, tag_field="kind", tag="command"):
    """`name` is the class name of a user event (`core.events.UserEvent`), `args` its fields."""

    id: int
    name: str
    args: dict[str, Any] = {}


class Ping(msgspec.Struct, frozen=True, tag_field="kind", tag="ping"):
    """Keeps the dead man's switch open: none for 3 s closes the mic."""

    id: int


class Bye(msgspec.Struct, frozen=True, tag_field="kind", tag="bye"):
    """The client leaves; the engine ends."""


FromClient = ClientHello | Command | Ping | Bye

_encoder = msgspec.msgpack.Encoder()
_from_engine: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)


def pack(message: FromEngine | FromClient) -> bytes:
    """One framed message."""
    body = _encoder.encode(message)
    return struct.pack("<I", len(body)) + body


def unpack_from_engine(body: bytes) -> FromEngine:
    """Raises msgspec.DecodeError for a body that is no message of the engine."""
    return _from_engine.decode(body)


def unpack_from_client(body: bytes) -> FromClient:
    """Raises msgspec.DecodeError for a body that is no message of a client."""
    return _from_client.decode(body)
