"""Where our packets leave aiortc: our own loop in the place of its sender's, when that fits.

aiortc makes an object of each packet, writes two calendar dates into it, logs it, keeps it for a retransmission that
Opus never asks for, and has PyAV carry the payload: about 0.1 ms of the 0.75 that one costs from the encoder to the
other side's buffer (both ends in one process), fifty times a second. Ours writes the twelve bytes of the header.
Encryption, path and RTCP stay aiortc's; its sender reports are made of the counters kept here. The names are not
public, so their shape is looked at first; where it has changed, aiortc's own loop sends.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import struct
import time
from collections.abc import Callable
from typing import Protocol, cast

from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import HeaderExtensions

from voicechat.rtc.send_track import SendTrack

_PRIVATE = "_RTCRtpSender__"
_NAMES = (
    "rtp_started", "rtp_exited", "rtp_header_extensions_map", "mid", "track", "ntp_timestamp", "rtp_timestamp",
    "octet_count", "packet_count",
)  # fmt: skip
_VERSION, _HAS_EXTENSION, _MARKER = 0x80, 0x10, 0x80
"""RFC 3550 5.1: version 2, and the mark that aiortc sets on every packet of Opus."""
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_HEADER = struct.Struct("!BBHLL")


class _ExtensionsMap(Protocol):
    def set(self, values: HeaderExtensions) -> tuple[int, bytes]: ...


def why_not_taken(sender: object) -> str:
    """Why packets cannot be sent past this sender's own loop, or an empty string when they can."""
    run = getattr(sender, "_run_rtp", None)
    if not inspect.iscoroutinefunction(run) or list(inspect.signature(run).parameters) != ["codec"]:
        return "this aiortc has no _run_rtp to be replaced"
    missing = [name for name in _NAMES if not hasattr(sender, _PRIVATE + name)]
    missing += [name for name in ("_ssrc", "_enabled") if not hasattr(sender, name)]
    if missing:
        return f"this aiortc's sender keeps no {missing[0]}"
    send = getattr(getattr(sender, "transport", None), "_send_rtp", None)
    return "" if inspect.iscoroutinefunction(send) else "this aiortc's transport has no _send_rtp"


class SendPath:
    """Sends the packets of one track over one sender, from the moment aiortc starts it until it is stopped."""

    def __init__(self, sender: RTCRtpSender, track: SendTrack, wall: Callable[[], float] = time.time) -> None:
        """`wall`: seconds since 1970, which sender reports tell the other side."""
        self._sender = sender
        self._track = track
        self._wall = wall

    def attach(self) -> str:
        """Take the place of the sender's loop; returns why that cannot be, or an empty string."""
        reason = why_not_taken(self._sender)
        if not reason:
            # An instance attribute hides the method for this sender alone; it is called when the sender starts.
            setattr(self._sender, "_run_rtp", self._run)  # noqa: B010
        return reason

    async def _run(self, codec: RTCRtpCodecParameters) -> None:
        cast(asyncio.Event, self._get("rtp_started")).set()
        assert codec.payloadType is not None  # it has been agreed on by now
        try:
            await self._send_all(codec.payloadType)
        except (asyncio.CancelledError, ConnectionError, MediaStreamError):
            pass  # as in aiortc: the end of a call is no failure of this loop
        finally:
            self._track.stop()
            self._set("track", None)
            cast(asyncio.Event, self._get("rtp_exited")).set()  # stop() waits for it

    async def _send_all(self, payload_type: int) -> None:
        """RFC 3550: numbers and timestamps begin anywhere, in the lower half so that SRTP's roll-over stays clear."""
        send, ssrc = self._sender.transport._send_rtp, self._sender._ssrc
        number, origin = random.randrange(1 << 15), random.getrandbits(32)
        extension = self._extension()
        first, second = _VERSION | (_HAS_EXTENSION if extension else 0), _MARKER | payload_type
        packets = octets = 0
        while True:
            payload, pts = await self._track.next_packet()
            if not self._sender._enabled:  # the other side wants no sound for now; what was said meanwhile is over
                continue
            timestamp = (origin + pts) & 0xFFFFFFFF
            await send(_HEADER.pack(first, second, number, timestamp, ssrc) + extension + payload)
            number = (number + 1) & 0xFFFF
            packets, octets = packets + 1, octets + len(payload)
            self._count(packets, octets, timestamp)

    def _extension(self) -> bytes:
        """The section's name, where the other side wants it with every packet (RFC 8843)."""
        known = cast(_ExtensionsMap, self._get("rtp_header_extensions_map"))
        profile, value = known.set(HeaderExtensions(mid=cast("str | None", self._get("mid"))))
        return struct.pack("!HH", profile, len(value) >> 2) + value if value else b""

    def _count(self, packets: int, octets: int, timestamp: int) -> None:
        """For aiortc's sender reports."""
        self._set("packet_count", packets)
        self._set("octet_count", octets)
        self._set("rtp_timestamp", timestamp)
        self._set("ntp_timestamp", int((self._wall() + _NTP_EPOCH) * (1 << 32)))

    def _get(self, name: str) -> object:
        return getattr(self._sender, _PRIVATE + name)

    def _set(self, name: str, value: object) -> None:
        setattr(self._sender, _PRIVATE + name, value)
