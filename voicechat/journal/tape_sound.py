"""A tape's sound: 16-bit WAV, left what was sent, right what was played, sample n at n/rate of session time.

A tape that was cut off has a header that was never finished, so the length comes from the file, not from the header.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicechat.errors import TapeError

LEVEL_EVERY = 0.05
"""Seconds a level stands for."""
SILENT = -100
"""dBFS kept for no sound at all."""
_HEADER = 64 * 1024
"""Bytes in which the samples must begin."""
_AT_ONCE = 60.0
"""Seconds of sound that are looked at together."""

Pcm = NDArray[np.int16]


class SoundFile:
    """Samples by session time, mapped from the disk: hours of sound take no memory."""

    def __init__(self, path: Path) -> None:
        """Raises TapeError for a file that is no such sound."""
        try:
            with path.open("rb") as stream:
                head = stream.read(_HEADER)
            self.rate, self.channels, offset = read_header(head)
            count = (path.stat().st_size - offset) // (2 * self.channels)
            self._samples: Pcm = (
                np.memmap(path, "<i2", "r", offset, (count, self.channels))
                if count > 0
                else np.zeros((0, self.channels), np.int16)
            )
        except (OSError, ValueError, struct.error) as error:
            raise TapeError(f"the sound of the tape cannot be read: {error}", hint="the rest of it can") from error
        self.path = path

    @property
    def length(self) -> float:
        """Seconds."""
        return len(self._samples) / self.rate

    def between(self, start: float, end: float) -> Pcm:
        """int16[samples, channels] of a stretch; what was not recorded is not there."""
        first = max(0, round(start * self.rate))
        return np.asarray(self._samples[first : max(first, round(end * self.rate))])

    def assistant(self, start: float, end: float) -> Pcm:
        """int16[samples]: what the loudspeaker played."""
        return np.ascontiguousarray(self.between(start, end)[:, -1])

    def levels(self, start: float, end: float, every: float = LEVEL_EVERY) -> tuple[bytes, bytes]:
        """You and the assistant from `start` on: one signed byte of dBFS, RMS, for each `every` seconds."""
        pieces = [np.zeros((0, 2), np.int8)]
        at = start
        while at < end:
            until = min(end, at + _AT_ONCE)
            pieces.append(self._levels(at, until, every))
            at = until
        both = np.concatenate(pieces)
        return both[:, 0].tobytes(), both[:, 1].tobytes()

    def _levels(self, start: float, end: float, every: float) -> NDArray[np.int8]:
        count = max(0, round((end - start) / every))
        return _levels(self.between(start, start + count * every), self.rate, every, count)


def levels_of(sound: Pcm, rate: int, every: float) -> tuple[bytes, bytes]:
    """First and last track of int16[samples, channels]: a signed byte of dBFS, RMS, for each `every` seconds."""
    both = _levels(sound, rate, every, len(sound) // max(1, round(every * rate)))
    return both[:, 0].tobytes(), both[:, 1].tobytes()


def _levels(samples: Pcm, rate: int, every: float, count: int) -> NDArray[np.int8]:
    width, channels = max(1, round(every * rate)), samples.shape[1]
    sound = samples.astype(np.float32) / 32768.0
    whole = np.zeros((count * width, channels), np.float32)
    whole[: len(sound)] = sound[: len(whole)]
    power = (whole.reshape(count, width, channels) ** 2).mean(axis=1)
    level = np.clip(np.rint(10 * np.log10(power + 1e-12)), SILENT, 0).astype(np.int8)
    both: NDArray[np.int8] = level[:, [0, channels - 1]]
    return both


def read_header(head: bytes) -> tuple[int, int, int]:
    """Rate, channels, and where the samples begin. Raises ValueError for what is not 16-bit PCM in a WAV."""
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise ValueError("it is no WAV file")
    at, form = 12, (0, 0, 0, 0, 0, 0)
    while at + 8 <= len(head):
        name, size = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if name == b"fmt ":
            form = struct.unpack_from("<HHIIHH", head, at + 8)
        elif name == b"data":
            kind, channels, rate, _, _, bits = form
            if kind not in (1, 0xFFFE) or bits != 16 or not 1 <= channels <= 2 or not 8_000 <= rate <= 192_000:
                raise ValueError("it is not 16-bit sound of one or two channels")
            return rate, channels, at + 8
        at += 8 + size + size % 2
    raise ValueError("it holds no samples")
