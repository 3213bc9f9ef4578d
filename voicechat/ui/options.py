"""What the command line decides about the screen, and the few facts the welcome card tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct, field

from voicechat.core.user_events import UserAct
from voicechat.engine.link import FromEngine


class Engine(Protocol):
    """An engine process as the screen knows it. `engine.host` has the real one.

    The screen's side of the engine: a seam, so that a test may put a script where a process would be.
    """

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


class Player(Engine, Protocol):
    """None of these waits; what came of a wish arrives as messages (`Playing`, `Jumped` and everything else).

    A replay as the screen knows it: an engine that can be moved about in time. `journal.replay` has the real one.
    """

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


Motion = Literal["full", "calm"]


class WelcomeFacts(Struct, frozen=True):
    """What is known before the engine has said a word."""

    provider: str = "local"
    voice: str = ""
    key_found: str = ""
    """Name of an environment variable that holds a key which this session does not use; empty otherwise."""
    turn_mode: Literal["hands-free", "push-to-talk", "transcribe"] = "hands-free"
    instead: tuple[str, ...] = ()
    """Lines in the place of the welcome, the first one stressed: where nobody talks here."""


class Spectator(Struct, frozen=True):
    """This screen only shows: another one runs the talk, or nobody does any more."""

    label: str
    """For the header: WATCHING, REPLAY, TAP."""
    sentence: str
    """What is said when a key would have acted."""
    sends: bool = False
    """Events written by hand are sent all the same."""


class UiOptions(Struct, frozen=True):
    """How the screen looks and which keys it listens to."""

    theme: str = "lamplight"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id -> key names, from the `[keys]` section."""
    ascii: bool = False
    motion: Motion = "full"
    welcome: WelcomeFacts = WelcomeFacts()
    user_themes_dir: Path | None = None
    spectator: Spectator | None = None
