"""`d`: which microphone, which loudspeaker, and what is done to the sound; what can be chosen, and what is in use now.

A mark tells the truth and not the wish: `●` runs, `◉` was chosen and does not run (yet), `○` could be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.content import Content

from voicechat.core.user_events import (
    DevicesAsked,
    DevicesChosen,
    EchoChosen,
    EchoMode,
    GainChosen,
    NoiseChosen,
    UserAct,
)
from voicechat.engine.link import Devices, DeviceSide, SoundFacts
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Row, decibels
from voicechat.ui.screens.overlays import Drawer
from voicechat.ui.widgets.deck import cells_of
from voicechat.ui.widgets.pane import Choice, PickList

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
class Device:
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
    choices: tuple[Device, ...]


def blocks(devices: Devices, sound: SoundFacts, echo: str) -> tuple[Block, ...]:
    """Microphones, loudspeakers and what is done to the sound. `echo`: what really becomes of it (`MicView.echo`)."""
    return (
        Block("MICROPHONE", _remark(devices, devices.mics), _device_choices("mic", devices.mics)),
        Block("LOUDSPEAKER", _remark(devices, devices.speakers), _device_choices("speaker", devices.speakers)),
        Block("SOUND", "for this talk", _switches(sound, echo)),
    )


def _remark(devices: Devices, side: DeviceSide) -> str:
    """Who chose the device; before the first list has come, that it is being made."""
    return "looking for devices …" if devices == Devices() else FROM_WORDS[side.wish_from]


def _device_choices(side: Side, listed: DeviceSide) -> tuple[Device, ...]:
    chosen = _chosen_row(listed)
    follows = listed.in_use if listed.wish == "default" and listed.in_use not in ("", "none") else listed.default
    system = f"follow the system ({follows})" if follows else "follow the system"
    rows = [_device(side, "default", system, listed, chosen)]
    if listed == DeviceSide():  # nothing is known of this side yet: "none" would read as an answer
        return tuple(rows)
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


def _device(side: Side, wish: str, text: str, listed: DeviceSide, chosen: str, note: str = "") -> Device:
    runs = listed.in_use not in ("", "none") and (wish == "default" or wish == listed.in_use)
    is_right = wish == "none" if listed.in_use == "none" else runs or wish.lower().endswith(".wav")
    mark: Mark = "○" if wish != chosen else "●" if is_right else "◉"
    act = DevicesChosen(mic=wish) if side == "mic" else DevicesChosen(speaker=wish)
    return Device(f"{side} {wish}", (Option(text, mark, act),), note=note, has_level=side == "mic" and mark == "●")


def _switches(sound: SoundFacts, echo: str) -> tuple[Device, ...]:
    has_canceller = not echo or "aec" in echo.lower()
    words = ECHO_WORDS if has_canceller or sound.echo != "on" else ECHO_WORDS | {"on": "cannot be cancelled here"}
    modes = tuple(Option(words[mode], "●" if mode == sound.echo else "○", EchoChosen(mode)) for mode in ECHO_MODES)
    return (
        Device("echo", modes, label="echo"),
        Device("noise", _on_off(sound.noise, NoiseChosen(True), NoiseChosen(False), "suppressed"), label="noise"),
        Device("gain", _on_off(sound.gain, GainChosen(True), GainChosen(False), "levelled"), label="volume"),
    )


def _on_off(is_on: bool, on: UserAct, off: UserAct, word: str) -> tuple[Option, ...]:
    return (Option(word, "●" if is_on else "○", on), Option("as it is", "○" if is_on else "●", off))


METER = 12
LABEL = 8
MARKS = {"●": "success", "◉": "warning", "○": "quiet"}


class DevicesScreen(Drawer):
    """`d`: which microphone, which loudspeaker, and what is done to the sound."""

    place, heading, keys = "devices", "DEVICES", "Enter chooses · "
    slices = ("devices", "sound", "mic", "meters")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "choose(1)", show=False),
        Binding("left", "choose(-1)", show=False),
    ]

    def on_mount(self) -> None:
        """Ask what there is; an engine that has not shown a state yet is asked when it does."""
        self.watch(self.talk, "has_state", self._ask)

    def _ask(self, has_state: bool) -> None:
        if has_state:
            self.post_message(UserDid(DevicesAsked(True)))

    def on_unmount(self) -> None:
        self.app.post_message(UserDid(DevicesAsked(False)))

    @property
    def _blocks(self) -> tuple[Block, ...]:
        return blocks(self.talk.devices, self.talk.sound, self.talk.mic.echo)

    def on_option_list_option_selected(self) -> None:
        self.action_choose(1)

    def action_choose(self, step: int) -> None:
        """Use what the cursor is on; on a switch, the next (or the one before)."""
        everything = (device for block in self._blocks for device in block.choices)
        device = next((one for one in everything if one.key == self.listed.current), None)
        if device is not None and (len(device.options) > 1 or step > 0):
            self.post_message(UserDid(device.next(step)))

    # painting
    def choices(self, listed: PickList) -> list[Choice]:
        made: list[Choice] = []
        for block in self._blocks:
            title = listed.row().own(block.title, "accent", bold=True).own(f"  {block.remark}", "quiet")
            made.append(Choice("", [title]))
            made += [Choice(one.key, [self._row(listed, one), *_wrapped(listed, one.note, 5)]) for one in block.choices]
            made.append(Choice("", [listed.row()]))
        found = self.talk.devices
        made.append(Choice("", _wrapped(listed, " · ".join(part for part in (found.problem, found.hint) if part), 0)))
        listed.start = next((one.key for one in self._blocks[0].choices if one.options[0].mark != "○"), "")
        return made

    def _row(self, listed: PickList, device: Device) -> Row:
        row = listed.row().own(" ")
        if device.label:
            row.own(device.label.ljust(LABEL), "quiet")
        of_several = len(device.options) > 1
        for option in device.options:
            is_on = option.mark != "○"
            row.own(f"{option.mark} ", MARKS[option.mark], bold=is_on)
            row.spoken(option.text, "foreground" if is_on or not of_several else "quiet", bold=is_on)
            row.own("  " if of_several else "")
        if not device.has_level:
            return row.cut_to(listed.room)
        level = self.talk.meters.input
        filled = cells_of(level, METER)
        part = row.part().own("━" * filled, "level-mid").own("╌" * (METER - filled), "rule")
        part.own(decibels(level).rjust(8), "quiet").own(" ")
        return row.cut_to(listed.room - part.cells - 1).end_with(part)


def _wrapped(listed: PickList, text: str, indent: int) -> list[Row]:
    lines = Content(text).wrap(max(10, listed.room - indent - 1)) if text else []
    return [listed.row().own(" " * indent).spoken(line.plain, "warning") for line in lines]
