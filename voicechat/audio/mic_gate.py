"""The gate between the microphone and the line: closed means digital silence, open starts a little in the past.

The audio thread pushes processed blocks and opens or closes; the thread of the line pulls 20 ms frames. Between
them is one deque and no lock: only the audio thread appends, only the line's thread pops. Every block has a number,
so a pre-roll never repeats what has been sent and "the last sample before the close has left" is a comparison.

A pre-roll makes the line late by its own length. That is caught up in the next pause: blocks that are silent, were
captured live and lie in the way are skipped until at most 10 ms wait (R6), but never those right before a sound.

The clocks of microphone and line differ by some 100 ppm; while the mic is open its clock leads the line (`SendTrack`),
so nothing is ever skipped or repeated for that.

A pre-roll out of an echo is not sent as the canceller left it, see `near_voice`.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

import numpy as np

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, FRAME, Block, Frame, to_int16
from voicechat.audio.near_voice import DuplexMemory, NearVoice

MEMORY = 12.0
"""Seconds of processed mic sound kept: ten while no line is up, and the pre-roll before them."""
_MEMORY_BLOCKS = round(MEMORY / BLOCK_SECONDS)
WORTH_TELLING = 0.2
"""Seconds of sound that wait at a close and are told: the screen says ON AIR until they have left."""
_FRAME_BLOCKS = FRAME // BLOCK
_CAUGHT_UP = 1
"""Blocks that may wait beside the frame that leaves; the line comes as soon as a frame is complete."""
_BEFORE_SOUND = 8
"""Blocks before a sound that are not skipped: soft consonants begin below the noise."""


class _Queued(NamedTuple):
    number: int
    samples: Frame
    """int16[480]."""
    may_skip: bool
    """Silent, and captured after the gate opened; a pre-roll is never thinned, it holds the soft first sounds."""


class MicGate:
    """A ring of recent sound, a queue to the line, and whether new sound enters the queue."""

    def __init__(self, memory: DuplexMemory | None = None) -> None:
        """`memory`: raw sound of the same blocks, pushed just before them; without it all is sent as it was pushed."""
        self.underruns = 0
        """Frames of silence sent because an open mic had nothing ready."""
        self.skipped = 0
        """Silent blocks skipped to catch up with a pre-roll, or with a slow connection."""
        self._memory = memory
        self._near: NearVoice | None = None
        self._look_back: tuple[int, float] | None = None
        self._ring: deque[tuple[int, Frame]] = deque(maxlen=_MEMORY_BLOCKS)
        self._queue: deque[_Queued] = deque(maxlen=_MEMORY_BLOCKS)
        self._pushed = 0
        self._queued_up_to = 0
        self._close_after: int | None = None
        self._is_close_new = False
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

    @property
    def is_waited_for(self) -> bool:
        """Whether the next block may not wait: it completes a frame, which leaves at once, or a close is to be told."""
        completes = self._is_open and len(self._queue) % _FRAME_BLOCKS == _FRAME_BLOCKS - 1
        return completes or self._close_after is not None

    def push(self, block: Block, *, is_silent: bool) -> None:
        """Take in float32[480] of processed sound; `is_silent`: no voice, and nothing stands out of the noise."""
        samples = to_int16(block)
        self._pushed += 1
        self._ring.append((self._pushed, samples))
        if self._is_open:
            self._enqueue(self._pushed, samples, is_silent)

    def open(self, pre_roll: float, *, gain_db: float = 0.0, again: bool = False) -> None:
        """Send from now on, after the last `pre_roll` seconds (at most `MEMORY`) that were not queued before.

        `again`: queued or not; what was queued before went to another line, which is gone (R27).

        `gain_db` is what the gain control adds at present; sound that is taken from the raw microphone gets it too.
        """
        if self._is_open:
            return
        if again:
            self._queued_up_to = max((queued.number for queued in tuple(self._queue)), default=0)
        sent_up_to = self._queued_up_to
        wanted = min(max(round(pre_roll / BLOCK_SECONDS), 0), len(self._ring))
        for number, samples in islice(self._ring, len(self._ring) - wanted, None):
            if number > self._queued_up_to:
                self._enqueue(number, samples, may_skip=False)
        if wanted and self._memory is not None and self._memory.is_in_echo:
            first = max(self._pushed - wanted, sent_up_to) + 1
            self._look_back = (first, 10.0 ** (gain_db / 20.0))
        self._is_flowing = False
        self._is_open = True

    def send(self, since: float, until: float) -> None:
        """Queue what was heard from `since` to `until` seconds ago, sent before or not, while the gate stays shut.

        What a user said for a line that was not up yet, and then muted: the words before the mute, not one after.
        """
        if self._is_open:
            return
        first, last = self._pushed - round(since / BLOCK_SECONDS), self._pushed - round(until / BLOCK_SECONDS)
        for number, samples in self._ring:
            if first < number <= last:
                self._enqueue(number, samples, may_skip=False)

    def close(self, *, drop: bool = False) -> None:
        """Let nothing more in. What is queued still leaves; with `drop` (a mute, a lost line) it does not."""
        if not self._is_open and not drop:
            return
        if self._is_open:
            self._close_after = self._queued_up_to
            self._is_close_new = True
        self._is_open = False
        if drop:
            self._queue = deque(maxlen=_MEMORY_BLOCKS)

    def drained(self) -> float | None:
        """0.0 once for each close: when the last block queued before it has left. The audio thread asks.

        Where `WORTH_TELLING` or more waits at the close, that many seconds once before it; else None.
        """
        if self._close_after is None:
            return None
        try:
            has_left = self._queue[0].number > self._close_after
        except IndexError:
            has_left = True
        if has_left:
            self._close_after = None
            return 0.0
        is_first, self._is_close_new = self._is_close_new, False
        return self.backlog if is_first and self.backlog >= WORTH_TELLING else None

    def pull(self) -> Frame:
        """The next 20 ms for the line, int16[960]. Called every 20 ms from the line's thread; never blocks.

        The first pull after an opening into an echo takes some 30 ms of computing.
        """
        queue = self._queue
        if self._look_back is not None:
            self._begin_in_echo(queue, *self._look_back)
        self._catch_up(queue)
        is_open = self._is_open
        if len(queue) >= _FRAME_BLOCKS:
            self._is_flowing = True
            return np.concatenate([self._next(queue), self._next(queue)])
        frame = np.zeros(FRAME, dtype=np.int16)
        if is_open:
            self.underruns += self._is_flowing
        elif queue:
            frame[:BLOCK] = self._next(queue)
        return frame

    def _next(self, queue: deque[_Queued]) -> Frame:
        """The next block to send, as the near voice has it where the gate opened into an echo."""
        number, samples, _ = queue.popleft()
        if self._near is None:
            return samples
        if self._near.is_over(number):
            self._near = None
            return samples
        return self._near.block(number, samples)

    def _begin_in_echo(self, queue: deque[_Queued], first: int, gain: float) -> None:
        """Look for the voice under the echo, and leave out what lies more than its air before it."""
        self._look_back = None
        if self._memory is None or not queue:
            return
        self._near = NearVoice(self._memory, first, gain)
        while queue and queue[0].number < self._near.air:
            queue.popleft()

    def _enqueue(self, number: int, samples: Frame, may_skip: bool) -> None:
        self._queue.append(_Queued(number, samples, may_skip))
        self._queued_up_to = number

    def _catch_up(self, queue: deque[_Queued]) -> None:
        while len(queue) > _FRAME_BLOCKS + _CAUGHT_UP and self._is_pause(queue):
            queue.popleft()
            self.skipped += 1

    def _is_pause(self, queue: deque[_Queued]) -> bool:
        """Whether the next block is silent and, as far as we can see, no sound follows at once.

        By index: a deque that the audio thread appends to meanwhile does not let itself be iterated.
        """
        return all(queue[place].may_skip for place in range(min(len(queue), _BEFORE_SOUND + 1)))
