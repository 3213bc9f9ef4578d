"""How late packets come, compared with the fastest of their kind, and how long a buffer must therefore wait.

The transit of a packet is its arrival minus its media time. Clocks of two machines share no zero, so a transit means
nothing by itself; its distance from the smallest transit of the last five seconds is the extra delay that the network
and the sender's pacing gave this packet. Five seconds keep a drift of 200 ppm below one millisecond.

Pure: arrival times are passed in, in seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

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
        self._known, self._recent = _Sorted(), _Sorted()
        self._count = 0
        self._last = 0.0
        self._before = _UNKNOWN
        self._loss = 0.0
        self._waits_for_repair = False
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
        if self._count and abs(transit - self._last) > _RESTARTED:
            self.begin_anew()
        spacing = max(spacing, _WINDOW / _MOST)
        self._known.add(transit, round(_WINDOW / spacing))
        self._recent.add(transit, round(_RECENT / spacing))
        self._last = transit
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
        self._known, self._recent = _Sorted(), _Sorted()

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
        self._floor = self._known.quantile(0.0)
        late = max(self._known.quantile(_ON_TIME), self._recent.quantile(_ON_TIME_RECENTLY))
        wait = late - self._floor + _MARGIN
        self._needed = max(wait, self._before) if self._count < _TOO_FEW else wait


class _Sorted:
    """The newest numbers, kept in order of size all the time.

    Sorting 250 of them anew for each packet, on the audio thread, costs ten times as much as putting one in its place.
    """

    def __init__(self) -> None:
        self._newest: deque[float] = deque()
        self._ordered: list[float] = []

    def add(self, value: float, most: int) -> None:
        """Take in one number and forget all but the newest `most`."""
        self._newest.append(value)
        insort(self._ordered, value)
        while len(self._newest) > most:
            del self._ordered[bisect_left(self._ordered, self._newest.popleft())]

    def quantile(self, share: float) -> float:
        """The smallest number that at least `share` of them do not exceed."""
        return self._ordered[max(0, math.ceil(share * len(self._ordered)) - 1)]
