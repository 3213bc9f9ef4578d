"""`d`: which microphone, which loudspeaker, and what is done to the sound. A drawer that leaves the deck alone.

Arrows move, Enter chooses at once, Esc closes. Space is not ours: whoever looks for a microphone goes on talking.

The list behind `d`: what can be chosen about the sound, and what is in use now. Pure: records in, rows out.

A mark tells the truth and not the wish: `●` runs, `◉` was chosen and does not run (yet), `○` could be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from voicechat.core.user_events import DevicesChosen, EchoChosen, EchoMode, GainChosen, NoiseChosen, UserAct
from voicechat.core.view import MicView
from voicechat.engine.link import Devices, DeviceSide, Meters, SoundFacts
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Painted, Palette, Row, decibels, keys_of_app
from voicechat.ui.widgets.deck import cells_of

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
        Block("MICROPHONE", _remark(devices, devices.mics), _device_choices("mic", devices.mics)),
        Block("LOUDSPEAKER", _remark(devices, devices.speakers), _device_choices("speaker", devices.speakers)),
        Block("SOUND", "for this talk", _switches(sound, echo)),
    )


def _remark(devices: Devices, side: DeviceSide) -> str:
    """Who chose the device; before the first list has come, that it is being made."""
    return "looking for devices …" if devices == Devices() else FROM_WORDS[side.wish_from]


def _device_choices(side: Side, listed: DeviceSide) -> tuple[Choice, ...]:
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


METER = 12
LABEL = 8
MARKS = {"●": "success", "◉": "warning", "○": "quiet"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One painted line and the row of the list it belongs to; None for titles and blanks."""

    row: Row
    choice: Choice | None = None


class DevicesPane(Painted, can_focus=True):
    """Takes the list, the switches, the microphone's state and its level; posts what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose(1)", show=False),
        Binding("right", "choose(1)", show=False),
        Binding("left", "choose(-1)", show=False),
    ]

    devices: reactive[Devices] = reactive(Devices())
    sound: reactive[SoundFacts] = reactive(SoundFacts())
    mic: reactive[MicView] = reactive(MicView())
    meters: reactive[Meters] = reactive(Meters())
    cursor: reactive[str] = reactive("")
    """`Choice.key` of the row the cursor stands on; empty: the microphone in use."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: list[Shown] = []

    def on_mount(self) -> None:
        self.focus()

    @property
    def _blocks(self) -> tuple[Block, ...]:
        return blocks(self.devices, self.sound, self.mic.echo)

    @property
    def _choices(self) -> list[Choice]:
        return [choice for block in self._blocks for choice in block.choices]

    @property
    def _current(self) -> Choice:
        """Where the cursor is; a device that went leaves it at the microphone in use."""
        choices = self._choices
        in_use = next((choice for choice in choices if choice.options[0].mark != "○"), choices[0])
        return next((choice for choice in choices if choice.key == self.cursor), in_use)

    # the keyboard and the mouse
    def action_move(self, by: int) -> None:
        choices = self._choices
        at = choices.index(self._current) + by
        self.cursor = choices[min(len(choices) - 1, max(0, at))].key

    def action_choose(self, step: int) -> None:
        """Use what the cursor is on; on a switch, the next (or the one before)."""
        choice = self._current
        if len(choice.options) > 1 or step > 0:
            self._want(choice.next(step))

    def on_click(self, event: events.Click) -> None:
        shown = self._shown[event.y] if event.y < len(self._shown) else None
        if shown is not None and shown.choice is not None:
            self.cursor = shown.choice.key
            self._want(shown.choice.next(1))

    def _want(self, act: UserAct) -> None:
        self.post_message(UserDid(act))

    # painting
    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        title = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent").own(" DEVICES", bold=True)
        head = title.end_with(title.part().own(f"Enter chooses · {keys_of_app(self.app).stop} closes  ", "quiet"))
        lines = [line for block in self._blocks for line in self._block(palette, width, block)]
        lines += self._problem(palette, width)
        current = self._current.key
        at = next((y for y, line in enumerate(lines) if line.choice and line.choice.key == current), 0)
        top = max(0, min(at - height // 2, len(lines) - (height - 1)))
        blank = Shown(Row(palette, width, "surface"))
        self._shown = [Shown(head), *lines[top : top + height - 1]]
        self._shown += [blank] * (height - len(self._shown))
        return [line.row for line in self._shown]

    def _block(self, palette: Palette, width: int, block: Block) -> list[Shown]:
        title = Row(palette, width, "surface").own("  ").own(block.title, "accent", bold=True)
        title.own(f"  {block.remark}", "quiet")
        lines = [Shown(title)]
        for choice in block.choices:
            lines.append(Shown(self._choice(palette, width, choice), choice))
            lines += [Shown(row, choice) for row in self._note(palette, width, choice)]
        return [*lines, Shown(Row(palette, width, "surface"))]

    def _choice(self, palette: Palette, width: int, choice: Choice) -> Row:
        is_here = choice.key == self._current.key
        row = Row(palette, width, "cursor-line" if is_here else "surface")
        row.own(" ▸ " if is_here else "   ", "accent", bold=True)
        if choice.label:
            row.own(choice.label.ljust(LABEL), "quiet")
        for option in choice.options:
            self._option(row, option, of_several=len(choice.options) > 1)
        if not choice.has_level:
            return row.cut_to(width)
        level = self._level(row)
        return row.cut_to(width - level.cells - 1).end_with(level)

    def _option(self, row: Row, option: Option, *, of_several: bool) -> None:
        is_on = option.mark != "○"
        row.own(f"{option.mark} ", MARKS[option.mark], bold=is_on)
        row.spoken(option.text, "foreground" if is_on or not of_several else "quiet", bold=is_on)
        row.own("  " if of_several else "")

    def _level(self, row: Row) -> Row:
        """`━━━━╌╌ −47 dB`: whether it hears you."""
        filled = cells_of(self.meters.input, METER)
        part = row.part().own("━" * filled, "level-mid").own("╌" * (METER - filled), "rule")
        return part.own(decibels(self.meters.input).rjust(8), "quiet").own(" ")

    def _note(self, palette: Palette, width: int, choice: Choice) -> list[Row]:
        indent = " " * 7
        wrapped = Content(choice.note).wrap(max(10, width - len(indent) - 1)) if choice.note else []
        return [Row(palette, width, "surface").own(indent).spoken(line.plain, "warning") for line in wrapped]

    def _problem(self, palette: Palette, width: int) -> list[Shown]:
        if not self.devices.problem:
            return []
        text = " · ".join(part for part in (self.devices.problem, self.devices.hint) if part)
        wrapped = Content(text).wrap(max(10, width - 5))
        rows = (Row(palette, width, "surface").own("  ").spoken(line.plain, "warning") for line in wrapped)
        return [Shown(row) for row in rows]
