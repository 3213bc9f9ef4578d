"""The receive buffer against tables of arrivals: what a listener hears when the network does this or that."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from hypothesis import given, strategies as st
from msgspec import structs
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.jitter_buffer import FRAME, JitterBuffer
from voicechat.audio.opus import OpusDecoder, OpusEncoder
from voicechat.line import JitterStats

Pcm = NDArray[np.int16]


class CountingDecoder:
    """Knows each packet by the number in its payload; sounds like noise (speech) or like a pause."""

    def __init__(self, pause: bool = False, breath: int = 0, fec: bool = True) -> None:
        self.pause = pause
        self.fec = fec
        self.breath = breath
        self.played: list[int] = []
        self.repaired: list[int] = []
        self.resets = 0

    def decode(self, payload: bytes) -> Pcm:
        number = int.from_bytes(payload, "big")
        self.played.append(number)
        if self.pause or number % 100 < self.breath:
            return np.full(FRAME, 20, np.int16)
        return np.random.default_rng(number).integers(-6_000, 6_000, FRAME).astype(np.int16)

    def decode_fec(self, next_payload: bytes, samples: int = FRAME) -> Pcm:
        self.repaired.append(int.from_bytes(next_payload, "big") - 1)
        return np.full(samples, 700, np.int16)

    def carries_fec(self, payload: bytes) -> bool:
        return self.fec

    def conceal(self, samples: int = FRAME) -> Pcm:
        return np.full(samples, 500, np.int16)

    def reset(self) -> None:
        self.resets += 1


@dataclass(frozen=True)
class Sent:
    """Packet `number`, said at `said` and arriving at `at`."""

    number: int
    at: float
    said: float


class Line:
    """Plays a table of arrivals to a buffer, pulling every 20 ms; first sequence and timestamp are near their wraps."""

    def __init__(self, pause: bool = False, fec: bool = True) -> None:
        self.decoder = CountingDecoder(pause, fec=fec)
        self.buffer = JitterBuffer(self.decoder)
        self.waits: list[tuple[float, float]] = []
        self.out: list[Pcm] = []
        self.pulled_at: list[float] = []
        self.depths: list[float] = []

    def run(self, sent: Iterable[Sent], until: float, since: float = 0.0, phase: float = 0.007) -> Line:
        said = {packet.number: packet.said for packet in sent}
        arrivals = sorted(sent, key=lambda packet: packet.at)
        for tick in range(round((until - since) / 0.02)):
            now = since + phase + tick * 0.02
            while arrivals and arrivals[0].at <= now:
                self.push(arrivals.pop(0))
            before = len(self.decoder.played)
            frame = self.buffer.pull(now)
            assert frame.shape == (FRAME,) and frame.dtype == np.int16
            self.out.append(frame)
            self.pulled_at.append(now)
            self.depths.append(self.stats.depth)
            self.waits += [(now, now - said[n]) for n in self.decoder.played[before:] if n in said]
        return self

    def push(self, packet: Sent, ssrc: int = 1) -> None:
        self.buffer.push(
            (65_530 + packet.number) & 0xFFFF,
            (2**32 - 2_000 + packet.number * FRAME) & 0xFFFFFFFF,
            packet.number.to_bytes(4, "big"),
            packet.at,
            ssrc,
        )

    def delay(self, since: float) -> float:
        """Median seconds from being said to being played, for what was played after `since`."""
        return float(np.median([wait for at, wait in self.waits if at >= since]))

    @property
    def stats(self) -> JitterStats:
        return self.buffer.stats()


def steady(
    count: int,
    *,
    network: float = 0.02,
    jitter: float = 0.0,
    lost: float = 0.0,
    drift: float = 0.0,
    seed: int = 1,
    first: int = 0,
) -> list[Sent]:
    """A packet every 20 ms over a network that delays, jitters (normal, two sigma) and loses; order is kept."""
    rng, packets, latest = random.Random(seed), [], 0.0
    for number in range(first, first + count):
        said = number * 0.02 * (1 + drift)
        at = max(latest, said + max(0.0, rng.gauss(network, jitter / 2)))
        latest = at
        if rng.random() >= lost:
            packets.append(Sent(number, at, said))
    return packets


def test_the_end_of_an_invention_is_no_click() -> None:
    """A hum loses a packet now and then; libopus' inventions of it end at any place of its wave."""
    encoder, buffer = OpusEncoder(fec=False), JitterBuffer(OpusDecoder())
    hum = (8_000 * np.sin(2 * np.pi * 170 * np.arange(200 * FRAME) / 48_000)).astype(np.int16)
    lost = range(50, 190, 9)
    heard = []
    for number in range(200):
        packet = encoder.encode(hum[number * FRAME : (number + 1) * FRAME])
        if number not in lost:
            buffer.push(number, number * FRAME, packet, number * 0.02)
        heard.append(buffer.pull(number * 0.02 + 0.005))
    steps = np.abs(np.diff(np.concatenate(heard[40:]).astype(int)))
    assert buffer.stats().concealed >= len(lost)
    assert steps.max() < 2.5 * np.abs(np.diff(hum.astype(int))).max()


