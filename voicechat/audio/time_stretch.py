"""Making a piece of speech a little shorter or longer without a change of pitch.

The jitter buffer uses it to drift back to its target delay without dropping a word: where it is quiet, any length can
go; in voiced speech exactly one pitch period goes (or comes again), joined by a cross-fade, which is what WSOLA does
for one step. Speech with no clear period (a consonant, music) is left alone: the caller tries the next packet.

Mono int16, 48 kHz; pure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

QUIET_RMS = 120.0
"""About -49 dBFS: below this a join of any length is inaudible."""
_SHORTEST_PERIOD = 120
"""2.5 ms = 400 Hz, the highest voice we care for."""
_LONGEST_PERIOD = 720
"""15 ms = 67 Hz, the lowest."""
ALIKE = 0.85
"""Normalised correlation from which two neighbouring periods may be merged unheard."""
_DECIMATION = 6
"""The coarse search runs at 8 kHz: 36 times less work, and refined at full rate afterwards."""


def is_quiet(pcm: Pcm) -> bool:
    """Whether this is a pause (or the breath in one)."""
    return pcm.size == 0 or float(np.sqrt(np.mean(np.square(pcm, dtype=np.float32)))) < QUIET_RMS


def shorten(pcm: Pcm, most: int, *, least_alike: float = ALIKE) -> Pcm:
    """`pcm` with up to `most` samples (and at most half of it) taken out; the same array when that would be heard.

    A lower `least_alike` (-1 to 1) is for those who must catch up at the price of being heard.
    """
    lag = _lag(pcm, min(most, pcm.size // 2), least_alike)
    if lag == 0:
        return pcm
    joined = _cross_fade(pcm[:lag], pcm[lag : 2 * lag])
    return np.concatenate((joined, pcm[2 * lag :]))


def lengthen(pcm: Pcm, most: int) -> Pcm:
    """`pcm` with up to `most` samples put in by repeating a stretch of it; the same array when that would be heard."""
    lag = _lag(pcm, min(most, pcm.size // 2), ALIKE)
    if lag == 0:
        return pcm
    joined = _cross_fade(pcm[lag : 2 * lag], pcm[:lag])
    return np.concatenate((pcm[:lag], joined, pcm[lag:]))


def _lag(pcm: Pcm, most: int, least_alike: float) -> int:
    """How many samples can be merged with the as many that follow them; 0 when none can."""
    if most < _SHORTEST_PERIOD:
        return 0
    if is_quiet(pcm):
        return most
    return _period(pcm.astype(np.float32), min(most, _LONGEST_PERIOD), least_alike)


def _period(x: NDArray[np.float32], longest: int, least_alike: float) -> int:
    """The pitch period at the start of `x`, or 0 when the signal does not repeat itself well enough."""
    coarse = x[: x.size // _DECIMATION * _DECIMATION].reshape(-1, _DECIMATION).mean(axis=1)
    lags = range(_SHORTEST_PERIOD // _DECIMATION, longest // _DECIMATION + 1)
    best = max(lags, key=lambda lag: _likeness(coarse, lag)) * _DECIMATION
    near = range(max(_SHORTEST_PERIOD, best - _DECIMATION), min(longest, best + _DECIMATION) + 1, 2)
    lag = max(near, key=lambda lag: _likeness(x, lag))
    return lag if _likeness(x, lag) >= least_alike else 0


def _likeness(x: NDArray[np.float32], lag: int) -> float:
    """Correlation of the first `lag` samples with the next `lag`, -1 to 1."""
    a, b = x[:lag], x[lag : 2 * lag]
    energy = float(np.dot(a, a)) * float(np.dot(b, b))
    return float(np.dot(a, b)) / energy**0.5 if energy > 0.0 else 0.0


def _cross_fade(out: Pcm, into: Pcm) -> Pcm:
    """From `out` to `into`, both of one length, linearly."""
    rising = np.linspace(0.0, 1.0, out.size, dtype=np.float32)
    mixed: Pcm = np.rint(out * (1.0 - rising) + into * rising).astype(np.int16)
    return mixed
