"""What tells a living stream from a dead or a spinning one; asked every 100 ms, told by the audio thread.

What it looks for has all been seen: the stream ended by itself (a sound server that died: 10 ms), no callback for 500
ms (an unplugged card), and a stream thread that spins after an underflow (the ALSA pulse plug-in: 105 % of a core,
cured by abort and start within 2 ms).
"""

from __future__ import annotations

import time

LOST_AFTER = 0.5
"""Seconds without a callback that mean the device is lost (R26)."""
FIRST_CALL_WITHIN = 1.0
"""Seconds a fresh stream may take until its first callback."""
SPIN_SHARE = 0.6
"""Share of a core on the stream's thread that is not work (our step takes 5 %) but a spin."""
_SPIN_WINDOW = 1.0
"""Seconds over which that share is taken."""


class StreamWatchdog:
    """One stream's signs of life."""

    def __init__(self, now: float) -> None:
        self.failure = ""
        """Why the stream is of no use any more, in words; set by whoever saw it."""
        self.has_finished = False
        self.started_at = now
        self.called_at: float | None = None
        """The newest callback; None before the first."""
        self._thread_cpu = 0.0
        self._spin_mark: tuple[float, float] | None = None

    def called(self, now: float) -> float:
        """A callback began, on the audio thread. Seconds since the one before; 0.0 for the first."""
        before, self.called_at = self.called_at, now
        self._thread_cpu = time.thread_time()
        return now - before if before is not None else 0.0

    def begin_again(self, now: float) -> None:
        """The same stream was started once more."""
        self.has_finished = False
        self.started_at = now
        self.called_at = None
        self._spin_mark = None

    def why_lost(self, now: float) -> str:
        """Empty while the stream lives."""
        if self.failure:
            return self.failure
        if self.has_finished:
            return "the sound device ended the stream"
        if self.called_at is None:
            waited = now - self.started_at >= FIRST_CALL_WITHIN
            return "the sound device never asked for sound" if waited else ""
        return "the sound device stopped asking for sound" if now - self.called_at >= LOST_AFTER else ""

    def is_spinning(self, now: float) -> bool:
        """Whether the stream's thread burns a core without a reason."""
        if self._spin_mark is None:
            self._spin_mark = (now, self._thread_cpu)
            return False
        since, cpu = self._spin_mark
        if now - since < _SPIN_WINDOW:
            return False
        self._spin_mark = (now, self._thread_cpu)
        return self._thread_cpu - cpu > SPIN_SHARE * (now - since)
