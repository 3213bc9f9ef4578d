"""What the engine and its clients say to each other, and how it is framed.

A frame is a little-endian `u32` length and one msgpack map with a `kind`. Clients send hello, command, ping and bye;
the engine sends hello, snapshot, turns, batch, finding, ack, pong and goodbye. A snapshot may be skipped (latest
wins), turns, findings and acks never are; a batch tells how many rows it had to drop.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import IO, Any, Literal, TypeVar

import msgspec

from voicechat import __version__
from voicechat.core.user_events import EchoMode, UserAct
from voicechat.core.view import TurnView, View
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry
from voicechat.line import JitterStats

WishFrom = Literal["system", "settings", "remembered", "chosen"]
"""Who wished for a device: nobody; a flag, the environment or the configuration; a choice, earlier or in this talk."""
MAX_FRAME = 16 * 1024 * 1024
LINK_VERSION = 2


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
    overruns: int = 0
    """Times sound from the microphone was lost because it was not taken in time."""
    lost: int = 0
    """Times a device was lost."""
    jitter: float | None = None
    """Seconds, RFC 3550."""
    codec: str = ""
    kbit_in: float | None = None
    kbit_out: float | None = None
    """Kilobits a second that came over the line and went out, over the last seconds."""
    received: JitterStats | None = None
    """What became of the assistant's sound on its way; None without a line."""


class SoundFacts(msgspec.Struct, frozen=True):
    """What can be switched about the sound, as it is now."""

    echo: EchoMode = "on"
    noise: bool = True
    gain: bool = True
    latency: str = "balanced"
    can_wait: bool = False
    """A lost device can be waited for, and no other be used in its place."""
    keeps_waiting: bool = False
    """A device was lost, and the user wants no other in its place."""


class DeviceRow(msgspec.Struct, frozen=True):
    """One microphone or loudspeaker that could be chosen, by name."""

    name: str
    note: str = ""
    """A warning worth reading before choosing it."""


class DeviceSide(msgspec.Struct, frozen=True):
    """The microphones, or the loudspeakers."""

    rows: tuple[DeviceRow, ...] = ()
    wish: str = "default"
    """`default`, `none`, a name or a sound file: what was asked for."""
    wish_from: WishFrom = "system"
    in_use: str = ""
    """The device that runs now; `none` without one."""
    default: str = ""
    """What following the system means now."""


# engine -> client
class EngineHello(msgspec.Struct, frozen=True, tag_field="kind", tag="hello"):
    version: int
    pid: int
    app: str


def mismatch(hello: EngineHello) -> str:
    """Why this client cannot understand that engine; empty when it can."""
    if hello.version == LINK_VERSION:
        return ""
    return f"this talk runs voicechat {hello.app}, here is {__version__}: use the same version for both"


class Snapshot(msgspec.Struct, frozen=True, tag_field="kind", tag="snapshot"):
    view: View
    meters: Meters
    sound: SoundFacts = SoundFacts()
    t: float = 0.0
    """Session time of this state, in seconds. A state that differs in nothing else is not sent."""


class Turns(msgspec.Struct, frozen=True, tag_field="kind", tag="turns"):
    """Changed transcript entries, and the whole order when it changed."""

    changed: tuple[TurnView, ...]
    order: tuple[str, ...] | None = None


class Batch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    rows: tuple[Entry, ...]
    """Sound elided, bounded."""
    dropped: int = 0


class Devices(msgspec.Struct, frozen=True, tag_field="kind", tag="devices"):
    """What there is to choose from; sent while somebody looks (`DevicesAsked`), when it changed."""

    mics: DeviceSide = DeviceSide()
    speakers: DeviceSide = DeviceSide()
    problem: str = ""
    hint: str = ""


class Numbers(msgspec.Struct, frozen=True, tag_field="kind", tag="numbers"):
    """Times, tokens and money of the talk; at most twice a second, when they changed. Times of turns: session time."""

    t: float
    """Session time at which it was made."""
    figures: Figures


class SessionShown(msgspec.Struct, frozen=True, tag_field="kind", tag="session"):
    """The configuration as the settings drawer shows it; sent when it changed. Paths are GA, without `session.`."""

    document: str = "{}"
    """JSON of what `session.updated` (or `session.created`) returned, in GA spelling, tools left out."""
    pending: tuple[str, ...] = ()
    """Chosen, and not answered yet."""
    refused: tuple[tuple[str, str], ...] = ()
    """(path, why) of choices that did not come into force."""
    wish: str = "{}"
    """JSON of what a session that began now would ask for."""
    was: tuple[tuple[str, str], ...] = ()
    """(path, JSON) of what `SettingUndone` goes back to, the latest last."""
    dialect: Literal["ga", "beta", "xai"] = "ga"
    transport: str = "WebRTC"
    preset: str = ""
    """The preset whose every value holds; empty where single options overrule it."""
    voice_fixed: bool = False
    """The voice was heard, and the service keeps it for this session."""
    local_detection: bool = False
    """Hands-free with turn detection of our own."""
    suggested: tuple[tuple[str, int, str], ...] = ()
    """(path, value, what it would have done in this talk)."""


