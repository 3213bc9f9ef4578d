"""When a loudspeaker that ran dry now and then has become a stutter, which the user should be told with its cure.

One underrun is 5 to 20 ms of silence that few notice, and who is to blame cannot be changed; several in a short time
are heard by everybody, and mean that this machine pauses longer than the sound that waits in the device.
"""

from __future__ import annotations

from collections import deque

MANY = 5
WITHIN = 10.0
"""So many looks in so many seconds that found the loudspeaker run dry in the middle of sound."""
WORDS = "the sound stutters: this machine pauses longer than the sound that waits in the device"
MORE = "--latency high lets more wait; or close what keeps the machine busy"
ENOUGH = "close what keeps the machine busy"
"""Where the most waits already."""


class Stutter:
    """Asked at every look after the stream. Pure: counts and times in, one answer out."""

    def __init__(self) -> None:
        self._counted = 0
        self._times: deque[float] = deque(maxlen=MANY)
        self._is_told = False

    def is_news(self, underflows: int, now: float, *, is_quiet: bool) -> bool:
        """True once, when it has become one. `underflows`: all so far; those of a silence are heard by nobody."""
        has_more, self._counted = underflows > self._counted, underflows
        if has_more and not is_quiet:
            self._times.append(now)
        if self._is_told or len(self._times) < MANY or now - self._times[0] > WITHIN:
            return False
        self._is_told = True
        return True
