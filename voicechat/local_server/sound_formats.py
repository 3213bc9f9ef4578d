"""The three sound formats of the wire, bytes <-> float32 samples: 16-bit PCM at 24 kHz, G.711 u-law and A-law at 8 kHz.

G.711 is spelled out here because Python 3.13 dropped `audioop`. Encoding picks the nearest level, which is what the
recommendation's tables do.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.resample import Samples

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""Samples per second of each format, by its GA name."""
_FULL = 32768.0


def read_sound(form: str, data: bytes) -> Samples | str:
    """Float samples in [-1, 1] at `RATES[form]`, or one sentence saying why these bytes are no such sound."""
    if form == "audio/pcm":
        if len(data) % 2:
            return "16-bit PCM needs an even number of bytes."
        return np.frombuffer(data, "<i2").astype(np.float32) / _FULL
    return _levels(form)[np.frombuffer(data, np.uint8)].astype(np.float32) / _FULL


def write_sound(form: str, samples: Samples) -> bytes:
    """The bytes of float samples in [-1, 1] that are already at `RATES[form]`."""
    pcm = int16(samples)
    if form == "audio/pcm":
        return pcm.astype("<i2").tobytes()
    order, borders = _codes(form)
    return order[np.searchsorted(borders, pcm)].tobytes()


def int16(samples: Samples) -> NDArray[np.int16]:
    """Float samples as 16-bit integers, clipped rather than wrapped."""
    levels: NDArray[np.int16] = np.clip(np.rint(samples * (_FULL - 1)), -_FULL, _FULL - 1).astype(np.int16)
    return levels


@functools.cache
def _levels(form: str) -> NDArray[np.int32]:
    """What each of the 256 codes means, as a 16-bit level (ITU-T G.711, table 1a and 2a)."""
    code = np.arange(256, dtype=np.int32)
    if form == "audio/pcmu":
        code = ~code & 0xFF
        size = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
        return np.array(np.where(code & 0x80, -size, size), np.int32)
    code = code ^ 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + np.where(segment > 0, 0x108, 8)
    size = size << np.maximum(segment - 1, 0)
    return np.array(np.where(code & 0x80, size, -size), np.int32)


@functools.cache
def _codes(form: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The codes ordered by level, and the borders half way between neighbouring levels."""
    levels = _levels(form)
    order = np.argsort(levels, kind="stable")
    ordered = levels[order].astype(np.float64)
    return order.astype(np.uint8), (ordered[1:] + ordered[:-1]) / 2
