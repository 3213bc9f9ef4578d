"""What the user did, as frozen records in the past tense; the first of the four families of `events`.

They stand apart because the screen needs these and no others, and has to be there at once: making a record costs half
a millisecond at import. The tag is the name of the event in the event list, in logs and on the link to the engine. All
durations are seconds.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

TalkSource = Literal["key", "mouse", "control"]
ItemRole = Literal["user", "assistant", "system"]


class TalkPressed(Struct, frozen=True, tag="talk.pressed"):
    """Push-to-talk went down. `lease` seconds: who pressed may vanish (control socket), so the press ends by itself."""

    source: TalkSource = "key"
    lease: float | None = None


class TalkReleased(Struct, frozen=True, tag="talk.released"):
    """Push-to-talk came up. `inferred`: guessed from missing key repeats, so a repeat may still take it back."""

    source: TalkSource = "key"
    inferred: bool = False


class TalkRejoined(Struct, frozen=True, tag="talk.rejoined"):
    """A key repeat arrived after an inferred release: it was never released."""


class TalkTapped(Struct, frozen=True, tag="talk.latched"):
    """The press was a tap where the terminal cannot report releases (no repeat in 0.8 s): it latches."""


class FocusLost(Struct, frozen=True, tag="focus.lost"):
    """The terminal window lost the keyboard; a real release would go to another window."""


class MuteChosen(Struct, frozen=True, tag="mute.chosen"):
    muted: bool


class PauseToggled(Struct, frozen=True, tag="pause.toggled"):
    """Space in hands-free: pause or resume the mic without muting it."""


class TurnModeChosen(Struct, frozen=True, tag="turn_mode.chosen"):
    mode: Literal["hands-free", "push-to-talk", "transcribe"]


class BargeInChosen(Struct, frozen=True, tag="barge_in.chosen"):
    enabled: bool


class StopPressed(Struct, frozen=True, tag="stop.pressed"):
    """Stop the answer at once."""


class AgainPressed(Struct, frozen=True, tag="again.pressed"):
    """`r`: reconnect when offline, ask for an answer when one is missing."""


class TextEntered(Struct, frozen=True, tag="text.entered"):
    text: str


class RawEventEntered(Struct, frozen=True, tag="raw_event.entered"):
    """A client event written by hand, as JSON in the dialect in use. It leaves as it was written."""

    text: str


class ItemDeletionAsked(Struct, frozen=True, tag="item_deletion.asked"):
    """Take a turn of the transcript out of the conversation at the service. `turn` is its key."""

    turn: str


class ItemTruncationAsked(Struct, frozen=True, tag="item_truncation.asked"):
    """Let the service forget what was not heard of an answer that was cut, or cut the one that sounds."""

    turn: str


class ItemRetrievalAsked(Struct, frozen=True, tag="item_retrieval.asked"):
    """Ask the service what it keeps of a turn."""

    turn: str


class ItemTextEntered(Struct, frozen=True, tag="item_text.entered"):
    """A text put into the conversation by hand; it asks for no answer. `after` is a turn's key, empty for the end."""

    text: str
    role: ItemRole = "user"
    after: str = ""


class VolumeChosen(Struct, frozen=True, tag="volume.chosen"):
    """Loudspeaker volume, 0 to 1.5 (1 = as sent)."""

    volume: float


class DeafenChosen(Struct, frozen=True, tag="deafen.chosen"):
    """Loudspeaker off; captions go on."""

    deafened: bool


class EndAsked(Struct, frozen=True, tag="end.asked"):
    """R30: close the mic, cancel what runs, hang up."""


class NewAsked(Struct, frozen=True, tag="new.asked"):
    """R30: end, then start afresh."""


SettingValue = bool | int | float | str | None | list[str] | dict[str, bool | int | float | str | None]
"""What can stand at a path of the session, as the wire has it (milliseconds where the wire has them)."""


class SettingChosen(Struct, frozen=True, tag="setting.chosen"):
    """A field of the session, by its GA path without `session.`; null clears it."""

    path: str
    value: SettingValue


class PresetChosen(Struct, frozen=True, tag="preset.chosen"):
    """R23: a named way of taking turns, from now on."""

    name: Literal["balanced", "steady", "quick"]


class SettingUndone(Struct, frozen=True, tag="setting.undone"):
    """The last setting that was changed goes back to what it was."""


class GoOnChosen(Struct, frozen=True, tag="go_on.chosen"):
    """Talk on although the budget is spent."""


class ToolAllowed(Struct, frozen=True, tag="tool.allowed"):
    """This call may run. `for_rest_of_talk`: and so may every later one of the same tool, unasked."""

    call_id: str
    for_rest_of_talk: bool = False


class ToolDenied(Struct, frozen=True, tag="tool.denied"):
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


class DevicesAsked(Struct, frozen=True, tag="devices.asked"):
    """The list of devices came on the screen (`shown`) and should stay fresh, or it left."""

    shown: bool


class DevicesChosen(Struct, frozen=True, tag="devices.chosen"):
    """Use these from now on: `default`, `none` or a name; empty leaves that side as it is."""

    mic: str = ""
    speaker: str = ""


class KeepWaitingChosen(Struct, frozen=True, tag="keep_waiting.chosen"):
    """A device was lost, and no other is wanted in its place."""


class EchoChosen(Struct, frozen=True, tag="echo.chosen"):
    mode: EchoMode


class NoiseChosen(Struct, frozen=True, tag="noise.chosen"):
    """Suppress background noise."""

    enabled: bool


class GainChosen(Struct, frozen=True, tag="gain.chosen"):
    """Level the microphone."""

    enabled: bool


class SpeechGiven(Struct, frozen=True, tag="speech.given"):
    """A sound file for the scripted microphone, said from session time `at` on; None: from now on."""

    file: str
    label: str = ""
    at: float | None = None


SoundWish = DevicesAsked | DevicesChosen | KeepWaitingChosen | EchoChosen | NoiseChosen | GainChosen | SpeechGiven


class RecordingToggled(Struct, frozen=True, tag="recording.toggled"):
    """Make a tape from here on, or end the one that is made. The talk itself is not touched."""


UserAct = UserEvent | SoundWish | RecordingToggled
"""Everything a screen may command."""
