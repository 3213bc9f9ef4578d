"""Sounds whose way through a line can be measured: tones that begin at known samples, and finding them again.

Everything is mono int16 at 48 kHz. Mouth and ear share one sample clock: `ear[i]` is what came out at the moment at
which `mouth[i]` went in.
"""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

RATE = 48_000
LONG = round(0.2 * RATE)
"""Samples of a burst."""
EVERY = round(0.7 * RATE)
"""Samples from burst to burst at least; a delay beyond that would be taken for the next one's."""
_LATEST_EXTRA = round(0.04 * RATE)
"""Bursts begin up to so much later, so that they do not stay in step with the frames of the line."""
_HERTZ = 400
_LOUD = 9_000
_AUDIBLE = 1_500
"""A sixth of the tone: above what codecs smear ahead of it, below its first period."""
_QUIET_BEFORE = round(0.1 * RATE)
"""Silence that must come before an onset."""
_WINDOW = 240
"""5 ms, two periods of the tone: the step in which presence is counted."""


def burst_train(seconds: float, seed: int) -> tuple[Pcm, list[int]]:
    """Bursts with silence between them, and the samples at which they begin. The first comes after half a second."""
    source = random.Random(seed)
    mouth = np.zeros(round(seconds * RATE), np.int16)
    tone = (_LOUD * np.cos(2 * np.pi * _HERTZ * np.arange(LONG) / RATE)).astype(np.int16)
    begins = []
    at = RATE // 2
    while at + EVERY + _LATEST_EXTRA < mouth.size:
        start = at + source.randrange(_LATEST_EXTRA)
        mouth[start : start + LONG] = tone
        begins.append(start)
        at += EVERY
    return mouth, begins


def onsets(ear: Pcm) -> list[int]:
    """The samples at which sound begins after at least 100 ms of silence."""
    loud = np.flatnonzero(np.abs(ear.astype(np.int32)) > _AUDIBLE)
    if not loud.size:
        return []
    gaps = np.diff(loud, prepend=loud[0] - _QUIET_BEFORE - 1)
    return [int(at) for at in loud[gaps > _QUIET_BEFORE]]


def delays(begins: list[int], ear: Pcm) -> list[float | None]:
    """For each burst the seconds until it came out; None for one that never did."""
    heard = onsets(ear)
    found = [[at for at in heard if 0 <= at - begin < EVERY - _LATEST_EXTRA] for begin in begins]
    return [(late[0] - begin) / RATE if late else None for begin, late in zip(begins, found, strict=True)]


def dead_share(begins: list[int], ear: Pcm) -> float:
    """The share of the bursts' sound that was not heard: holes, lost bursts. What is stretched counts as heard."""
    if not begins:
        return 0.0
    missing = []
    for begin in begins:
        piece = np.abs(ear[begin : begin + EVERY].astype(np.int32))
        windows = piece[: piece.size // _WINDOW * _WINDOW].reshape(-1, _WINDOW).max(axis=1, initial=0)
        heard = int(np.count_nonzero(windows > _AUDIBLE)) * _WINDOW
        missing.append(max(0.0, 1.0 - heard / LONG))
    return float(np.mean(missing))