def test_a_flush_silences_what_came_and_plays_what_comes() -> None:
    line = Line().run(steady(50, network=0.1), 1.05)
    for packet in (Sent(n, 1.05, n * 0.02) for n in range(50, 60)):
        line.push(packet)
    line.buffer.flush()
    after = [Sent(n, 1.1 + (n - 60) * 0.02, n * 0.02) for n in range(60, 100)]
    line.run(after, 2.3, since=1.06)
    heard_after = line.decoder.played[line.decoder.played.index(60) :] if 60 in line.decoder.played else []
    assert not set(range(50, 60)) & set(line.decoder.played)
    assert heard_after == list(range(60, 100))
    assert line.stats.dropped >= 10


def test_a_backlog_of_many_seconds_is_cut_to_the_newest() -> None:
    """The loudspeaker was away (suspended machine) while packets kept coming."""
    line = Line().run(steady(100), 2.0)
    late = steady(300, first=100)
    for packet in late:
        line.push(packet)
    line.run([], 8.3, since=8.0)
    assert line.stats.depth <= 0.3
    assert line.stats.dropped > 200
    assert max(line.decoder.played) == 399


def test_a_new_sender_takes_over_and_stragglers_of_the_old_one_are_ignored() -> None:
    line = Line().run(steady(100), 1.9)
    for number in range(100, 200):
        at = number * 0.02 + 0.02
        line.buffer.push(number + 7_000, number * FRAME + 5, (number + 1_000).to_bytes(4, "big"), at, 2)
        if number == 110:
            line.push(Sent(99, at, 0.0), ssrc=1)
        line.run([], at + 0.02, since=at)
    assert line.decoder.resets == 1
    new = [number for number in line.decoder.played if number >= 1_000]
    assert new == list(range(1_100, 1_100 + len(new))) and len(new) >= 97
    assert line.stats.dropped >= 1


def test_a_server_that_floods_with_equal_timestamps_cannot_fill_the_memory() -> None:
    buffer = JitterBuffer(CountingDecoder())
    for number in range(20_000):
        buffer.push(number & 0xFFFF, 0, number.to_bytes(4, "big"), number * 1e-4)
        if number % 200 == 0:
            buffer.pull(number * 1e-4)
    assert len(buffer._queue) <= 600 and len(buffer._inbox) <= 512


@given(
    delays=st.lists(st.floats(0.0, 0.5), min_size=1, max_size=150),
    lost=st.sets(st.integers(0, 149)),
    repeated=st.sets(st.integers(0, 149)),
    flushed=st.sets(st.integers(0, 200), max_size=3),
    pause=st.booleans(),
)
def test_whatever_the_network_does_no_packet_is_played_twice_or_out_of_order(
    delays: list[float], lost: set[int], repeated: set[int], flushed: set[int], pause: bool
) -> None:
    line = Line(pause)
    arrivals = [Sent(n, n * 0.02 + d, n * 0.02) for n, d in enumerate(delays) if n not in lost]
    arrivals += [Sent(p.number, p.at + 0.03, p.said) for p in arrivals if p.number in repeated]
    arrivals.sort(key=lambda packet: packet.at)
    for tick in range(200):
        now = tick * 0.02
        while arrivals and arrivals[0].at <= now:
            line.push(arrivals.pop(0))
        if tick in flushed:
            line.buffer.flush()
        assert line.buffer.pull(now).shape == (FRAME,)
        assert len(line.buffer._queue) < 150 and line.buffer._pending.size <= 4 * FRAME
        assert line.stats.depth <= 2.0
    assert line.decoder.played == sorted(set(line.decoder.played))
    assert not line.buffer._queue


def test_before_the_first_packet_there_is_silence() -> None:
    line = Line().run([], 0.2)
    assert all(not frame.any() for frame in line.out)
    assert line.stats.silence == 10 and line.stats.depth == 0.0


