"""Does the microphone hear something that was not there a moment ago? The first soft consonant, before it is a voice.

Words that noise suppression cost were first words ("The meeting" became "Meeting", "Please" became "These"): a voice
begins with sounds softer than the noise around them, and a threshold that all noises must stay under notices them 30 to
50 ms late. But steady noise is very even between 500 Hz and 6 kHz, where consonants are: there its 10 ms energies stray
by 6 to 9 %, and a rise by half stands out of it. So each noise sets its own threshold.

It listens to the raw microphone, which is 16 ms earlier than what is sent of the same moment: time enough to open.
"""

from __future__ import annotations

import numpy as np

from voicechat.audio.blocks import BLOCK, Block, mean_square

_REACH = 8
"""Samples between the two of a difference: most of 3 kHz, nothing of 6 kHz, a fiftieth of what hums at 150 Hz."""
_STRAYS = 6.0
"""Mean strayings above the mean energy at which a sound has risen. With five, pink noise and a fan's rise some three
times a minute; with six, less than once."""
_LEAST, _MOST = 1.25, 3.0
"""Times the mean energy; what is 5 dB louder has risen in the unsteadiest noise."""
_LEARN, _LEARN_RISEN = 0.02, 0.005
"""Weight of the newest block in the mean: 0.5 s. Where nobody speaks a noise may change, so what has risen counts,
too, but for little, as it may be the beginning of a voice: 0.1 s of it add a tenth, a noise 10 dB louder is known
after 2 s."""
_AT_FIRST = 100
"""Blocks over which the first mean is made: 1 s."""
_INAUDIBLE = 1e-7
"""Mean energies stay above it (-70 dBFS), or after digital silence a noise would be new for very long."""


class RisingSound:
    """Compares each block with the noise so far. Give it no voice, or it will take it for noise."""

    def __init__(self) -> None:
        self._difference = np.zeros(BLOCK - _REACH, dtype=np.float32)
        self._mean = _INAUDIBLE
        self._straying = 0.1
        """Mean distance of the energies of noise from their mean, as a share of it."""
        self._heard = 0

    def hear(self, mic: Block) -> bool:
        """Take in float32[480] of the raw microphone; whether it stands out of what came before."""
        np.subtract(mic[_REACH:], mic[:-_REACH], out=self._difference)
        energy = mean_square(self._difference)
        ratio = energy / self._mean
        has_risen = ratio > min(_MOST, max(_LEAST, 1.0 + _STRAYS * self._straying))
        if self._heard < _AT_FIRST:
            self._heard += 1
            self._mean += (energy - self._mean) / self._heard
        elif has_risen:
            self._mean += _LEARN_RISEN * (min(energy, _MOST * self._mean) - self._mean)
        else:
            self._mean += _LEARN * (energy - self._mean)
        self._mean = max(self._mean, _INAUDIBLE)
        if not has_risen:
            self._straying += _LEARN * (abs(ratio - 1.0) - self._straying)
        return has_risen
