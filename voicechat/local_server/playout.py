"""The sound that waits to be sent over WebRTC, one queue, handed out in frames of 20 ms; silence when it is empty.

The stream never pauses: a receiver that waits for later packets would keep the last 80 ms of every answer otherwise.
What the other side must be told (an answer starts, how far it got, it stopped) comes back with each frame as marks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAME = 960
"""20 ms."""
_FADE = 240
"""5 ms: a cut without a click."""

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Started:
    """The first sample of an answer is in this frame."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """So much of an answer has left, this frame included. Seconds."""

    response_id: str
    played: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last sample of an answer has left."""

    response_id: str


Mark = Started | Moved | Stopped


@dataclass(slots=True)
class _Answer:
    response_id: str
    pieces: deque[Pcm] = field(default_factory=deque)
    played: int = 0
    is_complete: bool = False

    def waiting(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    def take(self, count: int) -> list[Pcm]:
        taken: list[Pcm] = []
        while count and self.pieces:
            piece = self.pieces.popleft()
            if len(piece) > count:
                self.pieces.appendleft(piece[count:])
                piece = piece[:count]
            taken.append(piece)
            count -= len(piece)
            self.played += len(piece)
        return taken


class Playout:
    """The queue of one session. Answers play one after the other."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque()

    def add(self, response_id: str, pcm: Pcm) -> None:
        """Queue sound of an answer (48 kHz mono)."""
        if len(pcm):
            self._find(response_id).pieces.append(pcm)

    def complete(self, response_id: str) -> None:
        """No more sound of this answer will come; its end is an end, not a gap."""
        for answer in self._answers:
            if answer.response_id == response_id:
                answer.is_complete = True

    def keep(self, response_id: str, seconds: float) -> None:
        """Play at most so much more of this answer, then fade out and end it."""
        for answer in self._answers:
            if answer.response_id == response_id:
                rest = np.concatenate(answer.take(int(seconds * RATE)) or [np.zeros(0, np.int16)])
                answer.played -= len(rest)
                answer.pieces = deque([_faded(rest)] if len(rest) else [])
                answer.is_complete = True

    def clear(self) -> None:
        """Silence at once: everything queued is dropped but a fade of 5 ms, and no mark tells of its end."""
        tail = [piece for answer in self._answers for piece in answer.take(_FADE)][:1]
        self._answers.clear()
        if tail:
            self._answers.append(_Answer("", deque([_faded(tail[0])]), is_complete=True))

    def pull(self) -> tuple[Pcm, tuple[Mark, ...]]:
        """The next 20 ms (960 samples, int16) and what that made happen."""
        frame: Pcm = np.zeros(FRAME, np.int16)
        filled, marks = 0, list[Mark]()
        while self._answers and filled < FRAME:
            answer = self._answers[0]
            is_first = answer.played == 0
            for piece in answer.take(FRAME - filled):
                frame[filled : filled + len(piece)] = piece
                filled += len(piece)
            marks += _marks(answer, is_first)
            if answer.pieces or not answer.is_complete:
                break
            self._answers.popleft()
        return frame, tuple(marks)

    def _find(self, response_id: str) -> _Answer:
        for answer in self._answers:
            if answer.response_id == response_id:
                return answer
        self._answers.append(_Answer(response_id))
        return self._answers[-1]


def _marks(answer: _Answer, is_first: bool) -> list[Mark]:
    name = answer.response_id
    if not name or not answer.played:
        return []
    marks: list[Mark] = [Started(name)] if is_first else []
    marks.append(Moved(name, answer.played / RATE))
    if answer.is_complete and not answer.pieces:
        marks.append(Stopped(name))
    return marks


def _faded(pcm: Pcm) -> Pcm:
    length = min(_FADE, len(pcm))
    ramp = np.ones(len(pcm), np.float32)
    ramp[len(pcm) - length :] = np.linspace(1.0, 0.0, length, dtype=np.float32)
    return (pcm * ramp).astype(np.int16)
