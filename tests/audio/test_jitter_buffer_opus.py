"""Each counter counts what it says, and the delay comes back, on tables of arrivals with real packets.

Delay is that of each packet's first sample, from the moment its frame was handed to the sender to the moment the
loudspeaker asks for it.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tests.support.each import each
from tests.support.speech import spoken
from voicechat.audio.jitter_buffer import JitterBuffer
from voicechat.audio.opus import OpusDecoder, OpusEncoder, carries_fec
from voicechat.line import JitterStats

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


# Senders that behave unlike ours, heard through the real decoder in blocks of 10 ms

BLOCK = 480
_AUDIO, _VOIP, _SET_DTX = 2049, 2048, 4016


class ForeignEncoder(OpusEncoder):
    """`samples` per packet at 48 kHz (120 to 2880); stereo takes the mono sound on both sides."""

    def __init__(self, samples: int, *, stereo: bool = False, dtx: bool = False) -> None:
        super().__init__()
        self._library.encoder_destroy(self._state)
        error = ctypes.c_int()
        kind = _AUDIO if stereo else _VOIP
        self._state = self._library.encoder_create(48_000, 2 if stereo else 1, kind, ctypes.byref(error))
        assert error.value == 0
        self._library.encoder_ctl(self._state, _SET_DTX, ctypes.c_int32(int(dtx)))
        self._samples, self._stereo = samples, stereo

    def encode(self, pcm: Pcm) -> bytes:
        assert pcm.shape == (self._samples,)
        sound = np.ascontiguousarray(np.repeat(pcm, 2) if self._stereo else pcm)
        length = self._library.encode(self._state, sound.ctypes.data, self._samples, self._out, 4_000)
        assert length > 0
        return ctypes.string_at(self._out, length)

    def packets(self, pcm: Pcm) -> Iterator[bytes]:
        """Every packet of this sound."""
        for at in range(0, pcm.size - self._samples + 1, self._samples):
            yield self.encode(pcm[at : at + self._samples])


def two_in_one(first: bytes, second: bytes) -> bytes:
    """Two packets of one configuration as one packet of two frames (RFC 6716 3.2.4)."""
    assert first[0] == second[0] and len(first) < 252
    return bytes([first[0] | 2, len(first) - 1]) + first[1:] + second[1:]


@dataclass(frozen=True)
class Rtp:
    sequence: int
    timestamp: int
    payload: bytes
    at: float
    ssrc: int = 1


def heard(packets: Sequence[Rtp], until: float) -> tuple[Pcm, JitterStats]:
    """Everything that comes out in `until` seconds, 10 ms at a time."""
    buffer, out, waiting = JitterBuffer(OpusDecoder()), [], sorted(packets, key=lambda packet: packet.at)
    for tick in range(round(until * 100)):
        now = 0.003 + tick * 0.01
        while waiting and waiting[0].at <= now:
            packet = waiting.pop(0)
            buffer.push(packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.payload, packet.at, packet.ssrc)
        block = buffer.pull(now, BLOCK)
        assert block.shape == (BLOCK,) and block.dtype == np.int16
        out.append(block)
    return np.concatenate(out), buffer.stats()


def hum(seconds: float, hertz: float = 200.0) -> Pcm:
    times = np.arange(round(seconds * RATE)) / RATE
    return (6_000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


def loudness(pcm: Pcm, every: int = 960) -> NDArray[np.float64]:
    """RMS of each 20 ms."""
    frames = pcm[: pcm.size // every * every].reshape(-1, every).astype(np.float64)
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)))


@each(
    ("samples", "stereo"),
    [(120, False), (240, True), (480, False), (480, True), (960, True), (1_920, False), (2_880, False), (2_880, True)],
)
def test_packets_of_any_length_are_heard_without_a_gap(samples: int, stereo: bool) -> None:
    payloads = list(ForeignEncoder(samples, stereo=stereo).packets(hum(3.0)))
    packets = [
        Rtp(n, n * samples, payload, (n + 1) * samples / RATE + 0.004 * (n % 2)) for n, payload in enumerate(payloads)
    ]
    sound, stats = heard(packets, 3.0)
    level = loudness(sound)[10:-1]
    assert level.min() > 3_000
    assert stats.concealed == 0 and stats.dropped == 0 and stats.late == 0
    assert stats.played >= len(payloads) - 1 - round(0.1 * RATE / samples)
    assert stats.depth < 0.06


@each("samples", [480, 1_920, 2_880])
def test_lost_packets_of_other_lengths_are_made_good_to_the_sample(samples: int) -> None:
    payloads = list(ForeignEncoder(samples).packets(hum(4.0)))
    packets = [
        Rtp(n, n * samples, payload, (n + 1) * samples / RATE) for n, payload in enumerate(payloads) if n % 12 != 7
    ]
    sound, stats = heard(packets, 4.0)
    assert stats.invented + stats.heard > 3.8
    assert stats.depth < 0.1
    assert loudness(sound)[15:-3].min() > 300


def test_two_frames_in_one_packet_are_both_heard() -> None:
    encoder = ForeignEncoder(960)
    payloads = list(encoder.packets(hum(3.0)))[5:145]
    pairs = [two_in_one(a, b) for a, b in zip(payloads[::2], payloads[1::2], strict=True) if a[0] == b[0]]
    packets = [Rtp(n, n * 1_920, payload, n * 0.04 + 0.04) for n, payload in enumerate(pairs)]
    sound, stats = heard(packets, 2.6)
    assert loudness(sound)[8:-2].min() > 3_000
    assert stats.concealed == 0


def breath(seconds: float, level: float = 150.0) -> Pcm:
    return (np.random.default_rng(1).standard_normal(round(seconds * RATE)) * level).astype(np.int16)


def test_a_sender_that_rests_leaves_a_breath_and_speaks_again_in_time() -> None:
    """DTX as browsers do it: two packets every 400 ms while nobody speaks; the clock runs on."""
    room = breath(6.0)
    said = room.copy()
    said[: RATE * 3 // 2] += hum(1.5)
    said[RATE * 5 :] += hum(1.0)
    payloads = list(ForeignEncoder(960, dtx=True).packets(said))
    tiny = [  # what a sender with DTX would leave out
        len(payload) <= 2 for payload in payloads
    ]
    kept = [n for n in range(len(payloads)) if not tiny[n] or not tiny[n - 1]]
    assert len(kept) < 0.7 * len(payloads)
    packets = [Rtp(i, n * 960, payloads[n], n * 0.02 + 0.02) for i, n in enumerate(kept)]
    sound, stats = heard(packets, 6.0)
    level = loudness(sound)
    assert level[10:70].min() > 3_000 and level[256:298].min() > 3_000
    resting = level[200:245]
    assert resting.max() < 1_000 and resting.min() > 1
    assert stats.invented < 0.15
    assert stats.depth < 0.06 and stats.dropped == 0


def test_a_sender_that_rests_and_vanishes_becomes_silence() -> None:
    encoder = ForeignEncoder(960, dtx=True)
    payloads = list(encoder.packets(np.concatenate((hum(1.0) + breath(1.0), breath(2.0)))))
    rest = next(n for n, payload in enumerate(payloads) if len(payload) <= 2)
    packets = [Rtp(n, n * 960, payload, n * 0.02) for n, payload in enumerate(payloads[: rest + 1])]
    sound, stats = heard(packets, rest * 0.02 + 2.0)
    assert not sound[-RATE // 2 :].any()
    assert stats.depth == 0.0


def call(numbers: range, *, since: float, sequence: int, clock: int, ssrc: int, hertz: float) -> list[Rtp]:
    encoder = OpusEncoder()
    frames = hum(len(numbers) * 0.02, hertz).reshape(-1, 960)
    return [Rtp(sequence + n, clock + n * 960, encoder.encode(frames[n]), since + n * 0.02, ssrc) for n in numbers]


@each(("gap", "ssrc"), [(0.0, 1), (0.03, 2), (0.3, 1), (0.0, 2), (5.0, 2)])
def test_another_sender_is_heard_at_once_and_the_end_of_the_old_one_too(gap: float, ssrc: int) -> None:
    """Also when the same sender starts over with other numbers."""
    old = call(range(100), since=0.0, sequence=10, clock=99, ssrc=1, hertz=200)
    new = call(range(100), since=2.0 + gap, sequence=50_000, clock=2**31, ssrc=ssrc, hertz=300)
    sound, stats = heard(old + new, 4.0 + gap)
    assert stats.played == 200 and stats.dropped == 0 and stats.late == 0
    level = loudness(sound)
    begins = round((2.0 + gap) / 0.02) + 4
    assert level[begins : begins + 90].min() > 3_000
    assert stats.invented <= 0.13
    assert np.abs(np.diff(sound.astype(int))).max() < 3_000


@each("jump", [10**7, -(10**7)])
def test_a_sender_whose_clock_jumps_while_a_packet_is_lost_does_not_deafen_us(jump: int) -> None:
    before = call(range(60), since=0.0, sequence=0, clock=0, ssrc=1, hertz=200)[:58]
    after = call(range(100), since=1.2, sequence=60, clock=60 * 960 + jump, ssrc=1, hertz=200)
    sound, stats = heard(before + after, 3.2)
    assert loudness(sound)[68:155].min() > 1_500
    assert stats.played >= 157 and stats.silence < 8


@each("pause", [0.05, 0.15, 0.4, 3.0])
def test_a_sender_that_pauses_mid_word_with_its_clock_loses_nothing(pause: float) -> None:
    packets = call(range(200), since=0.0, sequence=0, clock=0, ssrc=1, hertz=200)
    packets[100:] = [replace(packet, at=packet.at + pause) for packet in packets[100:]]
    _, stats = heard(packets, 4.0 + pause)
    assert stats.played >= 197 and stats.dropped == 0 and stats.late == 0
    assert stats.invented < 0.24 and stats.depth < 0.12


GARBAGE = [b"\x00", b"\xff" * 3, b"\xff" * 1_300, b"\x03\xff" + b"\x00" * 20, bytes(range(200)), b"\x7b\x3f"]


@each("rubbish", GARBAGE)
def test_rubbish_between_good_packets_costs_its_own_place_only(rubbish: bytes) -> None:
    packets = call(range(150), since=0.0, sequence=0, clock=0, ssrc=1, hertz=200)
    packets[60] = Rtp(60, 60 * 960, rubbish, packets[60].at)
    sound, stats = heard(packets, 3.0)
    assert stats.played >= 149
    assert stats.depth < 0.08 and stats.concealed <= 6
    assert loudness(sound)[75:-3].min() > 3_000


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 2**32 - 1),
            st.one_of(st.binary(max_size=40), st.sampled_from(GARBAGE)),
            st.floats(0.0, 1.5),
            st.integers(0, 2),
        ),
        max_size=80,
    )
)
def test_whatever_is_sent_blocks_of_10_ms_come_out_and_nothing_piles_up(
    rows: list[tuple[int, int, bytes, float, int]],
) -> None:
    sound, stats = heard([Rtp(*row) for row in rows], 4.0)
    assert sound.size == 4 * RATE
    assert stats.played + stats.dropped + stats.late + stats.repeated <= len(rows)
    assert stats.depth == 0.0 and not sound[-960:].any()
