"""What the tap costs: seconds between the arrival of something and the moment it was passed on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT = 2_000


@dataclass
class Delays:
    """The newest delays of one kind."""

    newest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0

    def add(self, seconds: float) -> None:
        """One more, in seconds."""
        self.newest.append(seconds)
        self.count += 1

    def share(self, part: float) -> float | None:
        """The delay that this share (0 to 1) of the newest does not exceed, seconds; None before the first."""
        if not self.newest:
            return None
        ordered = sorted(self.newest)
        return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]

    def words(self) -> str:
        """`0.3 ms (p95 0.9)`; empty before the first."""
        middle, most = self.share(0.5), self.share(0.95)
        return "" if middle is None or most is None else f"{middle * 1000:.1f} ms (p95 {most * 1000:.1f})"
