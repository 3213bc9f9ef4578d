"""When the next 20 ms of sound leave: a monotonic clock, and while it is open the microphone's.

Silence flows like anything else, for hours: a closed microphone keeps the line alive (R30).

While the microphone is open its clock leads. A frame leaves as soon as its second block was captured, instead of at a
chance moment up to 20 ms later, and two clocks that differ by 200 ppm neither pile up sound nor run out of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import FRAME as FRAME_SAMPLES, SAMPLE_RATE

Uplink = Callable[[], NDArray[np.int16]]
"""Returns the next 960 samples, mono, 48 kHz, int16. Never blocks; silence when there is nothing to say."""

Waiting = Callable[[], float | None]
"""Returns the seconds of sound that wait to be pulled; None while the microphone is closed and nothing waits."""

FRAME = FRAME_SAMPLES / SAMPLE_RATE
_BURST = 3
"""Frames that may leave back to back after a stall; a receiver's buffer takes so much without dropping."""
_CATCH_UP_EVERY = FRAME / 2
"""After that burst, twice real time until the stall is made good, so that no word of it is lost."""
_GIVE_UP_AFTER = 1.0
"""Seconds of stall (a suspended machine) after which the lost time is skipped instead."""
_HOLD = 0.02
"""Seconds that a frame waits for its last block at most; a microphone that is later than that has stalled."""
_BACKLOG = 0.1
"""Seconds that wait beyond what the pace keeps low by itself: sound from before the mic was opened."""
_LOOK_EVERY = 0.001
_COMPLETE = FRAME - 0.001
"""Seconds that must wait for a frame to be complete; a millisecond less, because they are a sum of floats."""
_EARLIER, _LATER = 0.0005, 0.002
"""Seconds by which the pace moves in one frame: towards the moment at which the microphone has a frame complete, and
back when it came too early. 25 ms a second: a chance phase is made good within one, and no receiver notices."""
_CREEP = 0.0001
"""The same once that moment is known: a look too early costs a turn of the loop, half a millisecond nothing."""


class Pace:
    """When the next frame is to leave. Pure: time is passed in, in seconds."""

    def __init__(self, skipped: int = 0) -> None:
        self._due: float | None = None
        self._burst = 0
        self.skipped = skipped
        """Frames of time that were never sent; their timestamps are left out, so that the receiver sees the gap."""

    def wait(self, now: float) -> float:
        """Seconds to wait, from `now`, before the next frame."""
        if self._due is None:
            self._due = now
        behind = now - self._due
        if behind > _GIVE_UP_AFTER:
            missed = int(behind / FRAME)
            self.skipped += missed
            self._due += missed * FRAME
            behind = now - self._due
        self._due += FRAME
        if behind < FRAME:
            self._burst = 0
            return max(0.0, -behind)
        self._burst += 1
        return 0.0 if self._burst <= _BURST else _CATCH_UP_EVERY

    def move(self, seconds: float) -> None:
        """Let all later frames leave so much later (or earlier, below zero)."""
        if self._due is not None:
            self._due += seconds


class FrameClock:
    """Sleeps until the next frame is to be pulled and sent."""

    def __init__(
        self,
        waiting: Waiting = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        backlog_speed: float = 1.0,
    ) -> None:
        """`backlog_speed`: how many times faster than spoken a backlog leaves. RTP is played as it comes: 1.0."""
        self._backlog_speed = backlog_speed
        self._waiting = waiting
        self._clock = clock
        self._sleep = sleep
        self._pace = Pace()
        self._mic_stalled = False
        self._is_aimed = False

    @property
    def skipped(self) -> int:
        """Frames of time that were never sent."""
        return self._pace.skipped

    async def next_frame(self) -> None:
        """Return when it is time for the next frame."""
        waiting = self._waiting()
        if self._backlog_speed > 1.0 and waiting is not None and waiting > _BACKLOG:
            await self._sleep(FRAME / self._backlog_speed)
            self._pace = Pace(self._pace.skipped)
            return
        wait = self._pace.wait(self._clock())
        if wait > 0.0:
            await self._sleep(wait)
        await self._follow_microphone()

    async def _follow_microphone(self) -> None:
        """Wait for a frame that is nearly complete, and aim at the moment when it will be."""
        waiting, held = self._waiting(), 0.0
        while waiting is not None and waiting < _COMPLETE and held < _HOLD and not self._mic_stalled:
            await self._sleep(_LOOK_EVERY)
            held += _LOOK_EVERY
            waiting = self._waiting()
        self._mic_stalled = waiting is not None and waiting < _COMPLETE
        self._is_aimed = waiting is not None and (self._is_aimed or held > 0.0)
        if held:
            self._pace.move(min(held, _LATER))
        elif waiting is not None and _COMPLETE <= waiting < _COMPLETE + FRAME + _LOOK_EVERY:
            # More than that is sound from before the mic was opened: it leaves at the pace of a voice.
            self._pace.move(-_CREEP if self._is_aimed else -_EARLIER)
