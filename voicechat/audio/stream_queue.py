"""The assistant's sound where it arrives faster than it is played: a queue that knows what was really played.

Over WebSocket a whole answer comes within a second and nobody but us knows how much of it left the loudspeaker, so each
item has a clock here (R8). Answers have rising numbers. A flush says up to which number everything is dead: what is
queued of those answers and what still comes of them is never played, whichever thread adds at that moment.

No lock: one thread adds (the loop), one pulls (the audio thread), and a flush from any thread only moves a number.
Pure: the time is passed in. `tell` is called from the pulling or flushing thread and must only queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE, Frame

LIMIT = 600.0
"""Seconds that may wait, 58 MB: no service speaks so long in one breath, and a broken one must not eat the memory."""
CUSHION = 0.04
"""Seconds that are waited for before an answer begins, so that small pieces sent as they are made do not tear. Most
services send ten times as much at once, and then nothing is waited for."""
_LARGEST_CUSHION = 0.32
_TELL_EVERY = SAMPLE_RATE // 10
"""Samples of one item between two reports of its clock."""
_MOST_CLOCKS = 16


@dataclass(frozen=True, slots=True)
class Played:
    """By `at`, so many seconds of an item had left for the loudspeaker; `moving`: and it went on."""

    item_id: str
    seconds: float
    at: float
    moving: bool


@dataclass(frozen=True, slots=True)
class Emptied:
    """The queue ran empty after sound."""


Mark = Played | Emptied


class _Piece(NamedTuple):
    answer: int
    item_id: str
    pcm: Frame
    is_end: bool
    """No more sound of this item will come; it carries none itself."""


class StreamQueue:
    """int16, mono, 48 kHz. `pull` and `flush` make it a `PlaybackSource`."""

    def __init__(self, tell: Callable[[Mark], None], limit: float = LIMIT) -> None:
        self._tell = tell
        self._limit = int(limit * SAMPLE_RATE)
        self._pieces: deque[_Piece] = deque()
        self._newest = 0
        self._dead_through = 0
        self._added = self._taken = 0
        self._ends_added = self._ends_taken = 0
        self._rest: _Piece | None = None
        self._clocks: dict[str, int] = {}
        self._item_id = ""
        self._told = 0
        self._is_flowing = False
        self._waits_since: float | None = None
        self._answer = 0
        self._cushion = CUSHION
        self._now = 0.0

    @property
    def queued(self) -> float:
        """Seconds that wait to be played."""
        return max(0, self._added - self._taken) / SAMPLE_RATE

    @property
    def is_full(self) -> bool:
        """Whether more would be refused."""
        return self._added - self._taken >= self._limit

    @property
    def newest(self) -> int:
        """The number of the newest answer."""
        return self._newest

    def is_dead(self, answer: int) -> bool:
        """Whether this answer was flushed: nothing of it will be played."""
        return answer <= self._dead_through

    # The loop's side.

    def begin(self, answer: int) -> None:
        """An answer of this number exists; a flush from now on means it too."""
        self._newest = max(self._newest, answer)

    def add(self, answer: int, item_id: str, pcm: Frame) -> bool:
        """Queue sound of an item; False when the queue is full and it was dropped. Flushed answers are taken and
        forgotten."""
        self.begin(answer)
        if self.is_dead(answer) or not len(pcm):
            return True
        if self.is_full:
            return False
        self._added += len(pcm)
        self._pieces.append(_Piece(answer, item_id, pcm, is_end=False))
        return True

    def end(self, answer: int, item_id: str) -> None:
        """Nothing more of this item will come: running empty after it is its end, and no tear."""
        if not self.is_dead(answer):
            self._ends_added += 1
            self._pieces.append(_Piece(answer, item_id, np.zeros(0, np.int16), is_end=True))

    # The loudspeaker's side.

    def pull(self, now: float, samples: int) -> Frame:
        """The next `samples`; silence where there is nothing to play. Never blocks."""
        self._now = now
        frame = np.zeros(samples, np.int16)
        filled = 0
        is_torn = True
        while filled < samples and (piece := self._next_piece()) is not None:
            if not self._is_flowing and not self._may_begin(piece, now):
                self._rest = piece
                return frame
            if piece.is_end:
                is_torn = False
                continue
            taken = piece.pcm[: samples - filled]
            frame[filled : filled + len(taken)] = taken
            filled += len(taken)
            self._rest = piece._replace(pcm=piece.pcm[len(taken) :]) if len(taken) < len(piece.pcm) else None
            self._count(piece.item_id, len(taken), now + filled / SAMPLE_RATE)
            is_torn = True
        if filled < samples:
            self._ran_empty(now + filled / SAMPLE_RATE, is_torn=is_torn)
        return frame

    def flush(self, through: int | None = None) -> None:
        """Nothing of the answers up to this number, None: of those known by now, will be played. Any thread."""
        self._dead_through = max(self._dead_through, self._newest if through is None else through)
        if self._is_flowing and self.is_dead(self._answer):
            self._is_flowing = False
            self._tell_clock(self._now, moving=False)

    def _next_piece(self) -> _Piece | None:
        """The next that is alive, its samples counted as taken."""
        while True:
            piece, self._rest = self._rest, None
            if piece is None:
                try:
                    piece = self._pieces.popleft()
                except IndexError:
                    return None
                self._taken += len(piece.pcm)
                self._ends_taken += piece.is_end
            if not self.is_dead(piece.answer):
                return piece

    def _may_begin(self, piece: _Piece, now: float) -> bool:
        """Whether enough is there to begin with (again)."""
        if piece.answer != self._answer:
            self._answer, self._cushion = piece.answer, CUSHION
        if self._waits_since is None:
            self._waits_since = now
        has_end = piece.is_end or self._ends_added > self._ends_taken
        ready = len(piece.pcm) / SAMPLE_RATE + self.queued
        if not has_end and ready < self._cushion and now - self._waits_since < self._cushion:
            return False
        self._waits_since = None
        self._is_flowing = not piece.is_end
        return True

    def _count(self, item_id: str, samples: int, at: float) -> None:
        if item_id != self._item_id:
            self._tell_clock(at, moving=False)
            self._item_id, self._told = item_id, -_TELL_EVERY
            while len(self._clocks) >= _MOST_CLOCKS:
                del self._clocks[next(iter(self._clocks))]
        played = self._clocks.get(item_id, 0) + samples
        self._clocks[item_id] = played
        if played - self._told >= _TELL_EVERY:
            self._told = played
            self._tell_clock(at, moving=True)

    def _tell_clock(self, at: float, *, moving: bool) -> None:
        if self._item_id:
            played = self._clocks.get(self._item_id, 0)
            self._tell(Played(self._item_id, played / SAMPLE_RATE, at, moving))

    def _ran_empty(self, at: float, *, is_torn: bool) -> None:
        if not self._is_flowing:
            return
        self._is_flowing = False
        if is_torn:
            self._cushion = min(2.0 * self._cushion, _LARGEST_CUSHION)
        self._tell_clock(at, moving=False)
        self._tell(Emptied())
