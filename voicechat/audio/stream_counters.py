"""How well the sound device is served: counted on the audio thread with plain numbers, kept over every reopening."""

from __future__ import annotations

from dataclasses import dataclass, fields

INPUT_OVERFLOW = 2
"""What was heard was lost before we took it. The bits are PortAudio's."""
OUTPUT_UNDERFLOW = 4
"""The loudspeaker ran dry before we filled it."""
GAP = INPUT_OVERFLOW | OUTPUT_UNDERFLOW
"""The two flags that mean lost sound; "priming" and what a half-open stream reports do not."""


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """Counts of one stretch of time."""

    callbacks: int = 0
    late: int = 0
    """Callbacks that came so long after the one before that the device had nothing left to play."""
    input_overflows: int = 0
    output_underflows: int = 0
    restarts: int = 0
    """Reopened or kicked by the watchdog, or changed by wish."""
    lost: int = 0
    """Times the device was lost."""
    callback_worst: float = 0.0
    """Seconds of the longest callback; a block is 10 or 20 ms."""


@dataclass(frozen=True, slots=True)
class StreamCounters:
    """The two answers: since the device was opened last, and since the talk began."""

    since_reopen: StreamCounts = StreamCounts()
    total: StreamCounts = StreamCounts()


class Tally:
    """The numbers themselves. Every method is for the audio thread or for the thread that repairs, never for both."""

    def __init__(self) -> None:
        self._now = Mutable()
        self._before = StreamCounts()

    def called(self, flags: int, *, is_late: bool) -> None:
        """One callback began."""
        now = self._now
        now.callbacks += 1
        now.late += is_late
        now.input_overflows += bool(flags & INPUT_OVERFLOW)
        now.output_underflows += bool(flags & OUTPUT_UNDERFLOW)

    def took(self, seconds: float) -> None:
        """And it is done."""
        if seconds > self._now.callback_worst:
            self._now.callback_worst = seconds

    def lost(self) -> None:
        """The device is gone."""
        self._now.lost += 1

    def restarted(self) -> None:
        """It runs again: what was counted goes to the total, and the new stream begins at zero."""
        self._before = _sum(self._before, self._now.frozen())
        self._now = Mutable()
        self._now.restarts = 1

    @property
    def underflows(self) -> int:
        """Times the loudspeaker ran dry since the talk began; for a look ten times a second."""
        return self._before.output_underflows + self._now.output_underflows

    def read(self) -> StreamCounters:
        """From any thread; the numbers of neighbouring callbacks may be mixed."""
        now = self._now.frozen()
        return StreamCounters(now, _sum(self._before, now))


class Mutable:
    """StreamCounts that the audio thread may add to without making an object."""

    __slots__ = tuple(field.name for field in fields(StreamCounts))

    callbacks: int
    late: int
    input_overflows: int
    output_underflows: int
    restarts: int
    lost: int
    callback_worst: float

    def __init__(self) -> None:
        self.callbacks = self.late = self.input_overflows = self.output_underflows = self.restarts = self.lost = 0
        self.callback_worst = 0.0

    def frozen(self) -> StreamCounts:
        """As a record."""
        return StreamCounts(
            self.callbacks,
            self.late,
            self.input_overflows,
            self.output_underflows,
            self.restarts,
            self.lost,
            self.callback_worst,
        )


def _sum(one: StreamCounts, other: StreamCounts) -> StreamCounts:
    return StreamCounts(
        one.callbacks + other.callbacks,
        one.late + other.late,
        one.input_overflows + other.input_overflows,
        one.output_underflows + other.output_underflows,
        one.restarts + other.restarts,
        one.lost + other.lost,
        max(one.callback_worst, other.callback_worst),
    )
