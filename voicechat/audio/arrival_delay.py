"""How late packets come, compared with the fastest of their kind, and how long a buffer must therefore wait.

The transit of a packet is its arrival minus its media time. Clocks of two machines share no zero, so a transit means
nothing by itself; its distance from the smallest transit of the last five seconds is the extra delay that the network
and the sender's pacing gave this packet. Five seconds keep a drift of 200 ppm below one millisecond.

Pure: arrival times are passed in, in seconds.
"""

from __future__ import annotations

import numpy as np

_WINDOW = 250
"""Packets remembered: 5 s of 20 ms ones."""
_RECENT = 25
"""Half a second: makes a fresh burst of lateness count before it is 2 % of the window."""
_ON_TIME = 0.98
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
_FEC_WAIT = 0.02
"""With loss it pays to have the next packet at hand, because it repairs the lost one."""
_FEC_FROM = 0.005
"""Share of lost packets from which that wait is taken (two in the last few seconds)."""
_LOSS_WEIGHT = 0.004


class ArrivalDelay:
    """The delay distribution of one stream and the wait that makes 98 % of its packets come in time."""

    def __init__(self) -> None:
        self._transits = np.zeros(_WINDOW, np.float64)
        self._count = 0
        self._before = _UNKNOWN
        self._loss = 0.0
        self._needed = _UNKNOWN
        self._floor = 0.0

    @property
    def floor(self) -> float:
        """The smallest transit of the window."""
        return self._floor

    @property
    def needed(self) -> float:
        """Seconds to hold a packet that came by the fastest road, so that the slower ones come in time as well."""
        return self._needed + (_FEC_WAIT if self._loss > _FEC_FROM else 0.0)

    def add(self, transit: float) -> None:
        """One packet came."""
        if self._count and abs(transit - self._transits[(self._count - 1) % _WINDOW]) > _RESTARTED:
            self._forget()
        self._transits[self._count % _WINDOW] = transit
        self._count += 1
        self._loss *= 1.0 - _LOSS_WEIGHT
        self._measure()

    def begin_after_silence(self, transit: float) -> None:
        """The next packet ends a silence: a sender that stamps only what it speaks has a new zero now."""
        if self._count and abs(transit - self._floor) > _PAUSED:
            self._forget()

    def lost(self) -> None:
        """One packet never came, or came too late."""
        self._loss += _LOSS_WEIGHT

    def _forget(self) -> None:
        self._count, self._before = 0, self._needed

    def _measure(self) -> None:
        known = self._transits[: min(self._count, _WINDOW)]
        self._floor = float(known.min())
        recent = np.take(self._transits, range(max(0, self._count - _RECENT), self._count), mode="wrap")
        wait = max(_quantile(known, _ON_TIME), _quantile(recent, _ON_TIME_RECENTLY)) - self._floor + _MARGIN
        self._needed = max(wait, self._before) if self._count < _TOO_FEW else wait


def _quantile(values: np.typing.NDArray[np.float64], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed. numpy's own takes five times as long."""
    rank = int(np.ceil(share * values.size)) - 1
    return float(np.partition(values, rank)[rank])
