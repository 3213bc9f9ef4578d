"""One channel of a tape's sound: blocks with the moments at which they passed, laid on one line of time.

A device's clock is not the session's, it delivers in bursts, and it vanishes and comes back. So blocks are laid end to
end as long as they come about when they should; where none came there is silence, and where the two clocks have grown
apart a little is put in or left out, in a silence if there is one. No sample lies more than 20 ms beside its moment.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE

GAP = round(0.1 * SAMPLE_RATE)
"""Samples; what comes so late begins anew at its own moment, what comes so early is left out. Bursts are shorter."""
DRIFT = round(0.008 * SAMPLE_RATE)
"""Samples from which the clocks are brought together in the next silence, and twice that in the middle of sound."""
_SETTLING = 32
"""Blocks over which it is judged how late they come."""

Samples = npt.NDArray[np.int16]


class Track:
    """`add` what passed, `take` what lies next on the tape. Positions are samples from the start of the session."""

    def __init__(self, begin: int = 0) -> None:
        """`begin`: where the first `take` begins."""
        self._waiting: deque[Samples] = deque()
        self._taken = begin
        self._end = begin
        self._lates: deque[int] = deque(maxlen=_SETTLING)
        self._is_loose = True
        """Nothing lies right before what comes next, so that begins at its own moment."""

    def add(self, position: int, samples: Samples) -> None:
        """What passed from `position` on, int16 at 48 kHz."""
        late = position - self._end
        if self._is_loose or abs(late) > GAP:
            self._shift(late, samples)
            return
        self._lates.append(late)
        mean = sum(self._lates) // len(self._lates)
        limit = DRIFT if not samples.any() else 2 * DRIFT
        if len(self._lates) < _SETTLING or abs(mean) < limit:
            self._append(samples)
        else:
            self._shift(mean, samples)

    def take(self, count: int) -> Samples:
        """The next `count` samples; silence where nothing has come."""
        parts: list[Samples] = []
        missing = count
        while missing and self._waiting:
            first = self._waiting.popleft()
            if len(first) > missing:
                self._waiting.appendleft(first[missing:])
                first = first[:missing]
            parts.append(first)
            missing -= len(first)
        if missing:
            self._is_loose = True
            parts.append(np.zeros(missing, dtype=np.int16))
        self._taken += count
        self._end = max(self._end, self._taken)
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _shift(self, by: int, samples: Samples) -> None:
        """Lay a block `by` samples later than the end, or, where that is negative, without its first samples."""
        self._lates.clear()
        self._is_loose = False
        if by > 0:
            self._append(np.zeros(by, dtype=np.int16))
        self._append(samples[max(0, -by) :])

    def _append(self, samples: Samples) -> None:
        if len(samples):
            self._waiting.append(samples)
            self._end += len(samples)
