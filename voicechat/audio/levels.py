"""How loud it is: meters for people, and the noise floor for the voice tracker. Pure: arrays in, numbers out.

The noise floor is the quietest moment of the last five seconds ("minimum statistics"): speech always has gaps,
noise has none. It needs no voice detector, so it cannot be fooled by one.
"""

from __future__ import annotations

import math

import numpy as np

from voicechat.audio.blocks import BLOCK_SECONDS, SAMPLE_RATE, SILENT_DB, Block, energy_db, mean_square, peak_of

CLIPPED_AT = 0.999
"""A sample this large has hit the end of the converter's scale."""
_FALL_PER_BLOCK = 1.2
"""dB: the level follows a rise at once and falls 120 dB/s, so that gaps between pitch periods do not show."""
_PEAK_FALL_PER_BLOCK = 0.3
"""dB: peaks fall 30 dB/s, slow enough for a screen that looks 12 times a second."""
_CLIP_MEMORY = 0.01
"""Weight of the newest block in the clip share: about one second of memory."""
_FLOOR_SMOOTHING = 0.2
"""Weight of the newest block in the energy whose minimum is taken: 50 ms, or a single quiet block would win."""
_FLOOR_BLOCKS = 50
"""Blocks of one part of the floor's memory (0.5 s); ten parts are kept."""
_FLOOR_PARTS = 10
_FLOOR_BIAS = 1.5
"""dB: the minimum of a smoothed noise lies so much below its mean."""
NOISE_LOWEST_DB = -65.0
"""Noise below this is inaudible anyway; without a limit, digital silence would make a whisper of the echo a voice."""
NOISE_HIGHEST_DB = -30.0
"""A floor above this is a talker who does not pause, not noise."""


class Level:
    """How loud one signal is. Feed it the energy of every block, in order."""

    def __init__(self) -> None:
        self.rms_db = SILENT_DB
        """Level of the newest block alone, dBFS."""
        self.level_db = SILENT_DB
        """Level with a short fall, dBFS: what a meter shows and a threshold is compared with."""

    def take(self, energy: float) -> None:
        """One block's mean square; the time constants are those of 10 ms blocks."""
        self.rms_db = rms_db = energy_db(energy)
        fallen = self.level_db - _FALL_PER_BLOCK
        self.level_db = rms_db if rms_db > fallen else fallen


class NoiseMeter(Level):
    """Level and noise floor of one signal."""

    def __init__(self) -> None:
        super().__init__()
        self.noise_db = NOISE_LOWEST_DB
        """Estimate of the noise floor, dBFS, between `NOISE_LOWEST_DB` and `NOISE_HIGHEST_DB`."""
        self._smoothed = -1.0
        self._part_minimum = math.inf
        self._part_blocks = 0
        self._minima = [math.inf] * _FLOOR_PARTS
        self._part = 0

    def measure(self, block: Block) -> None:
        """Take in one block of the path (any length works)."""
        self.take(mean_square(block))

    def take(self, energy: float) -> None:
        """One block's mean square."""
        super().take(energy)
        self._follow_noise(energy)

    def _follow_noise(self, energy: float) -> None:
        first = self._smoothed < 0.0
        self._smoothed = energy if first else self._smoothed + _FLOOR_SMOOTHING * (energy - self._smoothed)
        if self._smoothed < self._part_minimum:
            self._part_minimum = self._smoothed
        self._part_blocks += 1
        if self._part_blocks < _FLOOR_BLOCKS:
            return
        self._minima[self._part] = self._part_minimum
        self._part = (self._part + 1) % _FLOOR_PARTS
        self._part_minimum = math.inf
        self._part_blocks = 0
        floor = energy_db(min(self._minima)) + _FLOOR_BIAS
        self.noise_db = min(max(floor, NOISE_LOWEST_DB), NOISE_HIGHEST_DB)


class LevelMeter(NoiseMeter):
    """Level, peak, clipping, noise floor and flatness of one signal. Feed it every block, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_db = SILENT_DB
        """Largest sample with a slow fall, dBFS."""
        self.clipped = 0.0
        """Share of samples at full scale in about the last second, 0 to 1."""
        self._flat_samples = 0

    @property
    def flat_for(self) -> float:
        """Seconds of bit-exact zeros up to now: a muted or forbidden microphone, never a quiet room (R26)."""
        return self._flat_samples / SAMPLE_RATE

    def measure(self, block: Block) -> None:
        """Take in one block of the path (any length works)."""
        super().measure(block)
        peak = peak_of(block)
        self.peak_db = max(energy_db(peak * peak), self.peak_db - _PEAK_FALL_PER_BLOCK)
        hit = float(np.mean(np.abs(block) >= CLIPPED_AT)) if peak >= CLIPPED_AT else 0.0
        self.clipped += _CLIP_MEMORY * (hit - self.clipped)
        self._flat_samples = self._flat_samples + len(block) if peak == 0.0 else 0


NOISE_KNOWN_AFTER = _FLOOR_BLOCKS * BLOCK_SECONDS
"""Seconds until the first estimate of the noise floor replaces the lowest one."""
