"""What the user did, as frozen records in the past tense; the first of the four families of `events`.

They stand apart because the screen needs these and no others, and has to be there at once: making a record costs half
a millisecond at import. All durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TalkSource = Literal["key", "mouse", "control"]
ItemRole = Literal["user", "assistant", "system"]


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
    mode: Literal["hands-free", "push-to-talk", "transcribe"]


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
class RawEventEntered:
    """A client event written by hand, as JSON in the dialect in use. It leaves as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class ItemDeletionAsked:
    """Take a turn of the transcript out of the conversation at the service. `turn` is its key."""

    turn: str


@dataclass(frozen=True, slots=True)
class ItemTruncationAsked:
    """Let the service forget what was not heard of an answer that was cut, or cut the one that sounds."""

    turn: str


@dataclass(frozen=True, slots=True)
class ItemRetrievalAsked:
    """Ask the service what it keeps of a turn."""

    turn: str


@dataclass(frozen=True, slots=True)
class ItemTextEntered:
    """A text put into the conversation by hand; it asks for no answer. `after` is a turn's key, empty for the end."""

    text: str
    role: ItemRole = "user"
    after: str = ""


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


SettingValue = bool | int | float | str | None | list[str] | dict[str, bool | int | float | str | None]
"""What can stand at a path of the session, as the wire has it (milliseconds where the wire has them)."""


@dataclass(frozen=True, slots=True)
class SettingChosen:
    """A field of the session, by its GA path without `session.`; null clears it."""

    path: str
    value: SettingValue


@dataclass(frozen=True, slots=True)
class PresetChosen:
    """R23: a named way of taking turns, from now on."""

    name: Literal["balanced", "steady", "quick"]


@dataclass(frozen=True, slots=True)
class SettingUndone:
    """The last setting that was changed goes back to what it was."""


@dataclass(frozen=True, slots=True)
class GoOnChosen:
    """Talk on although the budget is spent."""


@dataclass(frozen=True, slots=True)
class ToolAllowed:
    """This call may run. `for_rest_of_talk`: and so may every later one of the same tool, unasked."""

    call_id: str
    for_rest_of_talk: bool = False


@dataclass(frozen=True, slots=True)
class ToolDenied:
    """This call may not run. `reason`: for the model, where there is more to say than that the user said no."""

    call_id: str
    reason: str = ""


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
    | RawEventEntered
    | ItemDeletionAsked
    | ItemTruncationAsked
    | ItemRetrievalAsked
    | ItemTextEntered
    | VolumeChosen
    | DeafenChosen
    | EndAsked
    | NewAsked
    | GoOnChosen
    | SettingChosen
    | PresetChosen
    | SettingUndone
    | ToolAllowed
    | ToolDenied
)

# Wishes about the sound itself. The engine's sound carries them out; the rules of the talk are told what came of it.
EchoMode = Literal["on", "off", "headphones"]
"""`on` cancels the loudspeaker's echo; `headphones` has none to cancel; `off` closes the mic while it plays."""


@dataclass(frozen=True, slots=True)
class DevicesAsked:
    """The list of devices came on the screen (`shown`) and should stay fresh, or it left."""

    shown: bool


@dataclass(frozen=True, slots=True)
class DevicesChosen:
    """Use these from now on: `default`, `none` or a name; empty leaves that side as it is."""

    mic: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class KeepWaitingChosen:
    """A device was lost, and no other is wanted in its place."""


@dataclass(frozen=True, slots=True)
class EchoChosen:
    mode: EchoMode


@dataclass(frozen=True, slots=True)
class NoiseChosen:
    """Suppress background noise."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class GainChosen:
    """Level the microphone."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class SpeechGiven:
    """A sound file for the scripted microphone, said from session time `at` on; None: from now on."""

    file: str
    label: str = ""
    at: float | None = None


SoundWish = DevicesAsked | DevicesChosen | KeepWaitingChosen | EchoChosen | NoiseChosen | GainChosen | SpeechGiven


@dataclass(frozen=True, slots=True)
class RecordingToggled:
    """Make a tape from here on, or end the one that is made. The talk itself is not touched."""


UserAct = UserEvent | SoundWish | RecordingToggled
"""Everything a screen may command."""
