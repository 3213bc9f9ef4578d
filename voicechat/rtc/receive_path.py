"""Where remote sound leaves aiortc: a tap on its receiver, or, when that does not fit, its decoded track.

The own path takes each RTP packet before aiortc's buffer sees it and hands it to our `JitterBuffer`: about 30 ms
instead of 92 on a clean line, and 67 instead of 320 after the first lost packet. The name it needs,
`RTCRtpReceiver._handle_rtp_packet`, is not public, so its shape is looked at first; when a new aiortc has changed it,
the stock path is taken and `fallback_reason` says so where the user can see it. Behind the first packet the others come
by `short_way`, where that fits too.

The stock track must be drained in either case: it grows by 50 frames a second while nobody reads.
"""

from __future__ import annotations

import inspect
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, cast

import numpy as np
import pylibsrtp
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket, is_rtcp
from av import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from voicechat.audio.jitter_buffer import FRAME, JitterBuffer
from voicechat.audio.opus import SAMPLE_RATE, OpusDecoder, opus_is_available
from voicechat.line import JitterStats

_HEADER = struct.Struct("!BBHLL")
_VERSION, _HAS_PADDING, _HAS_EXTENSION, _SOURCES = 2, 0x20, 0x10, 0x0F
"""RFC 3550 5.1."""
_SRTP = range(128, 192)
"""First bytes of packets that are neither STUN nor DTLS (RFC 7983)."""
_STATISTICS = "_RTCRtpReceiver__remote_streams"


class Packet(NamedTuple):
    """What matters of an RTP packet; named as in aiortc.

    The short way of a packet of sound from the socket to us, past what lies between in aiortc, when that fits.

    aioice puts each datagram into a queue, a task of the DTLS transport takes it out in another turn of the loop,
    makes an object of it and has a router look for its receiver: two thirds of what receiving costs, fifty times a
    second. Once a first packet has come that way, everything is agreed on, and those that follow are decrypted and
    read where the socket hands them over. STUN, DTLS and RTCP go on as before, and the receiver's counters are kept,
    for its reports.

    The names are not public, so their shape is looked at first; where it has changed, packets take the long way.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


class _Session(Protocol):
    def unprotect(self, packet: bytes) -> bytes: ...


class _Secured(Protocol):
    _rx_srtp: _Session


class _Socket(Protocol):
    def data_received(self, data: bytes, component: int) -> None: ...


def read(data: bytes) -> Packet | None:
    """An RTP packet that was decrypted; None for what is none (RFC 3550 5.1, 5.3.1)."""
    if len(data) < _HEADER.size:
        return None
    first, second, number, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = _HEADER.size + 4 * (first & _SOURCES), len(data)
    if first & _HAS_EXTENSION:
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4])
    if first & _HAS_PADDING:
        end -= data[-1] or end
    if first >> 6 != _VERSION or begin > end:
        return None
    return Packet(second & 0x7F, number, timestamp, ssrc, data[begin:end])


def why_too_long(receiver: object) -> str:
    """Why packets must take the long way, or an empty string when they need not."""
    transport = getattr(receiver, "transport", None)
    router = getattr(transport, "_rtp_router", None)
    if not hasattr(getattr(transport, "_rx_srtp", None), "unprotect"):
        return "this aiortc keeps no _rx_srtp to decrypt with"
    if len(getattr(router, "receivers", ())) != 1:
        return "more than one receiver shares the line, or this aiortc keeps none of them"
    if not hasattr(receiver, _STATISTICS):
        return "this aiortc's receiver keeps no statistics"
    came = getattr(_socket_of(receiver), "data_received", None)
    if came is None or list(inspect.signature(came).parameters) != ["data", "component"]:
        return "this aioice hands datagrams over in another way"
    return ""


def shorten(receiver: RTCRtpReceiver, take: Callable[[Packet], None]) -> str:
    """Hand the receiver's packets to `take` right from the socket; returns why that cannot be, or an empty string."""
    if reason := why_too_long(receiver):
        return reason
    secured, socket = cast(_Secured, receiver.transport), cast(_Socket, _socket_of(receiver))
    statistics = cast(dict[int, StreamStatistics], getattr(receiver, _STATISTICS))
    long_way = socket.data_received

    def came(data: bytes, component: int) -> None:
        if not data or data[0] not in _SRTP or is_rtcp(data):
            long_way(data, component)
            return
        try:
            packet = read(secured._rx_srtp.unprotect(data))
        except pylibsrtp.Error:  # repeated, or from somebody else: as in aiortc nobody hears of it
            return
        if packet is not None:
            count(packet)
            take(packet)

    def count(packet: Packet) -> None:
        if packet.ssrc not in statistics:
            statistics[packet.ssrc] = StreamStatistics(SAMPLE_RATE)
        statistics[packet.ssrc].add(cast(RtpPacket, packet))

    # An instance attribute hides the method for this connection alone; aioice's sockets call it by name.
    setattr(socket, "data_received", came)  # noqa: B010
    return ""


