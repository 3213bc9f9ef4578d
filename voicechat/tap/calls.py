"""A call over WebRTC through the tap: the client's offer ends here, and an offer of ours goes to the service.

Whatever else the client's request carries (session, headers, query) reaches the service as it came, and so does the
service's answer reach the client, a refusal too. Sound and messages go from leg to leg without being touched.

One of the two peer connections of a tapped call: Opus packets and messages in, and out again on the other leg.

Payloads and timestamps are passed on as they came, nothing is decoded and nothing waits in a buffer: a lost packet
leaves the same hole in the numbering behind the tap as before it. aiortc has no interface for that, so three of its
names that are not public are used: `_handle_rtp_packet` of the receiver (looked at by `why_not_tapped`), the receiver's
jitter buffer (which would decode for nobody) and `_send_rtp` of the transport, where the number is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import inspect
import re
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtp import RtpPacket, is_rtcp
from av import Packet

from voicechat.errors import SignallingError
from voicechat.rtc import loopback_candidates, sdp
from voicechat.rtc.receive_path import why_not_tapped
from voicechat.tap.registry import SessionRegistry
from voicechat.tap.rest import ask, problem
from voicechat.tap.session import Direction, Session
from voicechat.tap.upstream import passed_on
from voicechat.tasks import spawn
from voicechat.visitors import sent_in_time

loopback_candidates.install()

_STOCK_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_PLACEHOLDER = 1022
"""Number of the channel that only makes the offer ask for channels; it is never opened on the wire."""
MOST_WAITING = 10
"""Packets (0.2 s) that wait for a leg that does not send; the oldest goes."""


@dataclass(frozen=True, slots=True)
class SoundPacket:
    """One RTP packet's sound. `position`: its timestamp, unwrapped, 48 kHz; `came_at` on the tap's clock."""

    payload: bytes
    number: int
    position: int
    came_at: float


class _NeverAFrame:
    """In the place of aiortc's own buffer, so that nothing is decoded."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Neither a picture to ask for nor a frame to decode."""
        return False, None


