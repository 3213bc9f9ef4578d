"""`d`: which microphone, which loudspeaker, and what is done to the sound; what can be chosen, and what is in use now.

A mark tells the truth and not the wish: `●` runs, `◉` was chosen and does not run (yet), `○` could be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.content import Content

from voicechat.core.user_events import DevicesAsked, DevicesChosen, UserAct
from voicechat.engine.link import Devices, DeviceSide
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import cut, decibels, hanging, palette_of, styled
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.overlays import Drawer
from voicechat.ui.screens.settings import prompt
from voicechat.ui.settings_rows import Look, Setting, switches
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


@dataclass(frozen=True, slots=True)
class Device:
    """A device the cursor can stand on."""

    key: str
    """What it is, for a cursor that stays where it is when devices come and go."""
    text: str
    mark: Mark
    act: UserAct
    note: str = ""
    has_level: bool = False
    """The microphone that runs: its level is shown beside it."""


def _remark(devices: Devices, side: DeviceSide) -> str:
    """Who chose the device; before the first list has come, that it is being made."""
    return "looking for devices …" if devices == Devices() else FROM_WORDS[side.wish_from]


def device_choices(side: Side, listed: DeviceSide) -> tuple[Device, ...]:
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
    return Device(f"{side} {wish}", text, mark, act, note, has_level=side == "mic" and mark == "●")


METER = 12
MARKS = {"●": "bold $success", "◉": "bold $warning", "○": "$quiet"}


class DevicesScreen(Drawer):
    """`d`: which microphone, which loudspeaker, and what is done to the sound."""

    place, heading, keys = "devices", "DEVICES", "Enter chooses · "
    slices = ("devices", "sound", "mic", "meters")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "change(1)", show=False),
        Binding("left", "change(-1)", show=False),
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
    def _sides(self) -> tuple[tuple[str, DeviceSide, tuple[Device, ...]], ...]:
        found = self.talk.devices
        mics, speakers = device_choices("mic", found.mics), device_choices("speaker", found.speakers)
        return ("MICROPHONE", found.mics, mics), ("LOUDSPEAKER", found.speakers, speakers)

    @property
    def _switches(self) -> tuple[Setting, ...]:
        return switches(self.talk.sound, self.talk.mic.echo)

    def on_option_list_option_selected(self) -> None:
        """Use what the cursor is on."""
        for device in (device for _, _, devices in self._sides for device in devices):
            if device.key == self.listed.current:
                self.post_message(UserDid(device.act))
        self.action_change(1)

    def action_change(self, step: int) -> None:
        """Of a switch, the next choice or the one before."""
        for switch in self._switches:
            act = switch.next(step) if switch.key == self.listed.current else None
            if act is not None and not isinstance(act, Look):
                self.post_message(UserDid(act))

    def choices(self) -> list[Choice]:
        palette, found, room, made = palette_of(self.app), self.talk.devices, self.listed.room, list[Choice]()
        for title, side, devices in self._sides:
            made.append(Choice("", styled(palette, (title, "bold $accent"), (f"  {_remark(found, side)}", "$quiet"))))
            made += [Choice(one.key, self._prompt(one)) for one in devices]
            made.append(Choice("", Content("")))
        made.append(Choice("", styled(palette, ("SOUND", "bold $accent"), ("  for this talk", "$quiet"))))
        made += [Choice(one.key, prompt(palette, room, one)) for one in self._switches]
        problem = " · ".join(part for part in (found.problem, found.hint) if part)
        made += [Choice("", Content("")), Choice("", styled(palette, (problem, "$warning")))]
        self.listed.start = next((one.key for one in self._sides[0][2] if one.mark != "○"), "")
        return made

    def _prompt(self, device: Device) -> Content:
        palette, room = palette_of(self.app), self.listed.room
        text = (device.text, "bold" if device.mark != "○" else "")
        row = styled(palette, " ", (f"{device.mark} ", MARKS[device.mark]), text)
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