@each("phase", [0.0, 0.005, 0.01, 0.015, 0.0199])
def test_a_clean_line_adds_less_than_a_frame_and_a_half_and_invents_nothing(phase: float) -> None:
    line = Line().run(steady(500), 10.0, phase=phase)
    assert line.decoder.played[:490] == list(range(490))
    assert line.delay(0) <= 0.02 + 0.031
    assert line.stats.concealed == 0 and line.stats.fec == 0 and line.stats.dropped == 0


@each(
    ("jitter", "lost", "longest_delay", "most_invented"),
    [
        (0.01, 0.0, 0.06, 0.01),
        (0.01, 0.01, 0.08, 0.01),
        (0.01, 0.05, 0.10, 0.03),
        (0.01, 0.10, 0.10, 0.05),
        (0.06, 0.005, 0.2, 0.02),
    ],
)
def test_on_a_bad_line_delay_and_inventions_stay_small(
    jitter: float, lost: float, longest_delay: float, most_invented: float
) -> None:
    line = Line().run(steady(1_500, jitter=jitter, lost=lost, seed=7), 30.0)
    frames = line.stats.played + line.stats.fec + line.stats.concealed
    assert line.delay(5.0) <= longest_delay
    assert line.stats.concealed / frames <= most_invented


def test_a_single_lost_packet_is_repaired_from_the_next_and_costs_no_lasting_delay() -> None:
    packets = [packet for packet in steady(500, jitter=0.03, network=0.05, seed=3) if packet.number != 250]
    line = Line().run(packets, 10.0)
    assert line.decoder.repaired == [250]
    assert line.delay(8.0) <= line.delay(3.0) + 0.021
    clean = Line().run([packet for packet in steady(1_000) if packet.number != 100], 20.0)
    assert clean.delay(15.0) <= 0.02 + 0.041


def test_a_lost_packet_whose_repair_cannot_be_decoded_is_concealed() -> None:
    line = Line()
    line.decoder.decode_fec = lambda next_payload, samples=FRAME: np.zeros(0, np.int16)  # type: ignore[method-assign]
    line.run([packet for packet in steady(100) if packet.number != 50], 2.0)
    assert (line.stats.fec, line.stats.concealed) == (0, 1)
    assert line.decoder.played == [number for number in range(98) if number != 50]


def test_reordered_packets_are_played_in_order_and_hardly_any_is_late() -> None:
    packets = steady(400)
    for i in range(40, 380, 17):
        a, b = packets[i], packets[i + 1]
        packets[i : i + 2] = Sent(a.number, b.at, a.said), Sent(b.number, a.at, b.said)
    line = Line().run(packets, 8.0)
    assert line.decoder.played == sorted(set(line.decoder.played))
    assert line.stats.late <= 3


@each(("pause", "stall", "delay"), [(True, 20, 0.065), (False, 45, 0.2)])
def test_after_a_stall_the_delay_shrinks_without_a_lost_word(pause: bool, stall: int, delay: float) -> None:
    """Also that of noise or music on hold, which cannot be shortened unheard."""
    until = (200 + stall) * 0.02
    stalled = [
        Sent(p.number, max(p.at, until) if 200 <= p.number < 200 + stall else p.at, p.said) for p in steady(1_500)
    ]
    line = Line(pause).run(stalled, 30.0)
    assert line.decoder.played[:1_480] == list(range(1_480))
    assert line.stats.dropped == 0 and line.stats.stretched > 0
    assert line.delay(28.0) <= delay


def test_a_stall_fades_to_silence_in_100_ms_and_a_flush_in_5_without_a_click() -> None:
    line = Line().run(steady(100), 3.0)
    dry = next(i for i, frame in enumerate(line.out) if i > 50 and (frame == 500).all())
    assert not line.out[dry + 5].any() and not line.out[dry + 20].any()
    assert line.out[dry + 4].any() and abs(int(line.out[dry + 4][-1])) < 20
    assert line.stats.concealed == 5
    flushed = Line().run(steady(50), 0.9)
    flushed.buffer.flush()
    frame = flushed.buffer.pull(0.907)
    assert abs(int(frame[239])) < 100 and not frame[240:].any()


@each("drift", [200e-6, -200e-6])
def test_clocks_that_differ_by_200_ppm_neither_fill_nor_starve_the_buffer(drift: float) -> None:
    line = Line()
    line.decoder.breath = 10
    line.run(steady(15_000, drift=drift), 299.0)
    assert line.delay(290.0) <= 0.02 + 0.055
    assert line.stats.concealed <= 6 and line.stats.dropped == 0


# What the receive buffer makes of eighteen networks, half a second by half a second, as it was measured and approved


APPROVED = Path(__file__).parent / "approved_playout.txt"
SECONDS = 6.0
COMFORT = b"\x00\x01"


