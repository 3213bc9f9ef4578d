"""Joining pieces of sound without a click. Mono int16, 48 kHz; pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

FADE = 240
"""5 ms: into and out of silence."""
SEAM = 120
"""2.5 ms: from an invention into what was really said. Longer ones soften the onsets of words (10 ms: a quarter of a
point of word errors at 19 % loss), shorter ones gain nothing."""


def faded_out(pcm: Pcm) -> Pcm:
    """The last 5 ms going down to silence."""
    out = pcm.copy()
    n = min(FADE, out.size)
    out[out.size - n :] = (out[out.size - n :] * np.linspace(1.0, 0.0, n)).astype(np.int16)
    return out


def faded_in(pcm: Pcm) -> Pcm:
    """The first 5 ms coming up from silence."""
    out = pcm.copy()
    n = min(FADE, out.size)
    out[:n] = (out[:n] * np.linspace(0.0, 1.0, n)).astype(np.int16)
    return out


def joined(old: Pcm, new: Pcm) -> Pcm:
    """`new`, cross-faded from `old` in its beginning."""
    n = min(old.size, new.size)
    if n == 0:
        return new
    out = new.copy()
    rising = np.linspace(0.0, 1.0, n, dtype=np.float32)
    out[:n] = np.rint(old[:n] * (1.0 - rising) + new[:n] * rising).astype(np.int16)
    return out
