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

Frame = NDArray[np.int16]
"""960 samples, mono, 48 kHz: 20 ms."""

Tell = Callable[[Event], None]
"""How an adapter reports. Safe from any thread."""


class ReceiveCounts(Protocol):
    """What became of the assistant's sound on its way, in frames of 20 ms; `depth` and `target` are seconds."""

    @property
    def played(self) -> int: ...
    @property
    def fec(self) -> int: ...
    @property
    def concealed(self) -> int: ...
    @property
    def stretched(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def depth(self) -> float: ...
    @property
    def target(self) -> float: ...


class LineStats(Protocol):
    """What a client can honestly show of a line. Seconds, shares 0 to 1; None where unknown."""

    @property
    def rtt(self) -> float | None: ...
    @property
    def jitter(self) -> float | None: ...
    @property
    def loss(self) -> float | None: ...
    @property
    def buffer(self) -> float | None: ...
    @property
    def concealed(self) -> float | None: ...
    @property
    def codec(self) -> str: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def receive(self) -> ReceiveCounts: ...


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


class LineListener(Protocol):
    """How a line reports. Called on the event loop."""

    def on_text(self, text: str, *, translated: bool = False) -> None:
        """An event of the service; `translated`: made of what another protocol said."""

    def on_received(self, text: str) -> None:
        """What really came, where that was translated."""

    def on_closed(self, reason: str, code: str = "") -> None:
        """`code`: what the failure table knows of it, such as `session_expired` or `close 1006`."""

    def on_emptied(self) -> None:
        """All sound that came as events was played."""

    def on_played(self, item_id: str, seconds: float, at: float, moving: bool) -> None:
        """By `at` so many seconds of this item had left for the loudspeaker; `moving`: and it went on."""

    def on_sent(self, text: str) -> None:
        """An event that the line made itself: one of many pieces of the microphone, to be shown."""

    def on_noted(self, text: str, code: str) -> None:
        """Something the user should know, in one sentence."""


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
