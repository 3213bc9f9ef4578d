"""The seams of a session: what it needs of an audio path and of a line, and nothing more.

Adapters translate; they hold no policy. Everything that goes wrong comes back as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.core.effects import AudioEffect, ToolEffect
from voicechat.core.events import Event
from voicechat.line import LineStats

Frame = NDArray[np.int16]
"""960 samples, mono, 48 kHz: 20 ms."""

Tell = Callable[[Event], None]
"""How an adapter reports. Safe from any thread."""


class AudioPort(Protocol):
    """The audio path as the session sees it."""

    def perform(self, effect: AudioEffect) -> None: ...


class ToolPort(Protocol):
    """Who runs tools; what comes of a call is told as `ToolFinished`."""

    def perform(self, effect: ToolEffect) -> None: ...


class Secrets(Protocol):
    """Who knows what the stand-ins in a session stand for."""

    def revealed(self, text: str) -> str: ...
    def revealed_session(self, session: Mapping[str, Any]) -> dict[str, Any]: ...


class Line(Protocol):
    """One open connection to a Realtime server, whatever the transport."""

    def send(self, text: str) -> str:
        """Queue one client event; returns why it could not be sent, or an empty string."""

    def pull(self, now: float, samples: int = 960) -> Frame:
        """The next `samples` of remote audio. Called on the audio thread."""

    @property
    def newest(self) -> int:
        """The number of the newest response whose sound is told apart here; 0 where it has no names."""

    def flush(self, through: int | None = None) -> None:
        """Drop remote audio that is buffered here, of responses up to this number; None: all. Safe from any thread."""

    def stats(self) -> LineStats: ...
    async def close(self, *, hang_up: bool) -> None: ...
