"""Each counter counts what it says, and the delay comes back, on tables of arrivals with real packets.

Delay is that of each packet's first sample, from the moment its frame was handed to the sender to the moment the
loudspeaker asks for it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from tests.support.speech import spoken
from voicechat.audio.jitter_buffer import JitterBuffer, JitterStats
from voicechat.audio.opus import OpusDecoder, OpusEncoder, carries_fec

Pcm = NDArray[np.int16]
RATE = 48_000
FRAME = 960


class Arrival(NamedTuple):
    """Packet `number`, handed to the sender at `said`, there at `at`."""

    number: int
    said: float
    at: float


class Heard(NamedTuple):
    """What the listener got; the delay of each packet and when it was said, in seconds."""

    sound: Pcm
    stats: JitterStats
    delays: NDArray[np.float64]
    said: NDArray[np.float64]

    def delay(self, since: float, until: float = 1e9) -> float:
        """Median delay of what was said in this time."""
        return float(np.median(self.delays[(self.said >= since) & (self.said < until)]))


def encoded(pcm: Pcm) -> list[bytes]:
    """Packets of 20 ms, as our sender makes them."""
    encoder = OpusEncoder(bitrate=28_000, packet_loss=10)
    return [encoder.encode(pcm[at : at + FRAME]) for at in range(0, pcm.size, FRAME)]


def steady(count: int, lost: set[int] | frozenset[int] = frozenset()) -> list[Arrival]:
    return [Arrival(n, n * 0.02, n * 0.02 + 0.02) for n in range(count) if n not in lost]


def rough(count: int, loss: float, burst: float) -> list[Arrival]:
    """20 ms of delay, 5 ms of jitter, losses of this mean length (Gilbert); order is kept."""
    rng, is_bad, latest, table = random.Random(5), False, 0.0, []
    for arrival in steady(count):
        is_bad = rng.random() > 1 / burst if is_bad else rng.random() < loss / burst / (1 - loss)
        at = arrival.said + max(0.0, rng.gauss(0.02, 0.005))
        if not is_bad:
            latest = max(latest, at)
            table.append(arrival._replace(at=latest))
    return table


class _Watched(OpusDecoder):
    """Notes which packets are decoded; a packet begins with its number, in four bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def decode(self, payload: bytes) -> Pcm:
        self.numbers.append(int.from_bytes(payload[:4], "big"))
        return super().decode(payload[4:])

    def decode_fec(self, next_payload: bytes, samples: int = FRAME) -> Pcm:
        return super().decode_fec(next_payload[4:], samples)

    def carries_fec(self, payload: bytes) -> bool:
        return super().carries_fec(payload[4:])


def listened(payloads: Sequence[bytes], table: Sequence[Arrival], *, pull: int = FRAME) -> Heard:
    """Play a table of arrivals to the end and a second beyond, asking for `pull` samples at a time."""
    decoder = _Watched()
    buffer = JitterBuffer(decoder)
    said = {arrival.number: arrival.said for arrival in table}
    waiting, sound, delays = list(reversed(table)), [], []
    for tick in range(int((table[-1].at + 1.0) * RATE / pull)):
        now = 0.003 + tick * pull / RATE
        while waiting and waiting[-1].at <= now:
            number, _, at = waiting.pop()
            buffer.push(number & 0xFFFF, number * FRAME, number.to_bytes(4, "big") + payloads[number], at)
        seen, before = len(decoder.numbers), buffer._pending.size
        sound.append(buffer.pull(now, pull))
        for number in decoder.numbers[seen:]:
            delays.append((now + before / RATE - said[number], said[number]))
            before += FRAME
    late, when = np.array(delays).T
    return Heard(np.concatenate(sound), buffer.stats(), late, when)


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    """Half a minute of connected syllables: no pause comes."""
    return encoded((spoken(30.0) * 32_767).astype(np.int16))


