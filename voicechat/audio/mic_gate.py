"""The gate between the microphone and the line: closed means digital silence, open starts a little in the past.

The audio thread pushes processed blocks and opens or closes; the thread of the line pulls 20 ms frames. Between
them is one deque and no lock: only the audio thread appends, only the line's thread pops. Every block has a number,
so a pre-roll never repeats what has been sent and "the last sample before the close has left" is a comparison.

A pre-roll makes the line late by its own length. That is caught up in the next pause: blocks that are silent, were
captured live and lie in the way are skipped until at most 20 ms wait (R6).
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

import numpy as np

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, FRAME, Block, Frame, to_int16

MEMORY = 12.0
"""Seconds of processed mic sound kept: ten while no line is up, and the pre-roll before them."""
_MEMORY_BLOCKS = round(MEMORY / BLOCK_SECONDS)
_FRAME_BLOCKS = FRAME // BLOCK
_CAUGHT_UP = _FRAME_BLOCKS
"""Blocks that may wait after a pull: 20 ms, which the device's own unevenness needs."""


class _Queued(NamedTuple):
    number: int
    samples: Frame
    """int16[480]."""
    may_skip: bool
    """Silent, and captured after the gate opened; a pre-roll is never thinned, it holds the soft first sounds."""


class MicGate:
    """A ring of recent sound, a queue to the line, and whether new sound enters the queue."""

    def __init__(self) -> None:
        self.underruns = 0
        """Frames of silence sent because an open mic had nothing ready."""
        self.skipped = 0
        """Silent blocks skipped to catch up with a pre-roll."""
        self._ring: deque[tuple[int, Frame]] = deque(maxlen=_MEMORY_BLOCKS)
        self._queue: deque[_Queued] = deque(maxlen=_MEMORY_BLOCKS)
        self._pushed = 0
        self._queued_up_to = 0
        self._close_after: int | None = None
        self._is_open = False
        self._is_flowing = False

    @property
    def is_open(self) -> bool:
        """Whether what the mic hears now will be sent."""
        return self._is_open

    @property
    def backlog(self) -> float:
        """Seconds of sound waiting for the line."""
        return len(self._queue) * BLOCK_SECONDS

    def push(self, block: Block, *, is_silent: bool) -> None:
        """Take in float32[480] of processed sound; `is_silent`: no voice, and nothing stands out of the noise."""
        samples = to_int16(block)
        self._pushed += 1
        self._ring.append((self._pushed, samples))
        if self._is_open:
            self._enqueue(self._pushed, samples, is_silent)

    def open(self, pre_roll: float) -> None:
        """Send from now on, after the last `pre_roll` seconds (at most `MEMORY`) that were not queued before."""
        if self._is_open:
            return
        wanted = min(max(round(pre_roll / BLOCK_SECONDS), 0), len(self._ring))
        for number, samples in islice(self._ring, len(self._ring) - wanted, None):
            if number > self._queued_up_to:
                self._enqueue(number, samples, may_skip=False)
        self._is_flowing = False
        self._is_open = True

    def close(self, *, drop: bool = False) -> None:
        """Let nothing more in. What is queued still leaves; with `drop` (a mute, a lost line) it does not."""
        if not self._is_open and not drop:
            return
        if self._is_open:
            self._close_after = self._queued_up_to
        self._is_open = False
        if drop:
            self._queue = deque(maxlen=_MEMORY_BLOCKS)

    def has_drained(self) -> bool:
        """True once for each close: when the last block queued before it has left. The audio thread asks."""
        if self._close_after is None:
            return False
        try:
            drained = self._queue[0].number > self._close_after
        except IndexError:
            drained = True
        if drained:
            self._close_after = None
        return drained

    def pull(self) -> Frame:
        """The next 20 ms for the line, int16[960]. Called every 20 ms from the line's thread; never blocks."""
        queue = self._queue
        self._catch_up(queue)
        is_open = self._is_open
        if len(queue) >= _FRAME_BLOCKS:
            self._is_flowing = True
            return np.concatenate([queue.popleft().samples for _ in range(_FRAME_BLOCKS)])
        frame = np.zeros(FRAME, dtype=np.int16)
        if is_open:
            self.underruns += self._is_flowing
        elif queue:
            frame[:BLOCK] = queue.popleft().samples
        return frame

    def _enqueue(self, number: int, samples: Frame, may_skip: bool) -> None:
        self._queue.append(_Queued(number, samples, may_skip))
        self._queued_up_to = number

    def _catch_up(self, queue: deque[_Queued]) -> None:
        while len(queue) > _FRAME_BLOCKS + _CAUGHT_UP and queue[0].may_skip:
            queue.popleft()
            self.skipped += 1
