"""One moment of a conversation, as all the records that a screen needs to show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicechat.core.view import TurnView, View
from voicechat.engine.link import (
    Devices,
    EventRow,
    Finding,
    Meters,
    Numbers,
    SessionShown,
    SoundFacts,
)
from voicechat.ui.options import WelcomeFacts


@dataclass(frozen=True)
class Scene:
    """One moment, and how its levels move."""

    view: View
    turns: tuple[TurnView, ...] = ()
    meters: Meters = field(default_factory=lambda: Meters(input=-14, output=-60, threshold=-38, rtt=0.038))
    welcome: WelcomeFacts = field(default_factory=lambda: WelcomeFacts("openai", "marin"))
    release: str = "true"
    keys: tuple[str, ...] = ()
    """Pressed after the scene is set."""
    rows: tuple[EventRow, ...] = ()
    """Events; empty: the usual ones."""
    devices: Devices | None = None
    session: SessionShown | None = None
    sound: SoundFacts = field(default_factory=SoundFacts)
    findings: tuple[Finding, ...] = ()
    numbers: Numbers | None = None
    t: float = 0.0
    """Session time; the timeline ends there."""
