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
from typing import NamedTuple

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
_LOSS_WEIGHT = 0.004


class RepairWait(NamedTuple):
    """Seconds that make it likely that the packet after a lost one is at hand when the lost one is due."""

    seconds: float
    from_loss: float
    """Share of lost packets from which it is taken."""
    until_loss: float
    """And below which it is given up."""


REPAIR_WAITS = (
    RepairWait(0.0, 0.0, 0.0),
    # Half a packet: a repair that comes 10 ms late still serves for its second half. It buys one concealed frame in a
    # hundred at 10 % loss, which is not worth the delay where less is lost.
    RepairWait(0.01, 0.07, 0.05),
    # With 19 % lost, 10 ms leave 5.3 words in a hundred wrong, 25 ms 3.9 and 30 ms 3.6; without any loss it is 3.3
    # (123 words, 20 seeds; delay 20 ms and jitter 10 ms, twice).
    RepairWait(0.03, 0.15, 0.11),
)
"""Least first."""


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
        self._repair = 0
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
        return self._needed + (REPAIR_WAITS[self._repair].seconds if self.can_repair else 0.0)

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
        while self._repair + 1 < len(REPAIR_WAITS) and loss > REPAIR_WAITS[self._repair + 1].from_loss:
            self._repair += 1
        while self._repair and loss <= REPAIR_WAITS[self._repair].until_loss:
            self._repair -= 1

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
