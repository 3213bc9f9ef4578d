"""Levels that move like two voices in a rhythm of turns."""

from __future__ import annotations

import math


def loudness(t: float, seed: float) -> float:
    """A level like uneven syllables, dBFS."""
    syllable = abs(math.sin(t * 7.3 + seed) * math.sin(t * 2.1 + seed * 2))
    return -42 + 32 * syllable


def levels(t: float) -> tuple[float, float, bool]:
    """Your level, the assistant's, and whether you are sent, in a rhythm of turns."""
    phase = t % 11.0
    if phase < 3.0:
        return loudness(t, 1.3), -60.0, True
    if 3.5 < phase < 9.5:
        return -55.0, loudness(t, 2.9), False
    return -55.0, -60.0, False