class _Passing(MediaStreamTrack):
    """Hands packets of the other leg to aiortc's sender the moment they come."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[SoundPacket] = deque(maxlen=MOST_WAITING)
        self._came = asyncio.Event()
        self._is_asked = False
        self.sending: SoundPacket | None = None
        """The packet that aiortc is sending now."""

    def put(self, packet: SoundPacket) -> None:
        """The next packet; before the leg sends only the newest one is kept, so that it begins without delay."""
        if not self._is_asked:
            self._waiting.clear()
        self._waiting.append(packet)
        self._came.set()

    async def recv(self) -> Packet:
        """Raises MediaStreamError once the track was stopped."""
        self._is_asked = True
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
            if self.readyState != "live":
                raise MediaStreamError
        self.sending = self._waiting.popleft()
        packet = Packet(self.sending.payload)
        packet.pts, packet.time_base = self.sending.position, fractions.Fraction(1, 48_000)
        return packet

    def stop(self) -> None:
        super().stop()
        self._came.set()


class Leg:
    """Make it, exchange descriptions, give it the other leg's packets and messages, `close` it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._track = _Passing()
        self._payload_types: frozenset[int] = frozenset()
        self._unwrap = _Unwrapped()
        self._closing: asyncio.Task[None] | None = None
        self.on_packet: Callable[[SoundPacket], None] = lambda packet: None
        self.on_sent: Callable[[SoundPacket], None] = lambda packet: None
        self.on_channel: Callable[[RTCDataChannel], None] = lambda channel: None
        self.on_state: Callable[[str], None] = lambda state: None
        """`connected`, `failed`, `closed`."""
        self._connection.on("datachannel", lambda channel: self.on_channel(channel))
        self._connection.on("connectionstatechange", lambda: self.on_state(self._connection.connectionState))
        self._connection.on("track", self._drain)
        self._draining: set[asyncio.Task[None]] = set()

    async def offer(self, parameters: str) -> str:
        """Our description for the service. `parameters`: what the client says of its Opus (an fmtp value)."""
        connection = self._connection
        transceiver = connection.addTransceiver(self._track, direction="sendrecv")
        transceiver.setCodecPreferences(_opus_codecs())
        self._use(transceiver)
        connection.createDataChannel("", negotiated=True, id=_PLACEHOLDER)
        await connection.setLocalDescription()
        return with_parameters(connection.localDescription.sdp, parameters)

    async def accept_answer(self, text: str) -> None:
        """The service's description. Raises SignallingError when it is of no use."""
        await self._apply(text, "answer")

    async def accept_offer(self, text: str) -> None:
        """The client's description. Raises SignallingError when it is of no use."""
        sdp.check(text, "client")
        with sdp.refusing("client"):
            await self._apply(sdp.only_opus(text), "offer")

    async def answer(self, parameters: str) -> str:
        """Our description for the client, with what the service says of its Opus."""
        with sdp.refusing("client"):
            self._connection.addTrack(self._track)
            await self._connection.setLocalDescription()
            self._number(self._connection.getSenders()[0])
        return with_parameters(self._connection.localDescription.sdp, parameters)

    def open_channel(self, like: RTCDataChannel) -> RTCDataChannel:
        """A channel of the same label and kind."""
        return self._connection.createDataChannel(
            like.label,
            maxPacketLifeTime=like.maxPacketLifeTime,
            maxRetransmits=like.maxRetransmits,
            ordered=like.ordered,
            protocol=like.protocol,
        )

    def send(self, packet: SoundPacket) -> None:
        """Sound of the other leg."""
        self._track.put(packet)

    async def close(self) -> None:
        """Any number of times."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._shut())
        await asyncio.shield(self._closing)

    async def _shut(self) -> None:
        self._track.stop()
        for task in tuple(self._draining):
            task.cancel()
        await self._connection.close()

    async def _apply(self, text: str, kind: str) -> None:
        sender = "server" if kind == "answer" else "client"
        sdp.check(text, sender)
        with sdp.refusing(sender):
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=text, type=kind))
        self._payload_types = sdp.opus_payload_types(text)
        for transceiver in self._connection.getTransceivers():
            if transceiver.kind == "audio":
                self._use(transceiver)
        if kind == "answer":
            self._number(self._connection.getSenders()[0])

    def _use(self, transceiver: RTCRtpTransceiver) -> None:
        """Take this receiver's packets."""
        receiver: RTCRtpReceiver = transceiver.receiver
        if "_handle_rtp_packet" in vars(receiver):
            return
        if reason := why_not_tapped(receiver):
            raise SignallingError(f"calls over WebRTC cannot be tapped: {reason}", hint="tap WebSocket clients")
        stock = cast(Callable[..., Awaitable[None]], receiver._handle_rtp_packet)

        async def taken(packet: RtpPacket, arrival_time_ms: int) -> None:
            self._take(packet)
            await stock(packet, arrival_time_ms=arrival_time_ms)

        setattr(receiver, "_handle_rtp_packet", taken)  # noqa: B010
        if hasattr(receiver, _STOCK_BUFFER):
            setattr(receiver, _STOCK_BUFFER, _NeverAFrame())

    def _take(self, packet: RtpPacket) -> None:
        if not packet.payload or packet.payload_type not in self._payload_types:
            return
        position = self._unwrap.position(packet.timestamp, packet.ssrc)
        self.on_packet(SoundPacket(packet.payload, packet.sequence_number, position, self._clock()))

    def _number(self, sender: RTCRtpSender) -> None:
        """Let what leaves have the numbers with which it came."""
        transport: Any = sender.transport
        stock = getattr(transport, "_send_rtp", None)
        if not inspect.iscoroutinefunction(stock):
            return  # numbers of this leg's own: a hole is then only in the time

        async def numbered(data: bytes) -> None:
            sending = None if is_rtcp(data) else self._track.sending
            if sending is not None:
                data = data[:2] + sending.number.to_bytes(2, "big") + data[4:]
            await stock(data)
            if sending is not None:
                self._track.sending = None
                self.on_sent(sending)

        setattr(transport, "_send_rtp", numbered)  # noqa: B010

    def _drain(self, track: MediaStreamTrack) -> None:
        """aiortc's own track gets nothing; reading it to its end is still expected of us."""

        async def read() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    await track.recv()

        task = spawn(read())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


