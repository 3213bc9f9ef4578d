"""What the command line decides about the screen, and the few facts the welcome card tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Motion = Literal["full", "calm"]


@dataclass(frozen=True, slots=True)
class WelcomeFacts:
    """What is known before the engine has said a word."""

    provider: str = "local"
    voice: str = ""
    key_found: str = ""
    """Name of an environment variable that holds a key which this session does not use; empty otherwise."""
    turn_mode: Literal["hands-free", "push-to-talk", "transcribe"] = "hands-free"
    instead: tuple[str, ...] = ()
    """Lines in the place of the welcome, the first one stressed: where nobody talks here."""


@dataclass(frozen=True, slots=True)
class Spectator:
    """This screen only shows: another one runs the talk, or nobody does any more."""

    label: str
    """For the header: WATCHING, REPLAY, TAP."""
    sentence: str
    """What is said when a key would have acted."""


@dataclass(frozen=True, slots=True)
class UiOptions:
    """How the screen looks and which keys it listens to."""

    theme: str = "lamplight"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id -> key names, from the `[keys]` section."""
    ascii: bool = False
    motion: Motion = "full"
    welcome: WelcomeFacts = WelcomeFacts()
    user_themes_dir: Path | None = None
    spectator: Spectator | None = None
