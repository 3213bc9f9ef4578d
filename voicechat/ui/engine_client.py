"""The screen's side of the engine: a seam, so that a test may put a script where a process would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from voicechat.core.user_events import UserAct
from voicechat.engine.link import FromEngine


class Engine(Protocol):
    """An engine process as the screen knows it. `engine.host` has the real one."""

    def start(self, deliver: Callable[[FromEngine], None]) -> None:
        """Spawn it. `deliver` is called from a reader thread, once for each message, until the end.

        The end is a `Goodbye`: the engine's own, or one that the host makes up with the cause of death.
        """

    def send(self, event: UserAct) -> None:
        """Tell the engine what the user did. Never blocks for long, never raises when the engine is gone."""

    def restart(self) -> None:
        """Spawn it again after its death; messages go to the same `deliver`."""

    def close(self) -> None:
        """Close the microphone, hang up and end the process. May be called twice, from a signal handler too."""
