"""One WebRTC connection, client's or server's end: Opus both ways and one data channel of text.

A peer is used once. Every callback comes on the event loop, each from a turn of its own, so that a defect in a handler
cannot take the connection down. Trouble on the way to a description is a SignallingError; trouble on the line is
`on_closed(reason)`, told exactly once, and never for our own `close()`.

aiortc tells nobody when the other side vanishes: its consent checks take 33 s. A client's peer looks itself, see
`liveness`, and reports it like any other end.

What the other side loses of ours, and what our encoder should make of it.

RTCP reports come about once a second and cover some fifty packets each, so a single one says little: five per cent of
loss show as anything between none and twelve. The figure therefore rises quickly and falls slowly, and the encoder is
moved between a few steps only, each of which is left at a lower loss than it was entered.

Pure.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol, cast

from aioice.stun import TransactionFailed, TransactionTimeout
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from voicechat.audio.opus import OpusEncoder, opus_is_available
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.errors import SignallingError
from voicechat.line import LineStats
from voicechat.rtc import loopback_candidates, sdp
from voicechat.rtc.ice_servers import resolved
from voicechat.rtc.receive_path import ReceivePath
from voicechat.rtc.send_path import SendPath
from voicechat.rtc.send_track import SendTrack
from voicechat.tasks import sentence, spawn


class _Protocol(Protocol):
    async def request(
        self, request: object, addr: tuple[str, int], integrity_key: bytes, retransmissions: int
    ) -> object: ...


class _Pair(Protocol):
    protocol: _Protocol
    remote_addr: tuple[str, int]


class _Ice(Protocol):
    _nominated: dict[int, _Pair]
    remote_password: str | None

    def build_request(self, pair: _Pair, nominate: bool) -> object: ...


def can_ask(transport: RTCIceTransport) -> bool:
    """Whether this aioice is built as expected."""
    ice = getattr(transport, "_connection", None)
    build = getattr(ice, "build_request", None)
    if build is None or not isinstance(getattr(ice, "_nominated", None), dict):
        return False
    return list(inspect.signature(build).parameters) == ["pair", "nominate"]


async def is_there(transport: RTCIceTransport) -> bool:
    """Whether one question, put twice, is answered in 1.5 s over the path in use; False where there is no path."""
    ice = cast(_Ice, transport._connection)  # can_ask() has looked
    for pair in tuple(ice._nominated.values()):
        key = (ice.remote_password or "").encode()
        try:
            await pair.protocol.request(ice.build_request(pair, False), pair.remote_addr, key, 1)
        except (TransactionTimeout, OSError):
            continue
        except TransactionFailed:
            return True  # a refusal is an answer
        return True
    return False


ASK_AFTER = 0.4
"""Seconds without anything after which the other side is asked."""
ASK_EVERY = 0.1
"""Seconds between questions: at 10 % loss each way a fifth of them fail, and ten in a row practically never do."""
STREAM_LOST = 1.0
"""R27: seconds; who streamed through silence and stopped is gone when it does not answer either."""
LINE_LOST = 1.2
"""Seconds for everybody else: nothing came, and no question was answered."""
STREAM_PAUSE = 0.25
"""Seconds between packets that end a stretch of streaming."""
STREAM_PROVED = 2.0
"""Seconds of streaming without a sound in it that show a sender which never pauses."""
LONGEST_REST = 0.1
"""Seconds between two looks while everything flows."""
LATE_LOOK = 0.3
"""Seconds by which a look may be late; beyond that we were away ourselves (a busy machine, a lid that was shut), and
what came meanwhile waits to be read."""
SLOWEST = 1.0
"""Seconds of round trip that are waited for on top; an answer that takes longer belongs to no conversation."""


class Liveness:
    """Told of arrivals, asked in between. All times on one clock.

    Whether the other side is still there, from the times at which something came of it (R27). Pure.

    aiortc notices after half a minute. Sooner, three things tell: sound that streams also through silence and stops;
    the answers to questions that every ICE agent must answer (a STUN binding request, the check that keeps consent,
    RFC 7675); and messages. A sender that pauses between answers, or saves packets in silence (DTX), is therefore no
    loss: it is asked, and it answers. One packet or one answer is enough, so that a bad line is never taken for a
    dead one.
    """

    def __init__(self, now: float) -> None:
        self._came_at = now
        self._sound_at: float | None = None
        self._stretch_since = now
        self._loud_at = now
        self._asked_at = now
        self._looked_at = now
        self._round_trip = 0.0
        self.can_ask = False
        """A question was answered once, so silence means something. Before, only a stream can be missed."""
        self.streams = False
        """The other side sends sound all the time, silence included."""

    def came(self, now: float) -> None:
        """A message, a report or an answer."""
        self._came_at = max(self._came_at, now)

    def answered(self, asked_at: float, now: float) -> None:
        """A question of `asked_at` was answered."""
        self.can_ask = True
        self._round_trip = min(SLOWEST, max(0.0, now - asked_at))
        self.came(now)

    def sound_came(self, now: float, loud_at: float | None) -> None:
        """A packet of sound; `loud_at`: when the loudspeaker last got anything but silence."""
        pause = now - (self._sound_at if self._sound_at is not None else now)
        if self._sound_at is None or pause > STREAM_PAUSE:
            self._stretch_since = now
            if self._came_at > (self._sound_at or 0.0) + STREAM_PAUSE:
                self.streams = False  # it was there and sent nothing: it pauses
        if loud_at is not None:
            self._loud_at = max(self._loud_at, loud_at)
        self._sound_at = now
        self.came(now)
        if now - max(self._stretch_since, self._loud_at) >= STREAM_PROVED:
            self.streams = True

    def is_question_due(self, now: float) -> bool:
        """Whether to ask now; true at most every `ASK_EVERY` while nothing comes."""
        if now - self._came_at < ASK_AFTER or now - self._asked_at < ASK_EVERY:
            return False
        self._asked_at = now
        return True

    def rest(self, now: float) -> float:
        """Seconds in which nothing can become due, 0.1 at most; below zero when something came too long ago."""
        return min(LONGEST_REST, self._came_at + ASK_AFTER - now)

    def why_lost(self, now: float) -> str:
        """Why the line counts as dead at `now`; empty while it does not. To be asked every 50 to 100 ms."""
        late, self._looked_at = now - self._looked_at, now
        if late > LATE_LOOK:
            self._came_at = max(self._came_at, now - ASK_AFTER)
        quiet = now - self._came_at
        if self.streams and quiet >= STREAM_LOST + self._round_trip / 2:
            return f"nothing has come from the service for {quiet:.1f} s"
        if self.can_ask and quiet >= LINE_LOST + self._round_trip / 2:
            return f"the service has not answered for {quiet:.1f} s"
        return ""


_RISE, _FALL = 0.5, 0.1
"""Weight of a report that is worse, or better, than what is believed."""
_LEAVE = 0.6
"""A step is left below this share of the loss from which it is taken."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What the encoder is told."""

    from_loss: float
    """Share of lost packets from which this is taken."""
    expected_loss: int
    """Per cent: decides how much of the rate goes into error correction. Below 10 libopus may leave it out."""
    bitrate: int
    """Bits per second."""


