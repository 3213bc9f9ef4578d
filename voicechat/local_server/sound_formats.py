"""The three sound formats of the wire, bytes <-> float32 samples: 16-bit PCM at 24 kHz, G.711 u-law and A-law at 8 kHz.

G.711 is spelled out here because Python 3.13 dropped `audioop`. Encoding picks the nearest level, which is what the
recommendation's tables do.
"""

from __future__ import annotations

import functools
from math import gcd

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_ZERO_CROSSINGS = 12
"""Length of the filter on each side, in periods of the lower rate: 60 dB of stop band, 1.5 ms of delay at 8 kHz."""
_PASS = 0.92
"""Share of the lower rate's band that is kept; the rest is the filter's slope."""


class Resampler:
    """One stream from `source` to `target` Hz; keeps its filter's memory between blocks.

    Changes the sample rate of a stream by a ratio of small integers, block by block, without clicks at the joints.

    A windowed-sinc low-pass in polyphase form: only the samples that are kept are computed. It serves 48 -> 16 kHz
    (WebRTC to the ears), 24 -> 16 and 8 -> 16 kHz (WebSocket to the ears), 24 -> 48 and 24 -> 8 kHz (the voice to the
    wire).
    """

    def __init__(self, source: int, target: int) -> None:
        common = gcd(source, target)
        self._up, self._down = target // common, source // common
        self._phases = _phases(self._up, self._down)
        self._reach = self._phases.shape[1]
        self._rest: Samples = np.zeros(self._reach - 1, np.float32)
        self._next = 0
        """Where the next output lies, in steps of 1/up input samples from the first new sample."""

    def feed(self, block: Samples) -> Samples:
        """The output that this block completes (float32); its length varies by one sample from block to block."""
        if self._up == self._down:
            return block
        available = len(block) * self._up
        places = np.arange(self._next, available, self._down)
        self._next = int(places[-1]) + self._down - available if len(places) else self._next - available
        line = np.concatenate([self._rest, block.astype(np.float32, copy=False)])
        self._rest = line[len(line) - self._reach + 1 :]
        if not len(places):
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(line, self._reach)[places // self._up]
        out: Samples = np.einsum("nk,nk->n", windows, self._phases[places % self._up]).astype(np.float32)
        return out


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """A whole sound at once; the filter's tail is flushed, so nothing is cut off at the end."""
    if source == target:
        return samples
    stream = Resampler(source, target)
    tail = np.zeros(stream._reach // 2, np.float32)
    line = np.concatenate([samples, tail])
    # By the second: the windows of a whole sentence at once would be a hundred megabytes.
    return np.concatenate([stream.feed(line[at : at + source]) for at in range(0, len(line), source)])


def _phases(up: int, down: int) -> NDArray[np.float32]:
    """The filter cut into `up` phases, each ready to be multiplied with a window of inputs, oldest first."""
    half = _ZERO_CROSSINGS * max(up, down)
    at = np.arange(-half, half + 1, dtype=np.float64)
    cut = _PASS / max(up, down)
    taps = cut * np.sinc(cut * at) * np.kaiser(len(at), 6.0) * up
    reach = -(-len(taps) // up)
    padded = np.pad(taps, (0, reach * up - len(taps)))
    return padded.reshape(reach, up).T[:, ::-1].astype(np.float32)


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
