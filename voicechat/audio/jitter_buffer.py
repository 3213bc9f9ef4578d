"""The receive buffer: packets in as the network brings them, a block of sound out whenever the loudspeaker asks.

aiortc's own buffer waits for a fixed four packets and, once one is lost, holds 320 ms for the rest of the call. This
one knows how late packets tend to come (`ArrivalDelay`) and keeps just so much:

* It grows at once: a packet that is not there in time is concealed *without moving on*, so the delay is one block
  longer from then on; a wait that is known to be too short is stretched in advance.
* It shrinks without dropping a word: pauses are cut, voiced speech gives up one pitch period at a time.
* A hole is repaired from the next packet (FEC) when that is there, invented (PLC) when it is not.
* After 100 ms of inventing, silence. What comes after a silence (a pause, a stall, a flush) begins anew, as soon as it
  has waited its time. A sender that announced its silence (DTX) leaves a breath of comfort noise instead.

Threads: `push` and `flush` only append to one bounded deque, which is atomic, so nothing locks. Everything else
belongs to the thread that calls `pull`. Time is passed in, in seconds of one clock.

Words: *order* and *stamp* are a packet's place in the one time line that `RtpStream` makes, *slack* how long after its
ideal arrival it is used: what is left of it is what jitter may eat.

One endless time line out of what senders do with their numbers.

RTP numbers wrap, start anywhere, and start again: when a server opens another sender (SSRC), restarts its own, or sets
its media clock anew after a pause. Whoever plays should not have to know. Each packet gets an *order* (unwrapped
sequence number) and a *stamp* (unwrapped timestamp, 48 kHz); what is not a continuation is spliced on behind what came
before, so that the end of the old is still played. A repeated packet is told from a late one.

Joining pieces of sound without a click. Mono int16, 48 kHz; pure.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.playout_delay import ArrivalDelay, DelayKeeper
from voicechat.line import JitterStats

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


Pcm = NDArray[np.int16]

FADE = 240
"""5 ms: into and out of silence."""
SEAM = 120
"""2.5 ms: from an invention into what was really said. Longer ones soften the onsets of words (10 ms: a quarter of a
point of word errors at 19 % loss), shorter ones gain nothing."""


def faded_out(pcm: Pcm) -> Pcm:
    """The last 5 ms going down to silence."""
    out = pcm.copy()
    n = min(FADE, out.size)
    out[out.size - n :] = (out[out.size - n :] * np.linspace(1.0, 0.0, n)).astype(np.int16)
    return out


def faded_in(pcm: Pcm) -> Pcm:
    """The first 5 ms coming up from silence."""
    out = pcm.copy()
    n = min(FADE, out.size)
    out[:n] = (out[:n] * np.linspace(0.0, 1.0, n)).astype(np.int16)
    return out


def joined(old: Pcm, new: Pcm) -> Pcm:
    """`new`, cross-faded from `old` in its beginning."""
    n = min(old.size, new.size)
    if n == 0:
        return new
    out = new.copy()
    rising = np.linspace(0.0, 1.0, n, dtype=np.float32)
    out[:n] = np.rint(old[:n] * (1.0 - rising) + new[:n] * rising).astype(np.int16)
    return out


_NOTHING: Pcm = np.zeros(0, np.int16)

FRAME = 960
FRAME_SECONDS = FRAME / RATE

_INVENTED_LIMIT = 4_800
"""Samples (100 ms) after which concealment becomes silence: longer inventions sound like a stuck robot."""
_COMFORT_LIMIT = RATE
"""Samples (1 s) for which a sender may rest: its comfort packets come every 400 ms, and one may be lost."""
_COMFORT_PAYLOAD = 2
"""Bytes up to which a packet says that there is nothing to say (RFC 6716 2.1.9)."""
_SHORTEST = 120
"""2.5 ms: the step in which Opus conceals, and less than what a sender's rounding of stamps may amount to."""
_LONGEST_PACKET = 5_760
_MOST_HELD = 1.0
"""Seconds of sound kept at most; beyond it a live conversation is better served by the newest."""
_INBOX = 512
"""Packets between two pulls at most: ten seconds of a loudspeaker that does not ask."""


class Decoder(Protocol):
    """What the buffer needs of Opus. Arrays are mono int16 at 48 kHz."""

    def decode(self, payload: bytes) -> Pcm: ...
    def decode_fec(self, next_payload: bytes, samples: int = FRAME) -> Pcm: ...
    def carries_fec(self, payload: bytes) -> bool: ...
    def conceal(self, samples: int = FRAME) -> Pcm: ...
    def reset(self) -> None: ...


