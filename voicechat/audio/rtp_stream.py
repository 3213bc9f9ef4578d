"""One endless time line out of what senders do with their numbers.

RTP numbers wrap, start anywhere, and start again: when a server opens another sender (SSRC), restarts its own, or sets
its media clock anew after a pause. Whoever plays should not have to know. Each packet gets an *order* (unwrapped
sequence number) and a *stamp* (unwrapped timestamp, 48 kHz); what is not a continuation is spliced on behind what came
before, so that the end of the old is still played. A repeated packet is told from a late one.

Pure: arrival times are passed in, in seconds of one clock.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

RATE = 48_000

_NEW_SENDER = 1_000
"""A jump of the sequence number by so much is a sender that started over: 20 s of 20 ms packets."""
_NEW_CLOCK = 0.5
"""Seconds by which a stamp must disagree with the arrival *and* with the sequence number to be a clock set anew."""
_OLD_SENDER_QUIET = 1.0
"""A sender that was replaced may come back after the newer one has been quiet for so long."""
_PAUSED = 0.1
"""Seconds between the end of the old and the arrival of the new from which the gap is kept as a gap."""
_ROOM = 100
"""Orders left free before a spliced packet, for its predecessors that come after it."""
_MEMORY = 1_024
"""Orders for which a repetition is known as one."""
_NEIGHBOUR = 3
"""Orders between two packets from which the length of one can be told; a pause may lie between others."""
_SHORTEST, _LONGEST = 120, 5_760
"""Samples in an Opus packet (RFC 6716)."""


class Arrived(NamedTuple):
    """One packet as it came."""

    sequence: int
    timestamp: int
    payload: bytes
    at: float
    ssrc: int


class Packet(NamedTuple):
    """One packet in its place."""

    order: int
    stamp: int
    payload: bytes
    stream: int
    """Counts senders: packets of two streams share no decoder state."""


class Unwanted(Enum):
    """Why a packet has no place."""

    OTHER_SENDER = "it comes from the sender that was replaced"
    REPEATED = "it came before"


class RtpStream:
    """Gives packets their places. One thread."""

    def __init__(self) -> None:
        self.newest: Packet | None = None
        """The one with the highest order."""
        self.step = 960
        """Samples from packet to packet, as last seen."""
        self._ssrc: int | None = None
        self._retired_ssrc: int | None = None
        self._heard_at = -math.inf
        self._sequence = 0
        self._timestamp = 0
        self._order_shift = 0
        self._stamp_shift = 0
        self._transit = 0.0
        self._seen = 0

    def place(self, arrived: Arrived, floor: float) -> Packet | Unwanted:
        """Where a packet belongs. `floor` is the smallest transit known (arrival minus stamp, seconds)."""
        if arrived.ssrc != self._ssrc and self._is_retired(arrived):
            return Unwanted.OTHER_SENDER
        sequence = _unwrap(arrived.sequence, self._sequence, 16)
        if self.newest is None or arrived.ssrc != self._ssrc or abs(sequence - self._sequence) > _NEW_SENDER:
            self._splice(arrived, floor)
            sequence = self._sequence
        packet = self._continued(arrived, sequence, floor)
        if self._is_repeated(packet.order):
            return Unwanted.REPEATED
        self._remember(packet, arrived.at)
        return packet

    def _is_retired(self, arrived: Arrived) -> bool:
        return arrived.ssrc == self._retired_ssrc and arrived.at < self._heard_at + _OLD_SENDER_QUIET

    def _splice(self, arrived: Arrived, floor: float) -> None:
        """Another sender, or the same one from the beginning: from here its numbers mean other places."""
        if arrived.ssrc != self._ssrc:
            self._retired_ssrc, self._ssrc = self._ssrc, arrived.ssrc
        self._sequence, self._timestamp = arrived.sequence, arrived.timestamp
        self._order_shift = self._stamp_shift = 0
        stream, order, stamp = 1, arrived.sequence, arrived.timestamp
        if self.newest is not None:
            stream, order = self.newest.stream + 1, self.newest.order + _ROOM
            stamp = _behind(self.newest.stamp + self.step, arrived.at, floor)
        self._order_shift, self._stamp_shift = order - arrived.sequence, stamp - arrived.timestamp
        self._transit = arrived.at - stamp / RATE
        self._seen <<= _ROOM - 1
        # A stand-in with the place before: the packet itself is yet to come.
        self.newest = Packet(order - 1, stamp - self.step, b"", stream)

    def _continued(self, arrived: Arrived, sequence: int, floor: float) -> Packet:
        assert self.newest is not None
        order = sequence + self._order_shift
        stamp = _unwrap(arrived.timestamp, self._timestamp, 32) + self._stamp_shift
        by_number = self.newest.stamp + (order - self.newest.order) * self.step
        if abs(stamp - by_number) > _NEW_CLOCK * RATE:
            if order < self.newest.order:
                stamp = by_number
            elif abs(arrived.at - stamp / RATE - self._transit) > _NEW_CLOCK:
                wanted = _behind(by_number, arrived.at, floor)
                self._stamp_shift += wanted - stamp
                stamp = wanted
        return Packet(order, stamp, arrived.payload, self.newest.stream)

    def _is_repeated(self, order: int) -> bool:
        assert self.newest is not None
        age = self.newest.order - order
        return age >= _MEMORY or (age >= 0 and bool(self._seen >> age & 1))

    def _remember(self, packet: Packet, at: float) -> None:
        assert self.newest is not None
        self._heard_at = at
        ahead = packet.order - self.newest.order
        if ahead <= 0:
            self._seen |= 1 << -ahead
            return
        self._seen = (self._seen << ahead | 1) & ((1 << _MEMORY) - 1)
        step, rest = divmod(packet.stamp - self.newest.stamp, ahead)
        if ahead <= _NEIGHBOUR and rest == 0 and _SHORTEST <= step <= _LONGEST:
            self.step = step
        self.newest = packet
        self._sequence = packet.order - self._order_shift
        self._timestamp = packet.stamp - self._stamp_shift
        self._transit = at - packet.stamp / RATE


def _behind(end: int, at: float, floor: float) -> int:
    """The stamp of something new that came at `at`: right at the `end` of the old, unless there was a pause."""
    on_time = round((at - floor) * RATE)
    return on_time if on_time - end > _PAUSED * RATE else end


def _unwrap(value: int, reference: int, bits: int) -> int:
    """The number nearest to `reference` that equals `value` in its last `bits` bits."""
    half = 1 << (bits - 1)
    return reference + (value - reference + half) % (2 * half) - half
