"""Loss as networks have it: a line that is good or bad, and loses what passes while it is bad (Gilbert's model)."""

from __future__ import annotations

import random


class Gilbert:
    """Says of one packet after another whether it is lost.

    `loss` is the share lost in the long run, `burst` how many are lost in a row on average; with 1 the line is good
    again after every loss, so that never two in a row go missing. The random source is shared with whoever draws
    delays from it: one seed, one network.
    """

    def __init__(self, loss: float, burst: float, source: random.Random) -> None:
        self._source = source
        self._recovers = 1.0 / max(1.0, burst)
        self._fails = loss * self._recovers / (1.0 - loss) if loss < 1.0 else 1.0
        self._is_bad = False

    def loses(self) -> bool:
        """Whether the next packet is lost."""
        chance = self._source.random()
        self._is_bad = chance > self._recovers if self._is_bad else chance < self._fails
        return self._is_bad
