"""How late packets come, compared with the fastest of their kind, and how long a buffer must therefore wait.

The transit of a packet is its arrival minus its media time. Clocks of two machines share no zero, so a transit means
nothing by itself; its distance from the smallest transit of the last five seconds is the extra delay that the network
and the sender's pacing gave this packet. Five seconds keep a drift of 200 ppm below one millisecond.

Pure: arrival times are passed in, in seconds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Transits = NDArray[np.float64]

_WINDOW = 5.0
"""Seconds of packets remembered."""
_RECENT = 0.5
"""Seconds: makes a fresh burst of lateness count before it is 3 % of the window."""
_MOST = 2_000
"""Packets remembered at most: five seconds of the shortest."""
_ON_TIME = 0.97
_ON_TIME_RECENTLY = 0.9
_MARGIN = 0.005
"""Seconds on top of the quantile: the audio callback is not on time either."""
_TOO_FEW = 50
"""Below so many packets what was known before still counts."""
_UNKNOWN = 0.01
"""Seconds to wait on a line of which nothing is known yet."""
_RESTARTED = 0.5
"""Seconds: a transit that jumps so far was not delayed, the sender's media clock was set anew."""
_PAUSED = 0.06
"""Seconds: off by so much after a silence, the sender's media clock stood still during it."""
_REPAIR_WAIT = 0.01
"""Seconds that make it likely that the packet after a lost one is at hand when the lost one is due. Half a packet is
enough, because a repair that comes 10 ms late still serves for its second half."""
_REPAIR_FROM, _REPAIR_UNTIL = 0.07, 0.05
"""Share of lost packets from which that wait is taken, and below which it is given up. It buys one concealed frame in a
hundred at 10 % loss, which is not worth the delay where less is lost."""
_LOSS_WEIGHT = 0.004


class ArrivalDelay:
    """The delay distribution of one stream and the wait that makes 97 % of its packets come in time."""

    def __init__(self) -> None:
        self.can_repair = True
        """Whether packets carry what repairs the one before (FEC): else waiting for the next one buys nothing."""
        self._transits = np.zeros(_MOST, np.float64)
        self._count = 0
        self._before = _UNKNOWN
        self._loss = 0.0
        self._waits_for_repair = False
        self._spacing = 0.02
        self._needed = _UNKNOWN
        self._floor = 0.0

    @property
    def floor(self) -> float:
        """The smallest transit of the window."""
        return self._floor

    @property
    def needed(self) -> float:
        """Seconds to hold a packet that came by the fastest road, so that the slower ones come in time as well.

        With much loss it pays to have the next packet at hand too, because it repairs the lost one.
        """
        return self._needed + (_REPAIR_WAIT if self._waits_for_repair and self.can_repair else 0.0)

    def add(self, transit: float, spacing: float = 0.02) -> None:
        """One packet came; packets stand for `spacing` seconds each."""
        if self._count and abs(transit - self._transits[(self._count - 1) % _MOST]) > _RESTARTED:
            self.begin_anew()
        self._spacing = max(spacing, _WINDOW / _MOST)
        self._transits[self._count % _MOST] = transit
        self._count += 1
        self._weigh_loss(self._loss * (1.0 - _LOSS_WEIGHT))
        self._measure()

    def begin_after_silence(self, transit: float) -> None:
        """The next packet ends a silence: a sender that stamps only what it speaks has a new zero now."""
        if self._count and abs(transit - self._floor) > _PAUSED:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Transits so far cannot be compared with those that come; what they taught about the line remains."""
        self._count, self._before = 0, self._needed

    def lost(self) -> None:
        """One packet was not there when it was due, though later ones were."""
        self._weigh_loss(self._loss + _LOSS_WEIGHT)

    def came_after_all(self) -> None:
        """One that was taken for lost was only late, which its transit tells already."""
        self._weigh_loss(max(0.0, self._loss - _LOSS_WEIGHT))

    def _weigh_loss(self, loss: float) -> None:
        self._loss = loss
        self._waits_for_repair = loss > (_REPAIR_UNTIL if self._waits_for_repair else _REPAIR_FROM)

    def _measure(self) -> None:
        known = self._last(round(_WINDOW / self._spacing))
        self._floor = float(known.min())
        recent = self._last(round(_RECENT / self._spacing))
        wait = max(_quantile(known, _ON_TIME), _quantile(recent, _ON_TIME_RECENTLY)) - self._floor + _MARGIN
        self._needed = max(wait, self._before) if self._count < _TOO_FEW else wait

    def _last(self, packets: int) -> Transits:
        """The last so many transits, or all there are; in no particular order."""
        size, end = min(packets, self._count, _MOST), self._count % _MOST
        if size <= end:
            return self._transits[end - size : end]
        return np.concatenate((self._transits[:end], self._transits[end - size :]))


def _quantile(values: Transits, share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed. numpy's own takes five times as long."""
    rank = math.ceil(share * values.size) - 1
    ordered = values.copy()
    ordered.partition(rank)
    return float(ordered[rank])
