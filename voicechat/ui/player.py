"""A replay as the screen knows it: an engine that can be moved about in time. `journal.replay` has the real one."""

from __future__ import annotations

from typing import Protocol

from voicechat.ui.engine_client import Engine


class Player(Engine, Protocol):
    """None of these waits; what came of a wish arrives as messages (`Playing`, `Jumped` and everything else)."""

    def toggle(self) -> None:
        """Pause, or go on; at the end, from the start."""

    def seek_by(self, seconds: float) -> None:
        """So much forward, or back."""

    def seek_to(self, t: float) -> None:
        """To a moment of the session, seconds; infinity is the end."""

    def step(self, by: int) -> None:
        """To the next (1) or previous (-1) event, and stay there."""

    def faster(self, by: int) -> None:
        """The next speed up (1) or down (-1)."""
