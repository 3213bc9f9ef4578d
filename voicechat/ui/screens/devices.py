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
from voicechat.ui.paint import cut, decibels, hanging, palette_of, styled
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.overlays import Drawer
from voicechat.ui.widgets.deck import cells_of
from voicechat.ui.widgets.pane import Choice

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


Option = tuple[str, Mark, UserAct]


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
        now = next((at for at, (_, mark, _) in enumerate(self.options) if mark != "○"), 0)
        return self.options[(now + step) % len(self.options)][2]


Block = tuple[str, str, tuple[Device, ...]]
"""Title, remark and rows of a group."""


def blocks(devices: Devices, sound: SoundFacts, echo: str) -> tuple[Block, ...]:
    """Microphones, loudspeakers and what is done to the sound. `echo`: what really becomes of it (`MicView.echo`)."""
    return (
        ("MICROPHONE", _remark(devices, devices.mics), _device_choices("mic", devices.mics)),
        ("LOUDSPEAKER", _remark(devices, devices.speakers), _device_choices("speaker", devices.speakers)),
        ("SOUND", "for this talk", _switches(sound, echo)),
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
    return Device(f"{side} {wish}", ((text, mark, act),), note=note, has_level=side == "mic" and mark == "●")


def _switches(sound: SoundFacts, echo: str) -> tuple[Device, ...]:
    has_canceller = not echo or "aec" in echo.lower()
    words = ECHO_WORDS if has_canceller or sound.echo != "on" else ECHO_WORDS | {"on": "cannot be cancelled here"}
    modes = tuple[Option, ...](
        (words[mode], "●" if mode == sound.echo else "○", EchoChosen(mode)) for mode in ECHO_MODES
    )
    return (
        Device("echo", modes, label="echo"),
        Device("noise", _on_off(sound.noise, NoiseChosen(True), NoiseChosen(False), "suppressed"), label="noise"),
        Device("gain", _on_off(sound.gain, GainChosen(True), GainChosen(False), "levelled"), label="volume"),
    )


def _on_off(is_on: bool, on: UserAct, off: UserAct, word: str) -> tuple[Option, ...]:
    return ((word, "●" if is_on else "○", on), ("as it is", "○" if is_on else "●", off))


METER = 12
LABEL = 8
MARKS = {"●": "bold $success", "◉": "bold $warning", "○": "$quiet"}


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
        everything = (device for _, _, devices in self._blocks for device in devices)
        device = next((one for one in everything if one.key == self.listed.current), None)
        if device is not None and (len(device.options) > 1 or step > 0):
            self.post_message(UserDid(device.next(step)))

    def choices(self) -> list[Choice]:
        palette, found, made = palette_of(self.app), self.talk.devices, list[Choice]()
        for title, remark, devices in self._blocks:
            made.append(Choice("", styled(palette, (title, "bold $accent"), (f"  {remark}", "$quiet"))))
            made += [Choice(one.key, self._prompt(one)) for one in devices]
            made.append(Choice("", Content("")))
        problem = " · ".join(part for part in (found.problem, found.hint) if part)
        made.append(Choice("", styled(palette, (problem, "$warning"))))
        self.listed.start = next((one.key for one in self._blocks[0][2] if one.options[0][1] != "○"), "")
        return made

    def _prompt(self, device: Device) -> Content:
        palette, room = palette_of(self.app), self.listed.room
        words: list[tuple[str, str]] = [(device.label.ljust(LABEL) if device.label else "", "$quiet")]
        for text, mark, _ in device.options:
            is_on = mark != "○"
            shade = "bold" if is_on else "$quiet" if device.label else ""
            words += [(f"{mark} ", MARKS[mark]), (text, shade), ("  " if device.label else "", "")]
        row = styled(palette, " ", *words)
        if device.has_level:
            level = self.talk.meters.input
            filled = cells_of(level, METER)
            meter = [("━" * filled, "$level-mid"), ("╌" * (METER - filled), "$rule")]
            part = styled(palette, *meter, (f"{decibels(level):>8} ", "$quiet"))
            space = room - part.cell_length - 1
            row = cut(palette, row, space).truncate(space, pad=True) + " " + part
        note = Content.styled(clean(device.note), "$warning")
        below = hanging(Content(" " * 5), note, room) if note else None
        return Content("\n").join(part for part in (cut(palette, row, room), below) if part)
