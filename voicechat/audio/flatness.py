"""Does an open microphone give nothing but zeros? That is a muted or forbidden one, never a quiet room (R26)."""

from __future__ import annotations

from voicechat.audio.blocks import BLOCK_SECONDS
from voicechat.audio.facts import MicFlat, MicLive

FLAT_AFTER = 5.0
"""Seconds of bit-exact zeros from an open mic that make it flat (R26)."""


class Flatness:
    """Turns seconds of zeros into two facts. Pure: the time is passed in, block by block."""

    def __init__(self) -> None:
        self._is_flat = False
        self._open_blocks = 0

    def hear(self, flat_for: float, now: float, *, is_open: bool, is_real: bool) -> MicFlat | MicLive | None:
        """One block, up to which there were zeros for `flat_for` seconds; sound files may be silent (`is_real`).

        Zeros count while the mic is open: what nobody wanted to hear need not have been there.
        """
        self._open_blocks = self._open_blocks + 1 if is_open else 0
        heard_flat_for = min(flat_for, self._open_blocks * BLOCK_SECONDS)
        if self._is_flat and flat_for == 0.0:
            self._is_flat = False
            return MicLive(now)
        if not self._is_flat and heard_flat_for >= FLAT_AFTER and is_real and is_open:
            self._is_flat = True
            return MicFlat(now, heard_flat_for)
        return None