def test_an_undisturbed_line_counts_played_packets_and_nothing_else(speech: list[bytes]) -> None:
    stats = listened(speech, steady(500)).stats
    assert stats.played == 500
    assert (stats.fec, stats.stretched, stats.dropped, stats.late, stats.repeated) == (0, 0, 0, 0, 0)
    assert stats.invented == pytest.approx(0.1, abs=0.03)  # the end of the talk
    assert stats.heard == pytest.approx(10.0 + stats.invented)


@each("pull", [480, 960])
def test_a_lost_packet_counts_as_repaired_only_when_the_next_one_carried_it(speech: list[bytes], pull: int) -> None:
    carried = [n for n in range(100, 400) if carries_fec(speech[n + 1])][::30]
    stats = listened(speech, steady(500, set(carried)), pull=pull).stats
    assert stats.fec == len(carried) and stats.played == 500 - len(carried)
    silent = encoded(np.zeros(500 * 960, np.int16))
    stats = listened(silent, steady(500, {100, 200, 300}), pull=pull).stats
    assert stats.fec == 0 and stats.invented >= 0.06


def test_concealed_sound_is_counted_in_20_ms_frames_at_any_block_size(speech: list[bytes]) -> None:
    buffer = JitterBuffer(OpusDecoder())
    for number in range(50):
        buffer.push(number, number * 960, speech[number], number * 0.02)
    for tick in range(400):
        buffer.pull(0.1 + tick * 0.005, 240)
    stats = buffer.stats()
    assert stats.invented == pytest.approx(0.1) and stats.concealed == 5


def test_late_and_repeated_packets_are_counted_apart(speech: list[bytes]) -> None:
    table = [a._replace(at=a.at + 0.15) if a.number == 200 else a for a in steady(400)]
    twice = [a._replace(at=a.at + 0.005) for a in steady(400) if a.number in (50, 51, 300)]
    stats = listened(speech, sorted(table + twice, key=lambda a: a.at), pull=480).stats
    assert stats.late == 1 and stats.repeated == 3
    assert stats.played == 399


def test_what_a_flush_drops_is_counted_as_dropped_and_not_as_late(speech: list[bytes]) -> None:
    buffer = JitterBuffer(OpusDecoder())
    for n in range(10):
        buffer.push(n, n * 960, speech[n], 0.0)
    buffer.flush()
    buffer.push(9, 9 * 960, speech[9], 0.01)
    buffer.push(8, 8 * 960, speech[8], 0.01)
    buffer.pull(0.02)
    stats = buffer.stats()
    assert (stats.dropped, stats.repeated, stats.late, stats.played) == (10, 2, 0, 0)


@each("pull", [480, 960])
def test_the_delay_grows_with_jitter_and_recovers_within_12_s_of_unbroken_speech(
    speech: list[bytes], pull: int
) -> None:
    table, latest = steady(1_500), 0.0
    for number in range(200, 290):
        at = table[number].at + 0.13 * (number % 9 == 0 and number < 280)
        latest = max(latest, at)
        table[number] = table[number]._replace(at=latest)
    heard = listened(speech, table, pull=pull)
    assert heard.delay(5.0, 5.6) > 0.09
    assert heard.delay(5.6 + 12.0) < 0.065
    stats = heard.stats
    assert stats.accelerated > 0.04 and stats.dropped == 0 and stats.played == 1_500
    added = stats.expanded + stats.invented - stats.accelerated
    assert added == pytest.approx(heard.sound.size / RATE - 30.0 - stats.silence * pull / RATE, abs=0.03)


@each(("loss", "burst", "most_invented"), [(0.05, 1.0, 0.03), (0.10, 1.0, 0.06), (0.10, 3.0, 0.10)])
def test_loss_is_made_good_without_waiting_for_it(
    speech: list[bytes], loss: float, burst: float, most_invented: float
) -> None:
    clean, lossy = (listened(speech, rough(1_400, share, burst), pull=480) for share in (0.0, loss))
    assert lossy.delay(3.0) <= clean.delay(3.0) + 0.021
    assert lossy.stats.invented / lossy.stats.heard <= most_invented