class _Unwrapped:
    """RTP timestamps without their wrap at 2^32; a new sender goes on where the old one was."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._last = 0
        self._position = 0

    def position(self, timestamp: int, ssrc: int) -> int:
        """Samples since the first packet; never below zero."""
        if self._ssrc is None:
            self._position = 1 << 16  # a packet from before the first one that came must not be below zero
        elif ssrc != self._ssrc:
            self._position += 960
        else:
            step = (timestamp - self._last + 0x80000000) % 0x100000000 - 0x80000000
            self._position = max(0, self._position + step)
        self._ssrc, self._last = ssrc, timestamp
        return self._position


def parameters_of(text: str) -> str:
    """What a description says of its Opus; empty where it says nothing."""
    wanted = sdp.opus_payload_types(text)
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith("a=fmtp:") and name[7:].isdigit() and int(name[7:]) in wanted:
            return value.strip()
    return ""


def with_parameters(text: str, parameters: str) -> str:
    """The description with these parameters on its Opus; unchanged when there are none."""
    if not parameters:
        return text
    lines: list[str] = []
    wanted = {str(number) for number in sdp.opus_payload_types(text)}
    for line in text.splitlines():
        if line.startswith("a=fmtp:") and line[7:].split(" ", 1)[0] in wanted:
            continue
        lines.append(line)
        if line.startswith("a=rtpmap:") and line[9:].split(" ", 1)[0] in wanted:
            lines.append(f"a=fmtp:{line[9:].split(' ', 1)[0]} {parameters}")
    return "\r\n".join(lines) + "\r\n"


def _opus_codecs() -> list[RTCRtpCodecCapability]:
    return [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]


LARGEST_OFFER = 1_000_000
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_PART_NAME = re.compile(rb'name="?sdp"?(?:[;\r\n]|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Carried:
    """A description, and what stands before and behind it in the body.

    Requests that carry a client's session description, and answers that carry the service's. Pure.

    Clients send it bare (`application/sdp`), in a form with the session beside it, or as a field of a JSON object. All
    that stands around the description travels on byte for byte.
    """

    sdp: str
    before: bytes = b""
    after: bytes = b""
    fields: dict[str, object] | None = None
    """Of a JSON body, the description left out."""

    def with_sdp(self, sdp: str) -> bytes:
        """The same body with another description."""
        if self.fields is not None:
            return msgspec.json.encode({**self.fields, "sdp": sdp})
        return self.before + sdp.encode() + self.after


def carried(content_type: str, body: bytes) -> Carried | None:
    """The description in a body; None where there is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > LARGEST_OFFER:
        return None
    match kind:
        case "application/sdp":
            return Carried(body.decode("utf-8", "replace"))
        case "multipart/form-data":
            boundary = _BOUNDARY.search(content_type)
            return _in_form(body, boundary[1].encode()) if boundary else None
        case "application/json":
            return _in_json(body)
        case _:
            return Carried(body.decode("utf-8", "replace")) if body.lstrip()[:4] == b"v=0\r" else None


def _in_form(body: bytes, boundary: bytes) -> Carried | None:
    at = 0
    while (at := body.find(b"--" + boundary, at)) >= 0:
        head_ends = body.find(b"\r\n\r\n", at)
        if head_ends < 0:
            return None
        ends = body.find(b"\r\n--" + boundary, head_ends)
        if ends < 0:
            return None
        if _PART_NAME.search(body[at:head_ends]):
            begins = head_ends + 4
            # A length that was written for the old description would cut the new one.
            head = re.sub(rb"\r\nContent-Length:[^\r\n]*", b"", body[at:begins], flags=re.IGNORECASE)
            text = body[begins:ends].decode("utf-8", "replace")
            return Carried(text, body[:at] + head, body[ends:])
        at = ends + 2
    return None


def _in_json(body: bytes) -> Carried | None:
    try:
        told = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = told.get("sdp")
    if not isinstance(text, str) or not text.lstrip().startswith("v=0"):
        return None
    return Carried(text, fields={name: value for name, value in told.items() if name != "sdp"})


CONNECT_LIMIT = 30.0
"""Seconds until a call of which a leg does not connect is given up."""