def stalled(at: float, seconds: float) -> list[Sent]:
    """Nothing comes for a while, then all of it at once."""
    held = (at, at + seconds)
    return [Sent(one.number, held[1] if held[0] < one.at < held[1] else one.at, one.said) for one in steady(300)]


def shuffled(seed: int) -> list[Sent]:
    chance = random.Random(seed)
    return [Sent(one.number, one.at + chance.choice((0.0, 0.0, 0.03, 0.07)), one.said) for one in steady(300)]


def doubled() -> list[Sent]:
    """Each packet comes twice, the second time late."""
    return [copy for one in steady(300) for copy in (one, Sent(one.number, one.at + 0.05, one.said))]


def then(line: Line, act: Callable[[float], None]) -> None:
    """`act` once in the middle of the line."""
    pull = line.buffer.pull
    done = False

    def pulled(now: float, samples: int = FRAME) -> np.ndarray:
        nonlocal done
        if now > 2.6 and not done:
            done = True
            act(now)
        return pull(now, samples)

    line.buffer.pull = pulled  # type: ignore[method-assign]


def comfort(line: Line) -> None:
    """The sender has nothing to say from 2.6 s on and says so."""
    sequence, stamp = (65_530 + 130) & 0xFFFF, (2**32 - 2_000 + 130 * FRAME) & 0xFFFFFFFF
    then(line, lambda now: line.buffer.push(sequence, stamp, COMFORT, now, 1))


def new_sender(line: Line) -> None:
    def push(now: float) -> None:
        for number in range(500, 520):
            line.push(Sent(number, now, now), ssrc=2)

    then(line, push)


NETWORKS: dict[str, tuple[Callable[[], Line], list[Sent]]] = {
    "clean": (Line, steady(300)),
    "jitter of 20 ms": (Line, steady(300, jitter=0.02)),
    "jitter of 60 ms": (Line, steady(300, jitter=0.06, seed=3)),
    "1 % lost": (Line, steady(300, lost=0.01, seed=2)),
    "5 % lost": (Line, steady(300, lost=0.05, jitter=0.01)),
    "20 % lost": (Line, steady(300, lost=0.2, jitter=0.01, seed=4)),
    "5 % lost, nothing repairs": (lambda: Line(fec=False), steady(300, lost=0.05, seed=5)),
    "20 % lost in pauses": (lambda: Line(pause=True), steady(300, lost=0.2, jitter=0.02, seed=6)),
    "a clock 300 ppm fast": (Line, steady(300, drift=3e-4)),
    "a clock 300 ppm slow": (Line, steady(300, drift=-3e-4)),
    "a stall of 150 ms": (Line, stalled(2.0, 0.15)),
    "a stall of 900 ms": (Line, stalled(2.0, 0.9)),
    "a stall of 2 s": (lambda: Line(pause=True), stalled(2.0, 2.0)),
    "out of order": (Line, shuffled(1)),
    "everything twice": (Line, doubled()),
    "flushed": (Line, steady(300, jitter=0.02)),
    "another sender": (Line, steady(300)),
    "comfort": (Line, steady(130)),
}


def rows() -> Iterator[str]:
    for name, (made, sent) in NETWORKS.items():
        line = made()
        match name:
            case "flushed":
                then(line, lambda now, line=line: line.buffer.flush())  # type: ignore[misc]
            case "another sender":
                new_sender(line)
            case "comfort":
                comfort(line)
        for half in range(round(2 * SECONDS)):
            played, repaired, out = len(line.decoder.played), len(line.decoder.repaired), len(line.out)
            due = [one for one in sent if half / 2 <= one.at < (half + 1) / 2]
            line.run(due, (half + 1) / 2, half / 2)
            loud = float(np.sqrt(np.mean(np.square(np.concatenate(line.out[out:]).astype(float)))))
            numbers = f"{line.decoder.played[played:]} {line.decoder.repaired[repaired:]}".replace(", ", " ")
            told = ", ".join(f"{key} {value:.4g}" for key, value in structs.asdict(line.stats).items() if value)
            depths = line.depths[out:]
            yield f"{name}, {half / 2} s: {numbers} loud {loud:.0f}; {told}; {min(depths):.4g} to {max(depths):.4g}"


def test_every_network_sounds_as_it_was_approved() -> None:
    lines = list(rows())
    if os.environ.get("VOICECHAT_TAKE_SNAPSHOTS"):
        APPROVED.write_text("\n".join(lines) + "\n", "utf-8")
        return
    for was, now in zip_longest(APPROVED.read_text("utf-8").splitlines(), lines):
        assert now == was
