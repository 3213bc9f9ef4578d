"""The one shape of sound inside voicechat, and the few conversions at its ends.

Everything between the devices is mono, 48 kHz, float32 in [-1, 1], in blocks of 10 ms (480 samples): the rate of Opus
and of nearly every sound card, and the block length the echo canceller works in. int16 appears only where sound enters
or leaves the path: the 20 ms frames (960 samples) of the line, and sound files.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
"""Samples a second, everywhere in the path."""
BLOCK = 480
"""Samples of one step of the path."""
BLOCK_SECONDS = 0.01
"""Seconds of one step of the path."""
FRAME = 960
"""Samples of one frame of the line: 20 ms, what Opus packets carry."""
SILENT_DB = -100.0
"""What a meter shows for digital silence, dBFS."""

Block = npt.NDArray[np.float32]
"""float32[480] in [-1, 1] unless a function says otherwise."""
Frame = npt.NDArray[np.int16]
"""int16[960] unless a function says otherwise."""

_FULL_SCALE = 32767.0
FROM_INT16 = 1.0 / _FULL_SCALE
"""What int16 is multiplied by to come to [-1, 1]."""
_LOWEST, _HIGHEST = np.float32(-_FULL_SCALE), np.float32(_FULL_SCALE)
_FLOOR_ENERGY = 10.0 ** (SILENT_DB / 10.0)


def silent_block() -> Block:
    """A fresh block of digital silence."""
    return np.zeros(BLOCK, dtype=np.float32)


def to_int16(samples: Block) -> Frame:
    """float32 in [-1, 1] of any length to int16; what lies outside is clipped, never wrapped."""
    scaled = np.asarray(samples * np.float32(_FULL_SCALE))
    np.rint(scaled, out=scaled)
    np.maximum(scaled, _LOWEST, out=scaled)  # np.clip costs four times as much for so short an array
    np.minimum(scaled, _HIGHEST, out=scaled)
    converted: Frame = scaled.astype(np.int16)
    return converted


def to_float(samples: Frame) -> Block:
    """int16 of any length to float32 in [-1, 1]."""
    return samples.astype(np.float32) * np.float32(FROM_INT16)


def energy_db(energy: float) -> float:
    """Mean square of a signal as dBFS, never below `SILENT_DB`."""
    return 10.0 * math.log10(max(energy, _FLOOR_ENERGY))


def peak_of(samples: Block) -> float:
    """Largest distance from zero in a signal of any length; 0.0 for an empty one. Makes no array of distances."""
    if not len(samples):
        return 0.0
    return float(max(samples.item(samples.argmax()), -samples.item(samples.argmin())))


def mean_square(samples: Block) -> float:
    """Mean square of a signal of any length; 0.0 for an empty one."""
    return float(np.dot(samples, samples)) / max(1, len(samples))
