"""Where to cut a recording into items: at pauses, and never in a word unless somebody speaks without one. Pure.

The level of the sound decides, against the quietest stretch of the last seconds: recordings have noise floors of every
height, and a cut wants the quietest place near, not a verdict about voices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.transcription.wish import SILENCE, Commits

Pcm = NDArray[np.int16]
STEP = 960
"""Samples (20 ms) that are judged together."""
STEP_SECONDS = STEP / SAMPLE_RATE
LONGEST_SPOKEN = 30.0
"""Seconds of an item that ends at a pause of the speaker."""
LONGEST_WHOLE = 300.0
"""Seconds of an item that is a whole recording: no service takes a longer one for sure."""
_ABOVE_FLOOR_DB = 10.0
_QUIETEST_DB, _LOUDEST_FLOOR_DB = -60.0, -40.0
"""dBFS between which a noise floor is believed; below the first nothing is a voice."""
_FLOOR_WINDOW = 500
"""Steps (10 s) whose quietest tenth is the floor."""
_MARGIN = 0.3
"""Seconds of quiet that are kept before a voice and behind it: the first consonant is quiet, too."""
_LEAST_VOICE = 0.08
"""Seconds: less is a click."""
_GAP = 0.2
"""Seconds over which the quietest place for a forced cut is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the recording that becomes one item."""

    start: float
    """Seconds from where the cutter began."""
    samples: Pcm = field(repr=False)

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


class Cutter:
    """Takes sound in pieces of any length and gives back items; what has no voice in it is left out."""

    def __init__(self, commits: Commits) -> None:
        self._longest = {"vad": LONGEST_SPOKEN, "whole": LONGEST_WHOLE}.get(commits.by, commits.seconds)
        self._at_pauses = commits.by == "vad"
        self._rest = np.zeros(0, np.int16)
        self._kept: list[Pcm] = []
        self._levels: list[float] = []
        self._history: list[float] = []
        self._floor = _QUIETEST_DB
        self._position = 0
        """Steps before the first that is kept."""

    def feed(self, samples: Pcm) -> list[Piece]:
        """The items that are complete by now."""
        self._rest = np.concatenate([self._rest, samples])
        count = len(self._rest) // STEP
        steps = self._rest[: count * STEP].reshape(count, STEP)
        self._rest = self._rest[count * STEP :]
        made: list[Piece] = []
        for step in steps:
            self._take(step)
            if (cut := self._cut()) > 0:
                made += self._cut_off(cut)
        return made

    def finish(self) -> list[Piece]:
        """The last items."""
        if len(self._rest):
            self._take(np.pad(self._rest, (0, STEP - len(self._rest))))
            self._rest = np.zeros(0, np.int16)
        return self._cut_off(len(self._kept))

    def _take(self, step: Pcm) -> None:
        power = float(np.mean(np.square(step.astype(np.float32) / 32768.0)))
        self._levels.append(10.0 * float(np.log10(power + 1e-10)))
        self._history.append(self._levels[-1])
        if len(self._history) > _FLOOR_WINDOW:
            del self._history[: _FLOOR_WINDOW // 5]
        if len(self._history) % 10 == 1:
            self._floor = min(max(float(np.percentile(self._history, 10)), _QUIETEST_DB), _LOUDEST_FLOOR_DB)
        self._kept.append(step)

    def _cut(self) -> int:
        """Steps that make an item now; 0: not yet."""
        count, quiet = len(self._kept), _steps(SILENCE)
        voice = self._floor + _ABOVE_FLOOR_DB
        if self._at_pauses and count > quiet and max(self._levels[-quiet:]) <= voice:
            is_silence = max(self._levels) <= voice
            return count - _steps(_MARGIN if is_silence else SILENCE - _MARGIN)
        return self._quietest(count // 2, count) if count >= round(self._longest / STEP_SECONDS) else 0

    def _quietest(self, first: int, last: int) -> int:
        """The middle of the quietest stretch; the later one of two that are equal, so that items are long."""
        width = _steps(_GAP)
        means = np.convolve(self._levels[first:last], np.ones(width) / width, "valid")
        best = len(means) - 1 - int(np.argmin(np.round(means[::-1], 1)))
        return first + best + width // 2

    def _cut_off(self, count: int) -> list[Piece]:
        """The first `count` steps as an item, without the quiet at its ends."""
        loud = np.flatnonzero(np.array(self._levels[:count]) > self._floor + _ABOVE_FLOOR_DB)
        made: list[Piece] = []
        if len(loud) * STEP_SECONDS >= _LEAST_VOICE:
            first = max(0, int(loud[0]) - _steps(_MARGIN))
            last = min(count, int(loud[-1]) + 1 + _steps(_MARGIN))
            made.append(Piece((self._position + first) * STEP_SECONDS, np.concatenate(self._kept[first:last])))
        self._position += count
        del self._kept[:count], self._levels[:count]
        return made


def _steps(seconds: float) -> int:
    return round(seconds / STEP_SECONDS)