class JitterBuffer:
    """Pull-based adaptive playout of one line of Opus. `pull` returns exactly what was asked for, always."""

    def __init__(self, decoder: Decoder, *, min_delay: float = 0.02, max_delay: float = 0.24) -> None:
        self._decoder = decoder
        self._shortest, self._longest = min_delay - FRAME_SECONDS, max_delay - FRAME_SECONDS
        self._inbox: deque[Arrived | None] = deque(maxlen=_INBOX)
        self._line = RtpStream()
        self._delay = ArrivalDelay()
        self._keeper = DelayKeeper()
        self._queue: dict[int, Packet] = {}
        self._next: int | None = None
        self._expected_stamp = 0
        self._stream = 0
        self._unwanted_until: float = -math.inf
        self._block = FRAME
        self._invented = _INVENTED_LIMIT
        self._stood_in = 0
        self._rests = False
        self._pending = _NOTHING
        self._fades_in = True
        self._slack = 0.0
        self._left_over = 0
        self._played = self._fec = self._stretched = self._silence = self._dropped = self._late = self._repeated = 0
        self._received_samples = self._invented_samples = self._put_in = self._taken_out = 0

    def push(self, sequence: int, timestamp: int, payload: bytes, now: float, ssrc: int = 0) -> None:
        """A packet came at `now`. Any one thread; only appends."""
        self._inbox.append(Arrived(sequence, timestamp, payload, now, ssrc))

    def flush(self) -> None:
        """Drop all that came so far. Safe from any thread; takes effect with the next pull."""
        self._inbox.append(None)

    def stats(self) -> JitterStats:
        """Counters since the start. Safe from any thread; figures may be one pull apart."""
        depth = self._slack + FRAME_SECONDS + self._left_over / RATE if self._is_playing else 0.0
        return JitterStats(
            played=self._played,
            fec=self._fec,
            concealed=math.ceil(self._invented_samples / FRAME),
            stretched=self._stretched,
            dropped=self._dropped,
            late=self._late,
            repeated=self._repeated,
            silence=self._silence,
            invented=self._invented_samples / RATE,
            heard=(self._received_samples + self._invented_samples) / RATE,
            expanded=self._put_in / RATE,
            accelerated=self._taken_out / RATE,
            depth=depth,
            target=self._target + FRAME_SECONDS,
        )

    def pull(self, now: float, samples: int = FRAME) -> Pcm:
        """The next `samples` of sound (a multiple of 120): int16, 48 kHz. The playing thread only.

        Smaller blocks leave less to chance: a packet waits for the next pull, 10 ms on average with blocks of 20.
        """
        self._block = samples
        while self._inbox:
            arrived = self._inbox.popleft()
            if arrived is None:
                self._drop_everything()
            else:
                self._accept(arrived)
        self._keep_bounded()
        if not self._is_playing:
            self._begin_if_due(now)
        if self._pending.size < samples:
            self._left_over = self._pending.size
        while self._pending.size < samples:
            self._extend(now)
        block, self._pending = self._pending[:samples], self._pending[samples:]
        return block

    @property
    def _is_playing(self) -> bool:
        return self._next is not None and self._invented < (_COMFORT_LIMIT if self._rests else _INVENTED_LIMIT)

    @property
    def _target(self) -> float:
        return min(self._longest, max(self._shortest, self._delay.needed))

    def _slack_of(self, packet: Packet, now: float) -> float:
        return now - self._delay.floor - packet.stamp / RATE

    def _is_due(self, packet: Packet, now: float) -> bool:
        """Whether its time has come; where a block takes several packets, the last of them must be in time as well."""
        ahead = max(0, self._block - self._line.step) / RATE
        return self._slack_of(packet, now) >= self._target + ahead

    # What comes in

    def _accept(self, arrived: Arrived) -> None:
        newest = self._line.newest
        packet = self._line.place(arrived, self._delay.floor)
        if isinstance(packet, Unwanted):
            self._repeated += packet is Unwanted.REPEATED
            self._dropped += packet is Unwanted.OTHER_SENDER
            return
        self._measure(packet, arrived.at, is_new_sender=newest is None or packet.stream != newest.stream)
        if packet.order <= self._unwanted_until:
            self._dropped += 1
        elif self._next is not None and packet.order < self._next:
            self._late += 1
            self._delay.came_after_all()
            self._keeper.packet_was_late(arrived.at)
        else:
            self._queue[packet.order] = packet
            if packet.order == self._next and self._stood_in:
                self._keeper.packet_was_late(arrived.at)

    def _measure(self, packet: Packet, at: float, *, is_new_sender: bool) -> None:
        transit = at - packet.stamp / RATE
        if is_new_sender:
            self._delay.begin_anew()
            self._delay.can_repair = False
        elif not self._is_playing and not self._queue:
            self._delay.begin_after_silence(transit)
        self._delay.can_repair = self._delay.can_repair or self._decoder.carries_fec(packet.payload)
        self._delay.add(transit, self._line.step / RATE)

    def _drop_everything(self) -> None:
        """Silence at once, but without a click; what is already late stays unwanted."""
        self._dropped += len(self._queue)
        self._queue.clear()
        if self._is_playing:
            tail = self._pending if self._pending.size >= FADE else self._decoder.conceal(FADE)
            self._pending = faded_out(tail[:FADE])
        if self._line.newest is not None:
            self._begin_behind(self._line.newest.order)
        self._fall_silent()

    def _begin_behind(self, order: int) -> None:
        self._unwanted_until = order
        self._next = order + 1

    def _keep_bounded(self) -> None:
        """A backlog beyond a second (a stall, a server that sends faster than real time) loses its oldest part."""
        newest = self._line.newest
        if newest is None or len(self._queue) < 2:
            return
        oldest = self._queue[min(self._queue)]
        if newest.stamp - oldest.stamp <= _MOST_HELD * RATE and len(self._queue) < _INBOX:
            return
        keep_from = newest.stamp - int(self._longest * RATE)
        last_orders = newest.order - _INBOX // 2
        stale = [order for order, packet in self._queue.items() if packet.stamp < keep_from or order < last_orders]
        if not stale:
            return
        for order in stale:
            del self._queue[order]
        self._dropped += len(stale)
        self._begin_behind(max(stale))
        self._fall_silent()

    def _fall_silent(self) -> None:
        self._invented = _COMFORT_LIMIT
        self._stood_in = 0
        self._rests = False
        self._fades_in = True

    def _begin_if_due(self, now: float) -> None:
        """After a silence the first packet waits for its stragglers, then the sound begins."""
        if not self._queue:
            return
        first = self._queue[min(self._queue)]
        if self._is_due(first, now):
            self._jump_to(first)
            self._invented = 0
            self._keeper.begin(now)

    # What goes out

    def _extend(self, now: float) -> None:
        """Put some more sound behind what is pending. What is invented here does not move on."""
        if self._next is None or not self._is_playing:
            self._silence += 1
            self._append(np.zeros(self._block, np.int16))
        elif (packet := self._queue.get(self._next)) is not None:
            if packet.stamp <= self._expected_stamp + _SHORTEST or self._is_due(packet, now):
                self._play(packet, now)
            else:
                self._invent(self._block)
        elif self._queue:
            self._fill_hole(self._next, now)
        else:
            self._stood_in += self._block
            self._keeper.delay_grew()
            self._invent(self._block)

    def _append(self, pcm: Pcm) -> None:
        self._pending = np.concatenate((self._pending, pcm)) if self._pending.size else pcm

    def _play(self, packet: Packet, now: float) -> None:
        covered = self._covered(packet.stamp, now)
        seam = self._seam(packet)
        self._slack = self._slack_of(packet, now) - covered / RATE
        self._keeper.packet_used(self._slack, self._target, self._left_over, self._block, now)
        pcm = self._decoded(packet)
        self._append(joined(seam, pcm[covered:]))
        self._stretch(now)

    def _covered(self, stamp: int, now: float) -> int:
        """How much of what begins at `stamp` inventions stood in for, so that it need not be played any more. Only so
        much that the delay does not fall below the target: up to there, an invention is what makes it grow."""
        spare = now - self._delay.floor - stamp / RATE - self._target
        return max(0, min(self._stood_in, int(spare * RATE) // self._block * self._block))

    def _seam(self, packet: Packet) -> Pcm:
        """How the invention goes on into `packet`; empty where nothing was invented, or another one speaks."""
        goes_on = self._invented and not self._fades_in and packet.stream == self._stream
        return self._decoder.conceal(SEAM) if goes_on else _NOTHING

    def _decoded(self, packet: Packet) -> Pcm:
        """The sound of a packet, which is thereby used up."""
        del self._queue[packet.order]
        farewell = self._change_sender(packet.stream)
        pcm = self._decoder.decode(packet.payload)
        if pcm.size:
            self._played += 1
            self._received_samples += pcm.size
            invented = 0
        else:
            pcm = self._decoder.conceal(min(_LONGEST_PACKET, self._line.step))
            invented = pcm.size
        self._next, self._expected_stamp = packet.order + 1, packet.stamp + pcm.size
        # A whole packet out of a rest may be one breath of it (every 400 ms) or the first word: the next one tells.
        self._rests = len(packet.payload) <= _COMFORT_PAYLOAD or (self._rests and self._invented > 0)
        self._invented_samples += invented
        self._invented, self._stood_in = invented, 0
        if self._fades_in:
            self._fades_in = False
            pcm = faded_in(pcm)
        return np.concatenate((farewell, pcm)) if farewell.size else pcm

    def _change_sender(self, stream: int) -> Pcm:
        """What it takes to leave the old sender's sound without a click (5 ms), empty for the same sender."""
        farewell = _NOTHING
        if stream != self._stream and self._stream:
            if not self._fades_in:
                farewell, self._fades_in = faded_out(self._decoder.conceal(FADE)), True
            self._decoder.reset()
        self._stream = stream
        return farewell

    def _invent(self, samples: int) -> None:
        """Concealment, or comfort noise while the sender rests; either turns into silence when it lasts."""
        pcm = self._decoder.conceal(samples)
        if self._rests:
            self._silence += 1
        else:
            self._invented_samples += pcm.size
        self._invented += samples
        if not self._is_playing:
            pcm = faded_out(pcm)
            self._fall_silent()
        self._append(pcm)

    def _jump_to(self, packet: Packet) -> None:
        self._next, self._expected_stamp, self._stood_in = packet.order, packet.stamp, 0

    def _fill_hole(self, missing: int, now: float) -> None:
        """`missing` is due and not there, though later ones are."""
        first = self._queue[min(self._queue)]
        count, gone = first.order - missing, first.stamp - self._expected_stamp
        if gone <= 0:
            self._jump_to(first)
        elif first.stream != self._stream or self._rests or gone > count * _LONGEST_PACKET:
            # Not lost but never sent: the sender rested, or another one took over.
            if self._is_due(first, now):
                self._jump_to(first)
            else:
                self._invent(self._block)
        else:
            self._make_good(missing, first, now)

    def _make_good(self, missing: int, first: Packet, now: float) -> None:
        """`missing` is lost. Move on, by the best means at hand."""
        self._delay.lost()
        each = max(1, (first.stamp - self._expected_stamp) // (first.order - missing))
        covered = self._covered(self._expected_stamp, now)
        self._stood_in = 0
        missing += covered // each
        self._expected_stamp += covered
        length = first.stamp - self._expected_stamp
        if length < _SHORTEST or missing >= first.order:
            self._jump_to(first)
            return
        self._next = missing + 1
        repaired = self._repaired(first, each, length) if first.order == self._next else None
        if repaired is not None:
            self._append(repaired)
            self._expected_stamp, self._invented = first.stamp, 0
        else:
            length = max(_SHORTEST, length // (first.order - missing) // _SHORTEST * _SHORTEST)
            self._invent(length)
            self._expected_stamp += length

    def _repaired(self, follower: Packet, whole: int, samples: int) -> Pcm | None:
        """The last `samples` of the lost packet before `follower`, from what that carries of it."""
        if not self._decoder.carries_fec(follower.payload):
            return None
        seam = self._seam(follower)
        pcm = self._decoder.decode_fec(follower.payload, max(whole, samples))[-samples:]
        if pcm.size == 0:
            return None
        self._fec += 1
        self._received_samples += pcm.size
        return joined(seam, pcm)

    def _stretch(self, now: float) -> None:
        """Come nearer to the target where it cannot be heard; a second packet gives room for a low voice's period."""
        if not self._keeper.is_due(self._pending, now):
            return
        more = self._queue.get(self._next) if self._next is not None and self._keeper.wants_less else None
        if more is not None and more.stamp == self._expected_stamp and more.stream == self._stream:
            self._append(self._decoded(more))
        before = self._pending
        self._pending = self._keeper.stretched(before, now)
        self._stretched += self._pending is not before
        self._put_in += max(0, self._pending.size - before.size)
        self._taken_out += max(0, before.size - self._pending.size)