STEPS = (
    Protection(0.0, 10, 28_000),
    Protection(0.03, 15, 32_000),
    Protection(0.08, 25, 32_000),
    Protection(0.16, 40, 32_000),
)


class UplinkLoss:
    """Follows the reports of the other side."""

    def __init__(self) -> None:
        self._step = 1
        self.share = STEPS[self._step].from_loss
        """Loss believed, 0 to 1. A call begins protected: the first words come before the first report."""

    @property
    def protection(self) -> Protection:
        """What fits the loss that is believed."""
        return STEPS[self._step]

    def reported(self, share: float) -> None:
        """One report: the share of packets lost since the one before, 0 to 1; what is outside is limited."""
        share = min(1.0, max(0.0, share))
        self.share += (share - self.share) * (_RISE if share > self.share else _FALL)
        while self._step + 1 < len(STEPS) and self.share >= STEPS[self._step + 1].from_loss:
            self._step += 1
        while self._step and self.share < _LEAVE * STEPS[self._step].from_loss:
            self._step -= 1


loopback_candidates.install()

_LARGEST_BACKLOG = 4_000_000
"""Bytes waiting in the data channel beyond which more is refused: the line has stopped carrying."""
_RTCP_EVERY = 1.0
_LOOK_EVERY = 0.05
"""Seconds between looks whether the other side is still there."""
"""What aiortc's parser and negotiation are known to raise on descriptions they did not expect."""