class TapeShown(msgspec.Struct, frozen=True, tag_field="kind", tag="tape"):
    """A tape is made in `folder` from now on; empty: none any more."""

    folder: str = ""
    redacted: bool = False


class MicSpan(msgspec.Struct, frozen=True):
    """The microphone from a moment on: whether its sound leaves this machine, and if not, why."""

    t: float
    is_open: bool
    reason: str = ""


class Jumped(msgspec.Struct, frozen=True, tag_field="kind", tag="jumped"):
    """A replay goes on at another moment. What follows (rows, turns, findings, a snapshot) says how it stands there."""

    t: float
    anew: bool
    """Back in time: events, findings and the timeline begin anew; else this fills the stretch that was left out."""
    start: float = 0.0
    """Where that stretch begins."""
    mic: tuple[MicSpan, ...] = ()
    you: bytes = b""
    assistant: bytes = b""
    """Levels from `start` on, one signed byte of dBFS for each 50 ms; empty where no sound was recorded."""


class Playing(msgspec.Struct, frozen=True, tag_field="kind", tag="playing"):
    """Where a replay is. Times are session time, seconds."""

    at: float
    length: float
    speed: float = 1.0
    is_paused: bool = False
    remark: str = ""
    """Why there is no sound, what cannot be shown, or what is going on; empty: everything is as recorded."""
    known: float = 1.0
    """Share of the tape that has been read, 0 to 1: only there a jump is instant."""


class Ack(msgspec.Struct, frozen=True, tag_field="kind", tag="ack"):
    """The answer to a command: empty reason means done."""

    id: int
    reason: str = ""


class Pong(msgspec.Struct, frozen=True, tag_field="kind", tag="pong"):
    id: int


class Unresponsive(msgspec.Struct, frozen=True, tag_field="kind", tag="unresponsive"):
    """Made by the host: the engine lives and has answered no ping for `seconds`; 0: it answers again."""

    seconds: float


class Goodbye(msgspec.Struct, frozen=True, tag_field="kind", tag="goodbye"):
    cause: str
    exit_code: int = 0
    restart: bool = False
    """A fresh engine would do better: only this process cannot reach the sound system any more."""


FromEngine = (
    EngineHello
    | Snapshot
    | Turns
    | Batch
    | Devices
    | Finding
    | Numbers
    | SessionShown
    | TapeShown
    | Jumped
    | Playing
    | Ack
    | Pong
    | Unresponsive
    | Goodbye
)


# client -> engine
class ClientHello(msgspec.Struct, frozen=True, tag_field="kind", tag="hello"):
    """First frame of a client: the settings of the whole session, secrets left out (they travel in the environment)."""

    version: int
    settings: dict[str, Any]
    turns: tuple[TurnView, ...] = ()
    """Of an engine that ended, in their order: the conversation continues with them."""
    muted: bool = False
    """The microphone begins muted."""
    outlives: float = 0.0
    """More than 0: the engine goes on without this client, until nobody debugs it for so many seconds."""


class Command(msgspec.Struct, frozen=True, tag_field="kind", tag="command"):
    """What the user did."""

    id: int
    act: UserAct


class Ping(msgspec.Struct, frozen=True, tag_field="kind", tag="ping"):
    """Keeps the dead man's switch open: none for 3 s closes the mic."""

    id: int


class Bye(msgspec.Struct, frozen=True, tag_field="kind", tag="bye"):
    """The client leaves; the engine ends."""


FromClient = ClientHello | Command | Ping | Bye

Message = TypeVar("Message")
_encoder = msgspec.msgpack.Encoder()
_from_engine: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)


def pack(message: FromEngine | FromClient) -> bytes:
    """One framed message."""
    body = _encoder.encode(message)
    return struct.pack("<I", len(body)) + body


def from_engine(stream: IO[bytes]) -> Iterator[FromEngine]:
    """What an engine says, until the stream ends."""
    return _messages(stream, _from_engine)


def from_client(stream: IO[bytes]) -> Iterator[FromClient]:
    """What a client says, until the stream ends."""
    return _messages(stream, _from_client)


def _messages(stream: IO[bytes], decoder: msgspec.msgpack.Decoder[Message]) -> Iterator[Message]:
    """Every message until the stream ends; what is none is skipped."""
    while len(header := stream.read(4)) == 4:
        (length,) = struct.unpack("<I", header)
        body = stream.read(length) if length <= MAX_FRAME else b""
        if len(body) != length:
            return
        with contextlib.suppress(msgspec.DecodeError):
            yield decoder.decode(body)