def _socket_of(receiver: object) -> object:
    """aioice's connection, to which its sockets hand what is not STUN."""
    ice = getattr(getattr(receiver, "transport", None), "transport", None)
    return getattr(ice, "_connection", None)


_LOSS_OVER = 5.0
"""Loss is shown as a share of the last five seconds: a total forgives a bad line more the longer one talks."""
_JITTER_GAIN = 1 / 16
"""RFC 3550 6.4.1."""


class Arrivals:
    """Counts RTP packets of one direction, as they come. Fed on the event loop.

    aiortc's statistics lack what a listener feels (buffer, concealment) and count packets that came too late as
    received; only the round trip comes from there, out of RTCP.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.last_at: float | None = None
        self._ssrc: int | None = None
        self._highest = 0
        self._expected = 0
        self._last_transit: float | None = None
        self._jitter = 0.0
        self._past: deque[tuple[float, int, int]] = deque(maxlen=16)

    @property
    def jitter(self) -> float | None:
        """Seconds; None before the second packet."""
        return self._jitter if self.packets > 1 else None

    def add(self, sequence: int, timestamp: int, size: int, ssrc: int, now: float) -> None:
        """One packet of `size` payload bytes came at `now`."""
        transit = now - timestamp / SAMPLE_RATE
        step = _step(sequence, self._highest)
        if ssrc != self._ssrc or abs(step) > 1_000:
            self._ssrc, step, self._last_transit = ssrc, 1, None
            self._highest = sequence
        elif step > 0:
            self._highest = sequence
        self._expected += max(0, step)
        self.packets += 1
        self.bytes += size
        self.last_at = now
        # Beyond a second it is no jitter: the timestamp wrapped or the sender paused its clock.
        if self._last_transit is not None and abs(transit - self._last_transit) < 1.0:
            self._jitter += (abs(transit - self._last_transit) - self._jitter) * _JITTER_GAIN
        self._last_transit = transit
        if not self._past or now >= self._past[-1][0] + 0.5:
            self._past.append((now, self._expected, self.packets))

    def loss(self, now: float) -> float | None:
        """Share lost of what was sent in the last five seconds; None when nothing was."""
        since = next((row for row in self._past if row[0] >= now - _LOSS_OVER), None)
        if since is None or self._expected == since[1]:
            return None
        expected, received = self._expected - since[1], self.packets - since[2]
        return min(1.0, max(0.0, 1.0 - received / expected))


def _step(sequence: int, highest: int) -> int:
    """Signed distance of two 16-bit sequence numbers."""
    return (sequence - highest + 0x8000) % 0x10000 - 0x8000


Pcm = NDArray[np.int16]

_STOCK_LIMIT = SAMPLE_RATE // 2
"""Half a second of decoded sound waiting for a loudspeaker that does not ask; the oldest goes."""


_SILENCE = 32
"""Largest sample of a block that counts as silence: -60 dB, above what coding makes of it."""
_LISTENS_EVERY = 5
"""Pulls between two looks whether it is silence: a tenth of what a block costs, and no voice is loud for less."""


_Handler = Callable[..., Awaitable[None]]
_STOCK_BUFFER = "_RTCRtpReceiver__jitter_buffer"


class _NeverAFrame:
    """In the place of aiortc's own buffer: without it every packet is decoded a second time, for nobody (1.5 % of a
    core). Receiver reports and everything else aiortc does with a packet come before it."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Neither a picture to ask for nor a frame to decode."""
        return False, None


def why_not_tapped(receiver: object) -> str:
    """Why packets cannot be taken from this receiver, or an empty string when they can."""
    if reason := opus_is_available():
        return f"libopus is not available: {reason}"
    handler = getattr(receiver, "_handle_rtp_packet", None)
    if not inspect.iscoroutinefunction(handler):
        return "this aiortc has no _handle_rtp_packet to take packets from"
    if list(inspect.signature(handler).parameters) != ["packet", "arrival_time_ms"]:
        return "this aiortc hands packets over in another way"
    missing = [name for name in Packet._fields if not hasattr(RtpPacket(), name)]
    return f"this aiortc's packets have no {missing[0]}" if missing else ""


