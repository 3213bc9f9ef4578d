"""What the user did, as frozen records in the past tense; the first of the four families of `events`.

They stand apart because the screen needs these and no others, and has to be there at once: making a record costs half
a millisecond at import. All durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TalkSource = Literal["key", "mouse", "control"]


@dataclass(frozen=True, slots=True)
class TalkPressed:
    """Push-to-talk went down. `lease` seconds: who pressed may vanish (control socket), so the press ends by itself."""

    source: TalkSource = "key"
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class TalkReleased:
    """Push-to-talk came up. `inferred`: guessed from missing key repeats, so a repeat may still take it back."""

    source: TalkSource = "key"
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class TalkRejoined:
    """A key repeat arrived after an inferred release: it was never released."""


@dataclass(frozen=True, slots=True)
class TalkTapped:
    """The press was a tap where the terminal cannot report releases (no repeat in 0.8 s): it latches."""


@dataclass(frozen=True, slots=True)
class FocusLost:
    """The terminal window lost the keyboard; a real release would go to another window."""


@dataclass(frozen=True, slots=True)
class MuteChosen:
    muted: bool


@dataclass(frozen=True, slots=True)
class PauseToggled:
    """Space in hands-free: pause or resume the mic without muting it."""


@dataclass(frozen=True, slots=True)
class TurnModeChosen:
    mode: Literal["hands-free", "push-to-talk"]


@dataclass(frozen=True, slots=True)
class BargeInChosen:
    enabled: bool


@dataclass(frozen=True, slots=True)
class StopPressed:
    """Stop the answer at once."""


@dataclass(frozen=True, slots=True)
class AgainPressed:
    """`r`: reconnect when offline, ask for an answer when one is missing."""


@dataclass(frozen=True, slots=True)
class TextEntered:
    text: str


@dataclass(frozen=True, slots=True)
class VolumeChosen:
    """Loudspeaker volume, 0 to 1.5 (1 = as sent)."""

    volume: float


@dataclass(frozen=True, slots=True)
class DeafenChosen:
    """Loudspeaker off; captions go on."""

    deafened: bool


@dataclass(frozen=True, slots=True)
class EndAsked:
    """R30: close the mic, cancel what runs, hang up."""


@dataclass(frozen=True, slots=True)
class NewAsked:
    """R30: end, then start afresh."""


UserEvent = (
    TalkPressed
    | TalkReleased
    | TalkRejoined
    | TalkTapped
    | FocusLost
    | MuteChosen
    | PauseToggled
    | TurnModeChosen
    | BargeInChosen
    | StopPressed
    | AgainPressed
    | TextEntered
    | VolumeChosen
    | DeafenChosen
    | EndAsked
    | NewAsked
)