@dataclass(frozen=True, slots=True)
class Milestones:
    """When a connection got where, on the peer's clock; None: not yet."""

    found_path_at: float | None = None
    """ICE: a packet went there and back."""
    encrypted_at: float | None = None
    """DTLS is done."""
    opened_at: float | None = None
    """The data channel is open."""
    closed_at: float | None = None


class Peer:
    """One end of a call. Make it, exchange descriptions, wait for `on_open`, and always `close()` it."""

    def __init__(
        self,
        *,
        role: Literal["client", "server"],
        uplink: Uplink,
        on_message: Callable[[str], None],
        on_open: Callable[[], None],
        on_closed: Callable[[str], None],
        label: str = "oai-events",
        ice_servers: Sequence[str] = (),
        waiting: Waiting = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`uplink` is asked for a frame every 20 ms; `waiting` tells how much of one there is, if that is known."""
        self.role = role
        self.milestones = Milestones()
        self.receive = ReceivePath(clock)
        self._on_message, self._on_open, self._on_closed = on_message, on_open, on_closed
        self._label = label
        self._ice_servers = tuple(ice_servers)
        self._clock = clock
        encoder = None if opus_is_available() else OpusEncoder()
        self._track = SendTrack(uplink, encoder, waiting=waiting, clock=clock)
        self._uplink_loss = UplinkLoss()
        self._life = Liveness(clock())
        self._protect()
        self._reported_at: datetime | None = None
        self._connection: RTCPeerConnection | None = None
        self._channel: RTCDataChannel | None = None
        self._remote_limit = 0
        self._rtt: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        """Client: our description, candidates included, asking for forward error correction."""
        connection = await self._connect()
        transceiver = connection.addTransceiver(self._track, direction="sendrecv")
        transceiver.setCodecPreferences(_opus_codecs())
        self._use_transceiver(transceiver)
        self._use_sender(transceiver.sender)
        self._use_channel(connection.createDataChannel(self._label))
        return await self._described(connection)

    async def accept_answer(self, text: str) -> None:
        """Client: the server's description. Raises SignallingError when it is of no use."""
        connection = self._started()
        await self._apply(connection, text, "answer")

    async def answer(self, offer: str) -> str:
        """Server: our description for a client's. Candidates may be missing from the offer; the client's first
        packet tells where it is. Raises SignallingError when the offer is of no use."""
        sdp.check(offer, "client")
        connection = await self._connect()
        connection.on("datachannel", self._use_channel)
        with sdp.refusing("client"):
            # Nothing may be added before the offer is known: aiortc stops the shared transport when the offer's
            # first section is not the one that was made first here.
            await self._apply(connection, sdp.only_opus(offer), "offer")
            self._use_sender(connection.addTrack(self._track))
            return await self._described(connection)

    def send(self, text: str) -> str:
        """Queue one message; returns why it cannot be sent, or an empty string. Event loop only."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return "the connection is not open"
        size = len(text.encode("utf-8", "replace"))
        if self._remote_limit and size > self._remote_limit:
            return f"the message has {size} bytes and the other side takes {self._remote_limit} at most"
        if channel.bufferedAmount + size > _LARGEST_BACKLOG:
            return "the connection is congested: earlier messages have not been sent yet"
        try:
            channel.send(text.encode("utf-8", "replace").decode())
        except (ValueError, InvalidStateError, ConnectionError) as error:
            return str(error) or "the connection is closing"
        return ""

    def stats(self) -> LineStats:
        """How the line is doing. Event loop only."""
        arrivals, played = self.receive.arrivals, self.receive.stats()
        return LineStats(
            rtt=self._rtt,
            jitter=arrivals.jitter,
            loss=arrivals.loss(self._clock()),
            buffer=played.depth or None,
            concealed=played.invented / played.heard if played.heard else None,
            codec="opus" if self.milestones.encrypted_at is not None else "",
            packets_sent=self._track.packets,
            packets_received=arrivals.packets,
            bytes_sent=self._track.bytes,
            bytes_received=arrivals.bytes,
            last_packet_at=arrivals.last_at,
            uplink_loss=self._uplink_loss.share if self._reported_at is not None else None,
            expected_loss=self._uplink_loss.protection.expected_loss / 100,
            receive=played,
            fallback_reason=self.receive.fallback_reason,
        )

    def why_not_open(self) -> str:
        """What an attempt that takes too long is waiting for, for a message to the user."""
        now = self.milestones
        if now.found_path_at is None:
            return "the server answered, but no packet came through"
        if now.encrypted_at is None:
            return "packets come through, but the encryption handshake does not finish"
        return "the connection stands, but the channel for events does not open"

    async def close(self) -> None:
        """End it. May be called at any time, any number of times; returns when all is gone."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._shut())
        # aiortc cannot be closed twice when the first time was cancelled half way; hence a task of its own.
        await asyncio.shield(self._closing)

    async def _shut(self) -> None:
        self._reach(closed=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._track.stop()
        if self._gathering is not None:
            await asyncio.gather(self._gathering, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> RTCPeerConnection:
        servers = await resolved(self._ice_servers)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connection = connection
        connection.on("track", self._use_track)
        connection.on("connectionstatechange", self._state_changed)
        connection.on("iceconnectionstatechange", self._state_changed)
        return connection

    async def _described(self, connection: RTCPeerConnection) -> str:
        """Our description with its candidates. Broken off half way, aioice would forget sockets that it has opened:
        the gathering therefore goes on by itself, and `close` waits for it."""
        self._gathering = asyncio.ensure_future(connection.setLocalDescription())
        await asyncio.shield(self._gathering)
        return sdp.with_opus_fec(connection.localDescription.sdp)

    def _started(self) -> RTCPeerConnection:
        if self._connection is None:
            raise SignallingError("an answer came before there was an offer")
        return self._connection

    async def _apply(self, connection: RTCPeerConnection, text: str, kind: Literal["offer", "answer"]) -> None:
        """The other side's description, refused with a reason where aiortc would only trip over it."""
        sender = "server" if kind == "answer" else "client"
        sdp.check(text, sender)
        with sdp.refusing(sender):
            await connection.setRemoteDescription(RTCSessionDescription(sdp=text, type=kind))
        self.receive.accept_payload_types(sdp.opus_payload_types(text))
        self._remote_limit = sdp.largest_message(text)
        for transceiver in connection.getTransceivers():
            if transceiver.kind == "audio" and not self.receive.is_own:
                self._use_transceiver(transceiver)

    def _use_transceiver(self, transceiver: RTCRtpTransceiver) -> None:
        self.receive.attach(transceiver.receiver)

    def _use_sender(self, sender: RTCRtpSender) -> None:
        if self._track.encodes:
            SendPath(sender, self._track).attach()

    def _use_track(self, track: MediaStreamTrack) -> None:
        self._start(self.receive.drain(track))

    def _use_channel(self, channel: RTCDataChannel) -> None:
        """Ours, or the first one the other side opens; browsers and gateways name it as they like."""
        if self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._text_came)
        channel.on("close", lambda: self._ended("the other side closed the channel for events"))
        channel.on("open", self._opened)
        if channel.readyState == "open":
            self._opened()

    def _opened(self) -> None:
        self._reach(opened=True)
        self._start(self._watch_rtcp())
        if self.role == "client":
            self._start(self._watch_life(), lambda error: self._ended(f"an unexpected error: {sentence(error)}"))
        self._later(self._on_open)

    def _text_came(self, message: str | bytes) -> None:
        self._life.came(self._clock())
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        self._later(lambda: self._on_message(text))

    def _state_changed(self) -> None:
        assert self._connection is not None
        state = self._connection.connectionState
        if self._connection.iceConnectionState == "completed":
            self._reach(found_path=True)
        if state == "connected":
            self._reach(encrypted=True)
        elif state == "failed":
            self._ended("the connection was lost" if self.milestones.opened_at else self.why_not_open())
        elif state == "closed":
            self._ended("the other side hung up")

    def _ended(self, reason: str) -> None:
        if self.milestones.closed_at is None:
            self._reach(closed=True)
            self._later(lambda: self._on_closed(reason))

    def _reach(
        self, *, found_path: bool = False, encrypted: bool = False, opened: bool = False, closed: bool = False
    ) -> None:
        """Note the time of what was reached for the first time."""
        old, now = self.milestones, self._clock()
        self.milestones = replace(
            old,
            found_path_at=now if found_path and old.found_path_at is None else old.found_path_at,
            encrypted_at=now if encrypted and old.encrypted_at is None else old.encrypted_at,
            opened_at=now if opened and old.opened_at is None else old.opened_at,
            closed_at=now if closed and old.closed_at is None else old.closed_at,
        )

    async def _watch_rtcp(self) -> None:
        """Round trip and the loss the other side reports, once a second; the encoder is told of the latter."""
        assert self._connection is not None
        while True:
            await asyncio.sleep(_RTCP_EVERY)
            for sender in self._connection.getSenders():
                for entry in (await sender.getStats()).values():
                    if isinstance(entry, RTCRemoteInboundRtpStreamStats):
                        self._note_report(entry)

    async def _watch_life(self) -> None:
        """R27: end the call when the other side is gone. It is asked once now, to know whether it answers."""
        life = self._life = Liveness(self._clock())
        self.receive.on_packet = lambda now: life.sound_came(now, self.receive.loud_at)
        self._start(self._ask())
        while not (reason := life.why_lost(now := self._clock())):
            if life.is_question_due(now):
                self._start(self._ask())
            await asyncio.sleep(max(_LOOK_EVERY, life.rest(now)))
        self._ended(reason)

    async def _ask(self) -> None:
        assert self._connection is not None
        transport = self._connection.sctp.transport.transport if self._connection.sctp is not None else None
        asked_at = self._clock()
        if transport is not None and can_ask(transport) and await is_there(transport):
            self._life.answered(asked_at, self._clock())

    def _note_report(self, entry: RTCRemoteInboundRtpStreamStats) -> None:
        """What the other side says of our packets; aiortc shows the last report until the next one comes."""
        if entry.roundTripTime is not None and entry.roundTripTime >= 0.0:  # a busy peer reports its own delay too long
            self._rtt = entry.roundTripTime
        if entry.timestamp != self._reported_at:
            self._reported_at = entry.timestamp
            self._life.came(self._clock())
            self._uplink_loss.reported(entry.fractionLost / 256)
            self._protect()

    def _protect(self) -> None:
        protection = self._uplink_loss.protection
        self._track.protect(protection.expected_loss, protection.bitrate)

    def _start(self, work: Coroutine[None, None, None], on_error: Callable[[Exception], None] | None = None) -> None:
        spawn(work, on_error, self._tasks)

    def _later(self, call: Callable[[], None]) -> None:
        """Report from a turn of the loop of its own, unless we have been told to close by then."""

        def tell() -> None:
            if self._closing is None:
                call()

        asyncio.get_running_loop().call_soon(tell)


def _opus_codecs() -> list[RTCRtpCodecCapability]:
    """Opus alone: aiortc follows the order of the answer's lines and may end in 8 kHz G.711 otherwise."""
    return [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]
