"""Noise is taken out of the pauses, and nothing at all out of the voice.

A suppressor that runs through a voice takes soft consonants with the noise: people like it, recognisers misread them,
and a recogniser is who listens here. In pauses it can take no word, and there it helps: the other side's voice
detection hears silence, and nothing is read into the hum of a fan. So there are two signals, one with the noise and one
without, and this says which of them is sent.

Nothing may be held back to see a voice coming, so doubt decides for the voice: whatever stands out of the noise floor
passes as it is, at once, and for a second after; only then does the noise go, slowly enough not to be heard going. What
has been said before a gate opens (the pre-roll) is past and cannot be repaired, so nothing is suppressed while it is
closed. While the loudspeaker is heard, the suppressor also takes out what the canceller leaves, and runs through.
"""

from __future__ import annotations

import numpy as np

from voicechat.audio.blocks import BLOCK, Block

_HOLD_BLOCKS = 100
"""1 s: no pause inside a sentence. With 0.4 s the sentence went on with a soft sound that was suppressed."""
_FALL_BLOCKS = 30
"""0.3 s from the voice with its noise to the pause without."""
_RAMP = np.arange(1, BLOCK + 1, dtype=np.float32) / np.float32(BLOCK)


class QuietPauses:
    """Chooses between the voice with its noise and the same with the noise suppressed, without a click."""

    def __init__(self) -> None:
        self._share = 1.0
        """Of the untouched voice in what was sent last, 0 to 1."""
        self._hold = 0

    def mix(self, voice: Block, suppressed: Block, *, may_be_voice: bool, is_in_echo: bool) -> Block:
        """float32[480] of both, of the same moment. `is_in_echo`: the loudspeaker was audible lately."""
        self._hold = _HOLD_BLOCKS if may_be_voice else max(0, self._hold - 1)
        if is_in_echo:
            share = 0.0
        elif self._hold:
            share = 1.0
        else:
            share = max(0.0, self._share - 1.0 / _FALL_BLOCKS)
        before, self._share = self._share, share
        if before == share:
            return voice if share else suppressed
        ramp = np.float32(before) + _RAMP * np.float32(share - before)
        return suppressed + (voice - suppressed) * ramp