@dataclass(eq=False)
class Call:
    """Two legs and the session they make."""

    session: Session
    calls: set[Call]
    _opened: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        clock = self.session.clock
        self.client, self.service = Leg(clock), Leg(clock)
        self._join(self.client, self.service, "out")
        self._join(self.service, self.client, "in")

    def begin(self) -> None:
        """The descriptions are exchanged: both legs connect now, or the call is given up."""
        self.calls.add(self)
        self._run(self._give_up())

    async def close(self) -> None:
        """Hang up both legs."""
        self.calls.discard(self)
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(self.client.close(), self.service.close())

    def end(self, by: str, why: str) -> None:
        """The call is over: one leg is gone, and so will the other be."""
        if not self.session.is_over:
            self.session.ended(by, why)
            self._run(self.close())

    def _join(self, source: Leg, sink: Leg, direction: Direction) -> None:
        name = "client" if direction == "out" else "upstream"

        def sound(packet: SoundPacket) -> None:
            sink.send(packet)

        def sent(packet: SoundPacket) -> None:
            self.session.heard(direction, packet.payload, packet.came_at, self.session.clock())

        source.on_packet, sink.on_sent = sound, sent
        source.on_channel = lambda channel: self._relay(channel, sink.open_channel(channel), direction)
        source.on_state = lambda state: self._state(name, state)

    def _relay(self, theirs: RTCDataChannel, ours: RTCDataChannel, direction: Direction) -> None:
        """A channel that one side has opened, and the one we have opened on the other for it."""
        back: Direction = "in" if direction == "out" else "out"
        self.session.noted("tap.channel", label=theirs.label[:100], by="client" if direction == "out" else "upstream")
        self._messages(theirs, ours, direction)
        self._messages(ours, theirs, back)

    def _messages(self, source: RTCDataChannel, sink: RTCDataChannel, direction: Direction) -> None:
        waiting: list[tuple[str | bytes, float]] = []
        who = "client" if direction == "out" else "upstream"

        def pass_on(message: str | bytes, came_at: float) -> None:
            raw = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
            try:
                sink.send(message)
            except (ValueError, ConnectionError, RuntimeError) as error:
                told = f"{len(raw)} bytes from the {who} could not be passed on: {error}"
                self.session.noted("tap.lost", reason=told)
            except Exception as error:
                if type(error).__name__ != "InvalidStateError":
                    raise
                self.session.noted("tap.lost", reason=f"{len(raw)} bytes from the {who} came after the other's end")
            self.session.saw(direction, raw, came_at, self.session.clock(), is_text=isinstance(message, str))

        def came(message: str | bytes) -> None:
            now = self.session.clock()
            if sink.readyState == "connecting":
                waiting.append((message, now))
            else:
                pass_on(message, now)

        def opened() -> None:
            for message, at in waiting:
                pass_on(message, at)
            waiting.clear()
            self._has_opened()

        source.on("message", came)
        source.on("close", lambda: self.end(who, f"The {who} closed the channel for events."))
        sink.on("open", opened)

    def _has_opened(self) -> None:
        if not self.session.is_over and "channel" not in self._opened:
            self._opened.add("channel")
            self.session.opened("channel")

    def _state(self, name: str, state: str) -> None:
        match state:
            case "connected":
                self._opened.add(name)
                self.session.noted("tap.connected", leg=name)
            case "failed":
                self.end(name, f"No connection to the {name}: no packet came through, or it is gone.")
            case "closed":
                self.end(name, f"The {name} hung up.")
            case _:
                pass

    async def _give_up(self) -> None:
        await asyncio.sleep(CONNECT_LIMIT)
        for name in ("client", "upstream"):
            if name not in self._opened:
                self.end(name, f"No connection to the {name} within {CONNECT_LIMIT:g} s.")
                return

    def _run(self, work: Coroutine[None, None, None]) -> None:
        spawn(work, among=self._tasks)


class WebRtcCalls:
    """Takes offers."""

    def __init__(self, registry: SessionRegistry) -> None:
        self._registry = registry
        self._calls: set[Call] = set()

    async def take(self, request: web.Request) -> web.Response | None:
        """The answer for the client; None for a request that carries no offer."""
        async with sent_in_time():
            body = await request.read()
        offer = carried(request.headers.get("Content-Type", ""), body)
        if offer is None:
            return None
        session = self._registry.call("WebRTC", request.headers, request.raw_path)
        call = Call(session, self._calls)
        try:
            await call.client.accept_offer(offer.sdp)
            ours = await call.service.offer(parameters_of(offer.sdp))
            headers = passed_on(request.headers)
            reply = await ask(self._registry, "POST", request.raw_path, headers, offer.with_sdp(ours))
            body = reply.body if isinstance(reply.body, bytes) else b""
            answer = carried(reply.headers.get("Content-Type", ""), body) if reply.status < 300 else None
            if answer is None:
                session.refused(reply.status, body)
                await call.close()
                return reply
            await call.service.accept_answer(answer.sdp)
            reply.body = answer.with_sdp(await call.client.answer(parameters_of(answer.sdp)))
        except BaseException as error:
            why = error.message if isinstance(error, SignallingError) else type(error).__name__
            session.ended("tap", f"This call cannot be tapped: {why}.")
            await call.close()
            if not isinstance(error, SignallingError):
                raise
            return problem(400, "cannot_tap", f"voicechat tap: {error.message}")
        call.begin()
        return reply

    async def close(self) -> None:
        """End all calls."""
        for call in tuple(self._calls):
            call.end("tap", "The tap was closed.")
            await call.close()
