"""The list behind `d`: what can be chosen about the sound, and what is in use now. Pure: records in, rows out.

A mark tells the truth and not the wish: `●` runs, `◉` was chosen and does not run (yet), `○` could be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.core.user_events import DevicesChosen, EchoChosen, EchoMode, GainChosen, NoiseChosen, UserAct
from voicechat.engine.link import Devices, DeviceSide, SoundFacts

Side = Literal["mic", "speaker"]
Mark = Literal["●", "◉", "○"]

FROM_WORDS = {
    "system": "",
    "settings": "from a flag or your configuration",
    "remembered": "chosen in an earlier talk",
    "chosen": "remembered for the next talk",
}
NONE_WORDS: dict[Side, str] = {"mic": "none: you only type", "speaker": "none: captions only"}
ECHO_WORDS: dict[EchoMode, str] = {"on": "cancelled (AEC3)", "headphones": "headphones", "off": "off: half duplex"}
ECHO_MODES: tuple[EchoMode, ...] = ("on", "headphones", "off")


@dataclass(frozen=True, slots=True)
class Option:
    """One word of a row that can be chosen."""

    text: str
    mark: Mark
    act: UserAct


@dataclass(frozen=True, slots=True)
class Choice:
    """One row the cursor can stand on. A device has one option; a switch has several side by side."""

    key: str
    """What it is, for a cursor that stays where it is when devices come and go."""
    options: tuple[Option, ...]
    label: str = ""
    note: str = ""
    has_level: bool = False
    """The microphone that runs: its level is shown beside it."""

    def next(self, step: int) -> UserAct:
        """What choosing this row does: its device, or the neighbour of what is switched on."""
        now = next((at for at, option in enumerate(self.options) if option.mark != "○"), 0)
        return self.options[(now + step) % len(self.options)].act


@dataclass(frozen=True, slots=True)
class Block:
    """A titled group of rows."""

    title: str
    remark: str
    choices: tuple[Choice, ...]


def blocks(devices: Devices, sound: SoundFacts, echo: str) -> tuple[Block, ...]:
    """Microphones, loudspeakers and what is done to the sound. `echo`: what really becomes of it (`MicView.echo`)."""
    return (
        Block("MICROPHONE", FROM_WORDS[devices.mics.wish_from], _device_choices("mic", devices.mics)),
        Block("LOUDSPEAKER", FROM_WORDS[devices.speakers.wish_from], _device_choices("speaker", devices.speakers)),
        Block("SOUND", "for this talk", _switches(sound, echo)),
    )


def _device_choices(side: Side, listed: DeviceSide) -> tuple[Choice, ...]:
    chosen = _chosen_row(listed)
    follows = listed.in_use if listed.wish == "default" and listed.in_use not in ("", "none") else listed.default
    system = f"follow the system ({follows})" if follows else "follow the system"
    rows = [_device(side, "default", system, listed, chosen)]
    rows += [_device(side, row.name, row.name, listed, chosen, row.note) for row in listed.rows]
    if chosen not in ("default", "none", *(row.name for row in listed.rows)):
        is_file = listed.wish.lower().endswith(".wav")
        rows.append(_device(side, chosen, listed.wish, listed, chosen, "" if is_file else "is not there now"))
    return (*rows, _device(side, "none", NONE_WORDS[side], listed, chosen))


def _chosen_row(listed: DeviceSide) -> str:
    """The row a wish means; a part of a name means the device that runs."""
    names = [row.name for row in listed.rows]
    if listed.wish in ("default", "none", *names):
        return listed.wish
    return listed.in_use if listed.in_use in names else listed.wish


def _device(side: Side, wish: str, text: str, listed: DeviceSide, chosen: str, note: str = "") -> Choice:
    runs = listed.in_use not in ("", "none") and (wish == "default" or wish == listed.in_use)
    is_right = wish == "none" if listed.in_use == "none" else runs or wish.lower().endswith(".wav")
    mark: Mark = "○" if wish != chosen else "●" if is_right else "◉"
    act = DevicesChosen(mic=wish) if side == "mic" else DevicesChosen(speaker=wish)
    return Choice(f"{side} {wish}", (Option(text, mark, act),), note=note, has_level=side == "mic" and mark == "●")


def _switches(sound: SoundFacts, echo: str) -> tuple[Choice, ...]:
    has_canceller = not echo or "aec" in echo.lower()
    words = ECHO_WORDS if has_canceller or sound.echo != "on" else ECHO_WORDS | {"on": "cannot be cancelled here"}
    modes = tuple(Option(words[mode], "●" if mode == sound.echo else "○", EchoChosen(mode)) for mode in ECHO_MODES)
    return (
        Choice("echo", modes, label="echo"),
        Choice("noise", _on_off(sound.noise, NoiseChosen(True), NoiseChosen(False), "suppressed"), label="noise"),
        Choice("gain", _on_off(sound.gain, GainChosen(True), GainChosen(False), "levelled"), label="volume"),
    )


def _on_off(is_on: bool, on: UserAct, off: UserAct, word: str) -> tuple[Option, ...]:
    return (Option(word, "●" if is_on else "○", on), Option("as it is", "○" if is_on else "●", off))
