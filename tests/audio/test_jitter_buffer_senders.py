"""Senders that behave unlike ours, heard through the real decoder in blocks of 10 ms.

Other frame sizes, stereo, pauses left out (DTX), several frames a packet, other clocks, rubbish.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.jitter_buffer import JitterBuffer, JitterStats
from voicechat.audio.opus import OpusDecoder, OpusEncoder

Pcm = NDArray[np.int16]
RATE = 48_000
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
