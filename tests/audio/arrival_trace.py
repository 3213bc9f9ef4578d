"""A call without a network: real Opus packets, a seeded table of arrivals, the receive buffer, and what came out.

Much faster than real time and independent of the machine's load, so that a choice in the buffer can be judged on hours
of bad line. Delay is that of each packet's first sample, from the moment its frame was handed to the sender to the
moment the loudspeaker asks for it; what a device or the 20 ms of a frame add is the same for everybody and left out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.jitter_buffer import JitterBuffer, JitterStats
from voicechat.audio.opus import OpusDecoder, OpusEncoder

Pcm = NDArray[np.int16]
RATE = 48_000
FRAME = 960
FRAME_SECONDS = 0.02


@dataclass(frozen=True)
class Network:
    """Seconds and shares. Jitter is two sigma of a normal distribution; `burst` is the mean length of a loss."""

    delay: float = 0.001
    jitter: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    reorders: bool = False
    hops: int = 1
    """How often the packets pass through such a network, one after the other."""
    busy: float = 0.0
    """Share of packets that the receiving machine notices late (up to 15 ms), as a loaded event loop does."""


class Arrival(NamedTuple):
    """Packet `number`, handed to the sender at `said`, there at `at`."""

    number: int
    said: float
    at: float


@dataclass
class Heard:
    """What the listener got."""

    sound: Pcm
    delays: NDArray[np.float64]
    stats: JitterStats
    said: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def delay(self, since: float = 3.0, share: float = 0.5) -> float:
        """Quantile of the delay of what was said after `since`."""
        late = self.delays[self.said >= since]
        return float(np.quantile(late, share)) if late.size else float("nan")


def encoded(pcm: Pcm, *, packet_loss: int = 10, bitrate: int = 28_000) -> list[bytes]:
    """Packets of 20 ms, as our sender makes them."""
    encoder = OpusEncoder(bitrate=bitrate, packet_loss=packet_loss)
    return [encoder.encode(pcm[at : at + FRAME]) for at in range(0, pcm.size, FRAME)]


def arrivals(count: int, network: Network, seed: int, *, drift: float = 0.0) -> list[Arrival]:
    """A packet every 20 ms of the sender's clock (which is `drift` slower than ours), oldest arrival first."""
    rng = random.Random(seed)
    table = [Arrival(number, said, said) for number, said in _said(count, drift)]
    for _ in range(network.hops):
        table = _through(table, network, rng)
    late = [a._replace(at=a.at + rng.uniform(0.0, 0.015) * (rng.random() < network.busy)) for a in table]
    return sorted(late, key=lambda arrival: arrival.at)


def _said(count: int, drift: float) -> list[tuple[int, float]]:
    return [(number, number * FRAME_SECONDS * (1 + drift)) for number in range(count)]


def _through(table: list[Arrival], network: Network, rng: random.Random) -> list[Arrival]:
    """One hop: delay, loss in bursts (Gilbert), and in order unless the network says otherwise."""
    leave = 1.0 / max(1.0, network.burst)
    enter = network.loss * leave / (1 - network.loss)
    bad, latest, found = False, 0.0, []
    for arrival in table:
        bad = rng.random() > leave if bad else rng.random() < enter
        at = arrival.at + max(0.0, rng.gauss(network.delay, network.jitter / 2))
        if not bad:
            latest = at if network.reorders else max(latest, at)
            found.append(arrival._replace(at=latest))
    return found


class _Watched(OpusDecoder):
    """Tells when each packet is decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: list[bytes] = []

    def decode(self, payload: bytes) -> Pcm:
        self.payloads.append(payload)
        return super().decode(payload[4:])

    def decode_fec(self, next_payload: bytes, samples: int = FRAME) -> Pcm:
        return super().decode_fec(next_payload[4:], samples)

    def carries_fec(self, payload: bytes) -> bool:
        return super().carries_fec(payload[4:])


def listened(payloads: Sequence[bytes], table: Sequence[Arrival], *, phase: float = 0.003, pull: int = FRAME) -> Heard:
    """Play a table of arrivals to the end and a second beyond, asking for `pull` samples at a time."""
    decoder = _Watched()
    buffer = JitterBuffer(decoder)
    said = {arrival.number: arrival.said for arrival in table}
    waiting, sound = list(reversed(table)), []
    delays, when = [], []
    end = table[-1].at + 1.0
    for tick in range(int(end * RATE / pull)):
        now = phase + tick * pull / RATE
        while waiting and waiting[-1].at <= now:
            arrival = waiting.pop()
            payload = arrival.number.to_bytes(4, "big") + payloads[arrival.number]
            buffer.push(arrival.number & 0xFFFF, arrival.number * FRAME, payload, arrival.at)
        seen = len(decoder.payloads)
        before = buffer._pending.size
        sound.append(buffer.pull(now, pull))
        for payload in decoder.payloads[seen:]:
            number = int.from_bytes(payload[:4], "big")
            delays.append(now + before / RATE - said[number])
            when.append(said[number])
            before += FRAME
    return Heard(np.concatenate(sound), np.array(delays), buffer.stats(), np.array(when))
