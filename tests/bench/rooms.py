"""Rooms between a loudspeaker and a microphone, made of numbers, for benchmarks of the sound path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.voices import Sound
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Acoustics:
    """One way from a loudspeaker into a microphone."""

    name: str
    delay: float
    """Seconds, devices included."""
    t60: float
    direct: float
    """Share of the direct sound in the energy, 0 to 1."""
    drive: float
    """How hard the loudspeaker is driven into its tanh; 0: linear."""
    seed: int


class Room:
    """Loudspeaker to microphone, block by block: a tanh, a delay and a reverberation by partitioned convolution."""

    def __init__(self, acoustics: Acoustics, level_db: float) -> None:
        """`level_db`: the echo against what is played, dB."""
        response = impulse_response(acoustics) * 10 ** (level_db / 20)
        parts = -(-len(response) // BLOCK)
        padded = np.pad(response, (0, parts * BLOCK - len(response))).reshape(parts, BLOCK)
        self._parts = np.fft.rfft(padded, 2 * BLOCK, axis=1).astype(np.complex64)
        self._past = np.zeros((parts, BLOCK + 1), dtype=np.complex64)
        self._at = 0
        self._played = np.zeros(2 * BLOCK, dtype=np.float32)
        self._drive = acoustics.drive

    def hear(self, out: Sound) -> Sound:
        """The echo of everything played so far, `out` included, as it arrives during `out`."""
        self._played[:BLOCK] = self._played[BLOCK:]
        self._played[BLOCK:] = np.tanh(self._drive * out) / self._drive if self._drive else out
        self._at = (self._at - 1) % len(self._past)
        self._past[self._at] = np.fft.rfft(self._played)
        first = len(self._past) - self._at
        total = np.einsum("pf,pf->f", self._parts[:first], self._past[self._at :])
        if self._at:
            total = total + np.einsum("pf,pf->f", self._parts[first:], self._past[: self._at])
        return np.asarray(np.fft.irfft(total)[BLOCK:], dtype=np.float32)


class MovingRoom(Room):
    """A room behind devices whose delay jumps once: a stalled sound server, a wireless link that caught up."""

    _BEFORE = 8
    """Blocks that the devices are late before it."""

    def __init__(self, acoustics: Acoustics, level_db: float, *, at: float, by: float) -> None:
        """The echo comes `by` seconds later (negative: sooner) from `at` seconds on."""
        super().__init__(acoustics, level_db)
        self._out = np.zeros(BLOCK * 100, dtype=np.float32)
        self._late = self._BEFORE * BLOCK
        self._blocks_left = round(at * SAMPLE_RATE / BLOCK)
        self._jump = round(by * SAMPLE_RATE)

    def hear(self, out: Sound) -> Sound:
        """See `Room.hear`."""
        self._out[:-BLOCK] = self._out[BLOCK:]
        self._out[-BLOCK:] = out
        if self._blocks_left == 0:
            self._late += self._jump
        self._blocks_left -= 1
        first = self._out.size - self._late - BLOCK
        return super().hear(self._out[first : first + BLOCK])


def impulse_response(room: Acoustics) -> Sound:
    """Unit energy: a direct sound, then reverberation that falls 60 dB in `t60`."""
    rng = np.random.default_rng(room.seed)
    length = int(min(room.t60, 0.5) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / (room.t60 * SAMPLE_RATE))
    tail[: int(0.002 * SAMPLE_RATE)] = 0.0
    tail *= np.sqrt((1 - room.direct) / np.sum(tail**2))
    tail[0] = np.sqrt(room.direct)
    return np.concatenate([np.zeros(int(room.delay * SAMPLE_RATE)), tail]).astype(np.float32)


def rooms(*, held_out: bool) -> list[Acoustics]:
    """Six rooms for trying things out, six others that nothing was tuned to."""
    rng = np.random.default_rng(77 if held_out else 5)
    delays = (0.03, 0.06, 0.09, 0.14, 0.19, 0.25)
    return [
        Acoustics(
            f"{delay * 1000:.0f} ms",
            delay * rng.uniform(0.9, 1.0),
            rng.uniform(0.12, 0.5),
            rng.uniform(0.25, 0.75),
            rng.uniform(0.0, 4.0),
            int(rng.integers(1 << 30)),
        )
        for delay in delays
    ]


def pink(seconds: float, rms: float, seed: int) -> Sound:
    """Noise that falls 3 dB an octave, as rooms have it."""
    size = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), size * 40 / SAMPLE_RATE))
    noise = np.fft.irfft(spectrum, size)
    return np.asarray(noise * (rms / np.sqrt(np.mean(noise**2))), dtype=np.float32)
