"""The receive buffer: packets in as the network brings them, 20 ms of sound out whenever the loudspeaker asks.

aiortc's own buffer waits for a fixed four packets and, once one is lost, holds 320 ms for the rest of the call. This
one knows how late packets tend to come (`ArrivalDelay`) and keeps just so much:

* It grows at once: a packet that is not there in time is concealed *without moving on*, so the delay is 20 ms longer
  from then on; a wait that is known to be too short is stretched in advance.
* It shrinks without dropping a word: pauses are cut, voiced speech gives up one pitch period at a time.
* A hole is repaired from the next packet (FEC) when that is there, invented (PLC) when it is not.
* After 100 ms of inventing, silence. What comes after a silence (a pause, DTX, a stall, a flush) begins anew, as soon
  as it has waited its time.

Threads: `push` and `flush` only append to one bounded deque, which is atomic, so nothing locks. Everything else
belongs to the thread that calls `pull`. Time is passed in, in seconds of one clock.

Words: *order* is the unwrapped RTP sequence number, *stamp* the unwrapped RTP timestamp (48 kHz), *slack* how long
after its ideal arrival a packet is used: what is left of it is what jitter may eat.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.arrival_delay import ArrivalDelay
from voicechat.audio.delay_keeper import DelayKeeper

Pcm = NDArray[np.int16]

RATE = 48_000
FRAME = 960
FRAME_SECONDS = FRAME / RATE

_INVENTED_LIMIT = 4_800
"""Samples (100 ms) after which concealment becomes silence: longer inventions sound like a stuck robot."""
_FADE = 240
"""5 ms: into and out of silence, so that nothing clicks."""
_MOST_HELD = 1.0
"""Seconds of sound kept at most; beyond it a live conversation is better served by the newest."""
_INBOX = 512
"""Packets between two pulls at most: ten seconds of a loudspeaker that does not ask."""
_NEW_STREAM = 1_000
"""A jump of the sequence number by so much is a sender that started over."""
_LONGEST_HOLE = RATE // 2
"""Media time (0.5 s) beyond which missing sound is not filled but jumped."""
_OLD_SSRC_QUIET = 1.0
"""A stream that was replaced may come back after the newer one has been quiet for so long."""


class Decoder(Protocol):
    """What the buffer needs of Opus. Arrays are mono int16 at 48 kHz."""

    def decode(self, payload: bytes) -> Pcm: ...
    def decode_fec(self, next_payload: bytes, samples: int = FRAME) -> Pcm: ...
    def conceal(self, samples: int = FRAME) -> Pcm: ...
    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class JitterStats:
    """What became of the packets. Counts of frames or packets; `depth` and `target` are seconds.

    `depth` is how long a sound stays in here, its own 20 ms included; `target` is what it should be.
    """

    played: int = 0
    fec: int = 0
    concealed: int = 0
    stretched: int = 0
    dropped: int = 0
    late: int = 0
    silence: int = 0
    depth: float = 0.0
    target: float = 0.0


class _Arrived(NamedTuple):
    sequence: int
    timestamp: int
    payload: bytes
    at: float
    ssrc: int


class _Packet(NamedTuple):
    order: int
    stamp: int
    payload: bytes


class JitterBuffer:
    """Pull-based adaptive playout of one RTP stream of Opus. `pull` returns exactly 960 samples, always."""

    def __init__(self, decoder: Decoder, *, min_delay: float = 0.02, max_delay: float = 0.24) -> None:
        self._decoder = decoder
        self._shortest, self._longest = min_delay - FRAME_SECONDS, max_delay - FRAME_SECONDS
        self._inbox: deque[_Arrived | None] = deque(maxlen=_INBOX)
        self._delay = ArrivalDelay()
        self._keeper = DelayKeeper()
        self._queue: dict[int, _Packet] = {}
        self._ssrc: int | None = None
        self._retired_ssrc: int | None = None
        self._heard_at = -math.inf
        self._newest = _Packet(0, 0, b"")
        self._next: int | None = None
        self._expected_stamp = 0
        self._invented = _INVENTED_LIMIT
        self._waited = False
        self._pending: Pcm = np.zeros(0, np.int16)
        self._fades_in = True
        self._slack = 0.0
        self._left_over = 0
        self._played = self._fec = self._concealed = self._stretched = 0
        self._dropped = self._late = self._silence = 0

    def push(self, sequence: int, timestamp: int, payload: bytes, now: float, ssrc: int = 0) -> None:
        """A packet came at `now`. Any one thread; only appends."""
        self._inbox.append(_Arrived(sequence, timestamp, payload, now, ssrc))

    def flush(self) -> None:
        """Drop all that came so far. Safe from any thread; takes effect with the next pull."""
        self._inbox.append(None)

    def stats(self) -> JitterStats:
        """Counters since the start. Safe from any thread; figures may be one pull apart."""
        target = self._target + FRAME_SECONDS
        depth = self._slack + FRAME_SECONDS + self._left_over / RATE if self._is_playing else 0.0
        return JitterStats(
            played=self._played,
            fec=self._fec,
            concealed=self._concealed,
            stretched=self._stretched,
            dropped=self._dropped,
            late=self._late,
            silence=self._silence,
            depth=depth,
            target=target,
        )

    def pull(self, now: float) -> Pcm:
        """The next 20 ms of sound: int16, 960 samples, 48 kHz. The playing thread only."""
        while self._inbox:
            arrived = self._inbox.popleft()
            if arrived is None:
                self._drop_everything()
            else:
                self._accept(arrived)
        self._keep_bounded()
        if not self._is_playing:
            self._begin_if_due(now)
        if self._pending.size < FRAME:
            self._left_over = self._pending.size
        while self._pending.size < FRAME:
            self._extend(now)
        frame, self._pending = self._pending[:FRAME], self._pending[FRAME:]
        return frame

    @property
    def _is_playing(self) -> bool:
        return self._next is not None and self._invented < _INVENTED_LIMIT

    @property
    def _target(self) -> float:
        return min(self._longest, max(self._shortest, self._delay.needed))

    def _slack_of(self, packet: _Packet, now: float) -> float:
        return now - self._delay.floor - packet.stamp / RATE

    # What comes in

    def _accept(self, arrived: _Arrived) -> None:
        if arrived.ssrc != self._ssrc:
            if arrived.ssrc == self._retired_ssrc and arrived.at < self._heard_at + _OLD_SSRC_QUIET:
                self._dropped += 1
                return
            self._start_stream(arrived)
        order = _unwrap(arrived.sequence, self._newest.order, 16)
        if abs(order - self._newest.order) > _NEW_STREAM:
            self._start_stream(arrived)
            order = arrived.sequence
        packet = _Packet(order, _unwrap(arrived.timestamp, self._newest.stamp, 32), arrived.payload)
        self._heard_at = arrived.at
        transit = arrived.at - packet.stamp / RATE
        if not self._is_playing and not self._queue:
            self._delay.begin_after_silence(transit)
        self._delay.add(transit)
        if packet.order > self._newest.order:
            self._newest = packet
        if self._next is not None and order < self._next:
            self._late += 1
            self._keeper.packet_was_late(arrived.at)
        else:
            self._queue.setdefault(order, packet)

    def _start_stream(self, arrived: _Arrived) -> None:
        """Another sender, or the same one from the beginning."""
        if self._ssrc is not None:
            self._drop_everything()
            self._decoder.reset()
        if arrived.ssrc != self._ssrc:
            self._retired_ssrc, self._ssrc = self._ssrc, arrived.ssrc
        self._newest = _Packet(arrived.sequence, arrived.timestamp, b"")
        self._next = None

    def _drop_everything(self) -> None:
        """Silence at once, but without a click; what is already late stays unwanted."""
        self._dropped += len(self._queue)
        self._queue.clear()
        if self._is_playing:
            tail = self._pending if self._pending.size >= _FADE else self._decoder.conceal(FRAME)
            self._pending = _faded_out(tail[:_FADE])
        if self._ssrc is not None:
            self._next = self._newest.order + 1
        self._fall_silent()

    def _keep_bounded(self) -> None:
        """A backlog beyond a second (a stall, a server that sends faster than real time) loses its oldest part."""
        if len(self._queue) < 2:
            return
        oldest = self._queue[min(self._queue)]
        if self._newest.stamp - oldest.stamp <= _MOST_HELD * RATE and len(self._queue) < _INBOX:
            return
        keep_from = self._newest.stamp - int(self._longest * RATE)
        last_orders = self._newest.order - _INBOX // 2
        stale = [order for order, packet in self._queue.items() if packet.stamp < keep_from or order < last_orders]
        if not stale:
            return
        for order in stale:
            del self._queue[order]
        self._dropped += len(stale)
        self._next = max(stale) + 1
        self._fall_silent()

    def _fall_silent(self) -> None:
        self._invented = _INVENTED_LIMIT
        self._fades_in = True

    def _begin_if_due(self, now: float) -> None:
        """After a silence the first packet waits for its stragglers, then the sound begins."""
        if not self._queue:
            return
        first = self._queue[min(self._queue)]
        if self._slack_of(first, now) >= self._target:
            self._next, self._expected_stamp, self._invented = first.order, first.stamp, 0
            self._keeper.begin(now)

    # What goes out

    def _extend(self, now: float) -> None:
        """Put some more sound behind what is pending."""
        if self._next is None or not self._is_playing:
            self._silence += 1
            self._append(np.zeros(FRAME, np.int16))
        elif (packet := self._queue.get(self._next)) is not None:
            if packet.stamp == self._expected_stamp or self._slack_of(packet, now) >= self._target:
                self._play(packet, now)
            else:
                self._invent(FRAME)
        elif self._queue:
            self._fill_hole(self._next, now)
        else:
            self._waited = True
            self._keeper.packet_was_late(now)
            self._keeper.delay_grew()
            self._invent(FRAME)

    def _append(self, pcm: Pcm) -> None:
        self._pending = np.concatenate((self._pending, pcm)) if self._pending.size else pcm

    def _play(self, packet: _Packet, now: float) -> None:
        self._slack = self._slack_of(packet, now)
        self._keeper.packet_used(self._slack, self._target, self._left_over, now)
        self._append(self._decoded(packet))
        self._stretch(now)

    def _decoded(self, packet: _Packet) -> Pcm:
        """The sound of a packet, which is thereby used up."""
        del self._queue[packet.order]
        pcm = self._decoder.decode(packet.payload)
        if pcm.size == 0:
            pcm = self._decoder.conceal(FRAME)
            self._concealed += 1
        else:
            self._played += 1
        self._next, self._expected_stamp, self._invented = packet.order + 1, packet.stamp + pcm.size, 0
        self._waited = False
        if self._fades_in:
            self._fades_in = False
            pcm = _faded_in(pcm)
        return pcm

    def _invent(self, samples: int) -> None:
        """Concealment, which turns into silence when it lasts."""
        pcm = self._decoder.conceal(samples)
        self._concealed += 1
        self._invented += samples
        if self._invented >= _INVENTED_LIMIT:
            pcm = _faded_out(pcm)
            self._fall_silent()
        self._append(pcm)

    def _fill_hole(self, missing: int, now: float) -> None:
        """`missing` is due and not there, though later ones are: lost. Move on, by the best means at hand."""
        first = self._queue[min(self._queue)]
        gone = first.stamp - self._expected_stamp
        self._delay.lost()
        if not 0 < gone <= _LONGEST_HOLE:
            self._next = first.order
            return
        if self._waited and self._slack_of(first, now) >= self._target:
            # What was invented while waiting stood in for it already; to play it now would only add delay.
            self._next, self._expected_stamp = first.order, first.stamp
            return
        if first.order == missing + 1:
            self._append(self._decoder.decode_fec(first.payload, gone))
            self._fec += 1
            self._expected_stamp, self._invented = first.stamp, 0
        else:
            length = max(120, gone // (first.order - missing))
            self._invent(length)
            self._expected_stamp += length
        self._next = missing + 1

    def _stretch(self, now: float) -> None:
        """Come nearer to the target where it cannot be heard; a second packet gives room for a low voice's period."""
        if not self._keeper.is_due(self._pending, now):
            return
        more = self._queue.get(self._next) if self._next is not None and self._keeper.wants_less else None
        if more is not None and more.stamp == self._expected_stamp:
            self._append(self._decoded(more))
        before = self._pending
        self._pending = self._keeper.stretched(before, now)
        self._stretched += self._pending is not before


def _unwrap(value: int, reference: int, bits: int) -> int:
    """The number nearest to `reference` that equals `value` in its last `bits` bits."""
    half = 1 << (bits - 1)
    return reference + (value - reference + half) % (2 * half) - half


def _faded_out(pcm: Pcm) -> Pcm:
    """The last 5 ms going down to silence."""
    out = pcm.copy()
    n = min(_FADE, out.size)
    out[out.size - n :] = (out[out.size - n :] * np.linspace(1.0, 0.0, n)).astype(np.int16)
    return out


def _faded_in(pcm: Pcm) -> Pcm:
    """The first 5 ms coming up from silence."""
    out = pcm.copy()
    n = min(_FADE, out.size)
    out[:n] = (out[:n] * np.linspace(0.0, 1.0, n)).astype(np.int16)
    return out
