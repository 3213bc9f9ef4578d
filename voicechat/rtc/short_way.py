"""The short way of a packet of sound from the socket to us, past what lies between in aiortc, when that fits.

aioice puts each datagram into a queue, a task of the DTLS transport takes it out in another turn of the loop, makes an
object of it and has a router look for its receiver: two thirds of what receiving costs, fifty times a second. Once a
first packet has come that way, everything is agreed on, and those that follow are decrypted and read where the socket
hands them over. STUN, DTLS and RTCP go on as before, and the receiver's counters are kept, for its reports.

The names are not public, so their shape is looked at first; where it has changed, packets take the long way.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import pylibsrtp
from aiortc import RTCRtpReceiver
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket, is_rtcp

from voicechat.audio.opus import SAMPLE_RATE

_HEADER = struct.Struct("!BBHLL")
_VERSION, _HAS_PADDING, _HAS_EXTENSION, _SOURCES = 2, 0x20, 0x10, 0x0F
"""RFC 3550 5.1."""
_SRTP = range(128, 192)
"""First bytes of packets that are neither STUN nor DTLS (RFC 7983)."""
_STATISTICS = "_RTCRtpReceiver__remote_streams"


class Packet(NamedTuple):
    """What matters of an RTP packet; named as in aiortc."""

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
