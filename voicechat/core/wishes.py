"""What the user asked of a talk: the wishes it begins with, and the choices that may change while talking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from voicechat.core.events import ToolOffer
from voicechat.core.policy import TurnMode, TurnPolicy


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of the session, before any server had a say."""

    session: dict[str, Any] = field(default_factory=dict)
    """The whole configuration in the GA dialect, turn detection included."""
    greeting: str = ""
    """Ask for a first answer with these instructions once the configuration is in force (R13)."""
    dialect: Literal["auto", "ga", "beta"] = "auto"
    provider: str = "local"
    model: str = ""
    voice: str = ""
    session_limit: float | None = None
    """Seconds a session may last, where the service does not say it itself (R28)."""
    transport: Literal["auto", "webrtc", "websocket"] = "auto"
    """auto: WebRTC, and WebSocket where that cannot connect (R27)."""
    is_loopback: bool = False
    """The service runs on this machine: it is asked again every second at least (R27)."""
    tools: tuple[ToolOffer, ...] = ()
    """What can be run here; their definitions stand in `session`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user may switch while talking."""

    turn_mode: TurnMode = "hands-free"
    """push-to-talk: the mic is open only while held. transcribe: open mic, and nobody answers (R13 never asks)."""
    barge_in: bool = True
    """Talking over the assistant cuts in (R7). Off: half duplex."""
    local_detection: bool = False
    """Hands-free with turn detection of our own (null on the wire), for servers that have none (R17)."""
    policy: TurnPolicy | None = None
    """The numbers of a preset, or of a single option, chosen while talking; None: those of the start (R23)."""

    @property
    def turns_are_ours(self) -> bool:
        """Turn detection is null on the wire: we commit (R17-R19)."""
        return self.turn_mode == "push-to-talk" or self.local_detection

    @property
    def is_open_mic(self) -> bool:
        """The mic is open without a key."""
        return self.turn_mode != "push-to-talk"

    @property
    def only_writes(self) -> bool:
        """What is said is written down and not answered."""
        return self.turn_mode == "transcribe"
