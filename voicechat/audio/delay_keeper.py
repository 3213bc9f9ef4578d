"""Bringing the delay of a receive buffer back to its target, a little at a time and unheard.

The buffer tells how much slack each packet had when it was used; twice a second that is compared with the target, and
the difference becomes a number of samples to take out of the sound (or to put in). Sound is decoded by whole packets
and played by whole blocks, so slack changes in steps of one block only. What is left over between two steps is delay
that buys nothing and may always go.

Pure: time is passed in, in seconds; sound is mono int16 at 48 kHz.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.time_stretch import ALIKE, is_quiet, lengthen, shorten

Pcm = NDArray[np.int16]

_RATE = 48_000
_REVIEW_EVERY = 0.5
_TOLERANCE = 0.005
_HOLD_AFTER_LATE = 2.0
"""Seconds for which a late packet forbids shrinking: it rarely comes alone."""
_STRETCH_EVERY = 0.1
"""At most one stretch of speech in so many seconds: about 8 % faster, which nobody notices."""
_HURRY = _RATE // 10
"""More samples than this to take out: every packet may be stretched."""
_PATIENCE = 0.1
"""Seconds without a fitting place to shorten, after which a buffer in a hurry takes any (music, noise)."""


class DelayKeeper:
    """Decides when sound is made shorter or longer, and by how much."""

    def __init__(self) -> None:
        self._lowest_slack = math.inf
        self._reviewed_at = -math.inf
        self._late_at = -math.inf
        self._stretched_at = -math.inf
        self._to_remove = 0

    @property
    def wants_less(self) -> bool:
        """Whether more sound at hand would help: there is some to take out."""
        return self._to_remove > 0

    def begin(self, now: float) -> None:
        """Playing begins after a silence; what was measured before is void."""
        self._reviewed_at = now
        self._to_remove, self._lowest_slack = 0, math.inf

    def packet_was_late(self, now: float) -> None:
        """A packet came after it was due. (One that never comes is no reason to wait longer.)"""
        self._late_at = now

    def delay_grew(self) -> None:
        """Something was invented without moving on, so what the last review wished for is out of date."""
        self._to_remove = 0

    def packet_used(self, slack: float, target: float, left_over: int, step: int, now: float) -> None:
        """A packet was used `slack` seconds after its ideal arrival; `left_over` samples were still unplayed.

        `step` is the size of the blocks that are played.
        """
        self._lowest_slack = min(self._lowest_slack, slack)
        if now < self._reviewed_at + _REVIEW_EVERY:
            return
        spare = (self._lowest_slack - target) * _RATE
        tolerance = _TOLERANCE * _RATE
        if spare < -tolerance:
            steps = math.floor(spare / step)
        elif now < self._late_at + _HOLD_AFTER_LATE:
            steps = 0
        else:
            steps = max(0, math.floor((spare - tolerance) / step))
        self._to_remove = steps * step + left_over
        self._reviewed_at, self._lowest_slack = now, math.inf

    def is_due(self, pcm: Pcm, now: float) -> bool:
        """Whether this piece of sound may be made shorter or longer now."""
        return self._to_remove != 0 and (
            self._to_remove > _HURRY or now >= self._stretched_at + _STRETCH_EVERY or is_quiet(pcm)
        )

    def stretched(self, pcm: Pcm, now: float) -> Pcm:
        """`pcm` nearer to the wanted length; the same array when no fitting place was found in it."""
        if self._to_remove > 0:
            any_place = self._to_remove > _HURRY and now >= self._stretched_at + _PATIENCE
            out = shorten(pcm, self._to_remove, least_alike=-1.0 if any_place else ALIKE)
        else:
            out = lengthen(pcm, -self._to_remove)
        if out is not pcm:
            self._to_remove -= pcm.size - out.size
            self._stretched_at = now
        return out