class ReceivePath:
    """Remote sound of one peer, 960 samples at a time. `pull` and `flush` may come from another thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buffer: JitterBuffer | None = None
        self._payload_types: frozenset[int] = frozenset()
        self._stock: deque[Pcm] = deque()
        self._stock_left: Pcm = np.zeros(0, np.int16)
        self._stock_played = 0
        self._is_shortened = False
        """Whether packets were given a shorter way, or it was found that they cannot have one."""
        self.arrivals = Arrivals()
        self.loud_at: float | None = None
        """When sound that was not silent was handed out last; one block in `_LISTENS_EVERY` is looked at."""
        self._pulls = 0
        self.on_packet: Callable[[float], None] = lambda now: None
        self.fallback_reason = ""

    @property
    def is_own(self) -> bool:
        """Whether sound comes through our own buffer."""
        return self._buffer is not None

    def attach(self, receiver: RTCRtpReceiver) -> None:
        """Take this receiver's packets from now on, if it can be done."""
        self.fallback_reason = why_not_tapped(receiver)
        if self.fallback_reason:
            return
        self._buffer = JitterBuffer(OpusDecoder())
        stock_handler = cast(_Handler, receiver._handle_rtp_packet)

        async def tapped(packet: RtpPacket, arrival_time_ms: int) -> None:
            if not self._is_shortened:
                self._is_shortened = True
                shorten(receiver, self._take)
            self._take(packet)
            await stock_handler(packet, arrival_time_ms=arrival_time_ms)

        # An instance attribute hides the method for this receiver alone; the transport calls it by name.
        setattr(receiver, "_handle_rtp_packet", tapped)  # noqa: B010
        if hasattr(receiver, _STOCK_BUFFER):
            setattr(receiver, _STOCK_BUFFER, _NeverAFrame())

    def accept_payload_types(self, payload_types: frozenset[int]) -> None:
        """The numbers that mean Opus in this session; anything else (comfort noise, digits) is not sound for us."""
        self._payload_types = payload_types

    def pull(self, now: float, samples: int = FRAME) -> Pcm:
        """The next `samples` (a multiple of 120) of remote sound, silence where there is none. Playing thread only."""
        pcm = self._buffer.pull(now, samples) if self._buffer is not None else self._pull_stock(samples)
        self._pulls += 1
        # Sound swings to both sides, so the largest sample tells; pcm.max() costs three times that.
        if self._pulls % _LISTENS_EVERY == 0 and np.maximum.reduce(pcm) > _SILENCE:
            self.loud_at = self._clock()
        return pcm

    newest = 0
    """A stream without names."""

    def flush(self, through: int | None = None) -> None:
        """Drop remote sound that was received and not yet played. Safe from any thread."""
        if self._buffer is not None:
            self._buffer.flush()
        self._stock.clear()

    def stats(self) -> JitterStats:
        """What became of the packets."""
        if self._buffer is not None:
            return self._buffer.stats()
        return JitterStats(played=self._stock_played)

    async def drain(self, track: MediaStreamTrack) -> None:
        """Read the stock track to its end; keep its sound only when nothing better is there."""
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        try:
            while True:
                frame = await track.recv()
                if self._buffer is None and isinstance(frame, AudioFrame):
                    for mono in resampler.resample(frame):
                        self._keep_stock(mono.to_ndarray().reshape(-1).astype(np.int16))
        except MediaStreamError:
            return

    def _take(self, packet: Packet | RtpPacket) -> None:
        if not packet.payload or (self._payload_types and packet.payload_type not in self._payload_types):
            return
        now = self._clock()
        self.arrivals.add(packet.sequence_number, packet.timestamp, len(packet.payload), packet.ssrc, now)
        self.on_packet(now)
        if self._buffer is not None:
            self._buffer.push(packet.sequence_number, packet.timestamp, packet.payload, now, packet.ssrc)

    def _keep_stock(self, pcm: Pcm) -> None:
        self._stock.append(pcm)
        while len(self._stock) * FRAME > _STOCK_LIMIT:
            self._stock.popleft()

    def _pull_stock(self, samples: int) -> Pcm:
        while self._stock_left.size < samples:
            try:
                self._stock_left = np.concatenate((self._stock_left, self._stock.popleft()))
            except IndexError:
                return np.zeros(samples, np.int16)
            self._stock_played += 1
        block, self._stock_left = self._stock_left[:samples], self._stock_left[samples:]
        return block
