"""Playback sources that tests can look into."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FRAME = 960


class SteadyTone:
    """The assistant as a tone that never ends; counts what was asked of it."""

    def __init__(self, level: float = 0.2) -> None:
        self.flushes = 0
        self.pulls = 0
        self.is_silent = False
        times = np.arange(FRAME) / 48_000
        self._frame = (np.sin(2 * np.pi * 500 * times) * level * 32767).astype(np.int16)

    def pull(self, now: float, samples: int = FRAME) -> npt.NDArray[np.int16]:
        self.pulls += 1
        return np.zeros(samples, dtype=np.int16) if self.is_silent else self._frame[:samples]

    newest = 0

    def flush(self, through: int | None = None) -> None:
        self.flushes += 1


class PlayedOnce:
    """The assistant as a given sound, then silence."""

    def __init__(self, sound: npt.NDArray[np.float32]) -> None:
        self._samples = (np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
        self._position = 0

    def pull(self, now: float, samples: int = FRAME) -> npt.NDArray[np.int16]:
        frame = np.zeros(samples, dtype=np.int16)
        piece = self._samples[self._position : self._position + samples]
        frame[: len(piece)] = piece
        self._position += samples
        return frame

    newest = 0

    def flush(self, through: int | None = None) -> None:
        self._position = len(self._samples)
