"""The sound that waits to be sent over WebRTC, one queue, handed out in frames of 20 ms; silence when it is empty.

The stream never pauses: a receiver that waits for later packets would keep the last 80 ms of every answer otherwise.
What the other side must be told (an answer starts, it stopped) comes back with each frame as marks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAME = 960
"""20 ms."""
_FADE = 240
"""5 ms: a cut without a click."""

Pcm = NDArray[np.int16]
Mark = tuple[str, Literal["started", "stopped"]]
"""An answer, and whether its first or its last sample was in a frame."""


@dataclass(slots=True)
class _Answer:
    pieces: deque[Pcm] = field(default_factory=deque)
    played: int = 0
    is_complete: bool = False

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
        self._answers: dict[str, _Answer] = {}

    def add(self, response_id: str, pcm: Pcm) -> None:
        """Queue sound of an answer (48 kHz mono)."""
        if len(pcm):
            self._answers.setdefault(response_id, _Answer()).pieces.append(pcm)

    def played(self, response_id: str) -> float:
        """Seconds of this answer that have left; 0 for one that is not in the queue (any more)."""
        answer = self._answers.get(response_id)
        return answer.played / RATE if answer else 0.0

    def complete(self, response_id: str) -> None:
        """No more sound of this answer will come; its end is an end, not a gap."""
        if answer := self._answers.get(response_id):
            answer.is_complete = True

    def clear(self) -> None:
        """Silence at once: everything queued is dropped but a fade of 5 ms, and no mark tells of its end."""
        tail = [piece for answer in self._answers.values() for piece in answer.take(_FADE)][:1]
        self._answers.clear()
        if tail:
            self._answers[""] = _Answer(deque([_faded(tail[0])]), is_complete=True)

    def pull(self) -> tuple[Pcm, list[Mark]]:
        """The next 20 ms (960 samples, int16) and what that made happen."""
        frame: Pcm = np.zeros(FRAME, np.int16)
        filled, marks = 0, list[Mark]()
        while self._answers and filled < FRAME:
            name, answer = next(iter(self._answers.items()))
            is_first = answer.played == 0
            for piece in answer.take(FRAME - filled):
                frame[filled : filled + len(piece)] = piece
                filled += len(piece)
            if name and is_first and answer.played:
                marks.append((name, "started"))
            if answer.pieces or not answer.is_complete:
                break
            del self._answers[name]
            if name:
                marks.append((name, "stopped"))
        return frame, marks


def _faded(pcm: Pcm) -> Pcm:
    length = min(_FADE, len(pcm))
    ramp = np.ones(len(pcm), np.float32)
    ramp[len(pcm) - length :] = np.linspace(1.0, 0.0, length, dtype=np.float32)
    return (pcm * ramp).astype(np.int16)
