"""F4: everything about the session, the sound and the looks that can be set while talking. Never over the deck.

Up and down move, left and right change, Enter types a text, `u` undoes, Esc closes. Space is not ours: whoever sets a
slider goes on talking. The screen knows no settings of its own: it shows what the engine says the service returned, and
only what was moved in the last moment is shown before the engine has heard of it.

How the rows of the settings drawer are painted: words, sliders, texts, the live meter, and what became of a choice.

silence     ━━●╌╌╌╌╌╌╌╌╌╌╌╌ 200 ms  was 500 ms
            ◌ sent, waiting for the server · u undoes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from voicechat.core.user_events import SettingChosen, SettingUndone, SettingValue
from voicechat.core.view import MicView
from voicechat.engine.link import Meters, SessionShown, SoundFacts
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Painted, Palette, Row, decibels, keys_of_app
from voicechat.ui.sanitise import clean
from voicechat.ui.settings_rows import TRANSCRIPTION, Act, Facts, Group, Look, Setting, groups
from voicechat.ui.widgets.composer import BREAK, LONGEST, MessageField
from voicechat.ui.widgets.deck import cells_of

LABEL = 15
"""Column where values begin."""
VALUE = 9
"""Columns of a slider's value; longer ones push what follows."""
WAS = 13
STANDINGS = {
    "waiting": ("◌", "warning", "sent, waiting for the server · u undoes"),
    "refused": ("✕", "error", "refused: "),
    "kept": ("◉", "warning", ""),
    "other": ("▲", "warning", ""),
    "suggested": ("◆", "accent", ""),
}
UNANSWERED = "the service did not"


@dataclass(frozen=True, slots=True)
class Line:
    """One painted row, the setting it belongs to, and where its parts are."""

    row: Row
    setting: Setting | None = None
    spans: tuple[tuple[int, int, int], ...] = ()
    """(first column, column after the last, which option)."""
    slide: tuple[int, int] | None = None
    """Where the slider begins, and its columns."""

    def option_at(self, x: int) -> int | None:
        return next((at for begin, end, at in self.spans if begin <= x < end), None)


@dataclass(frozen=True, slots=True)
class Now:
    """What the rows look like beyond their values."""

    cursor: str
    touched: str
    meters: Meters


class Lines:
    """Paints groups at one width."""

    def __init__(self, palette: Palette, width: int, now: Now) -> None:
        self._palette = palette
        self._width = width
        self._now = now
        self._slide = max(8, width - LABEL - VALUE - WAS - 1)

    def of(self, groups: tuple[Group, ...]) -> list[Line]:
        lines: list[Line] = []
        for group in groups:
            title = Row(self._palette, self._width, "surface").own("  ").own(group.title, "accent", bold=True)
            lines.append(Line(title))
            for setting in group.settings:
                lines += self._level(setting) if setting.key == "level" else [self._setting(setting)]
                lines += self._standing(setting)
        return lines

    def _start(self, setting: Setting) -> Row:
        is_here = setting.key == self._now.cursor
        row = Row(self._palette, self._width, "cursor-line" if is_here else "surface")
        row.own("▸ " if is_here else "  ", "accent", bold=True)
        return row.own(setting.label, "foreground" if is_here else "quiet").to(LABEL)

    def _setting(self, setting: Setting) -> Line:
        row = self._start(setting)
        if setting.why:
            return Line(row.spoken(setting.why, "quiet").cut_to(self._width), setting)
        if setting.slides:
            return self._slider(row, setting)
        if setting.options:
            return self._words(row, setting)
        return self._text(row, setting)

    def _slider(self, row: Row, setting: Setting) -> Line:
        """`━━━●╌╌╌ 200 ms  was 500 ms`."""
        last = max(1, len(setting.options) - 1)
        at = round(setting.chosen / last * (self._slide - 1))
        row.own("━" * at, "assistant").own("●", "assistant", bold=True).own("╌" * (self._slide - 1 - at), "rule")
        row.own(" ").own(setting.text.ljust(VALUE - 1), bold=True)
        if setting.was:
            row.spoken(f"was {setting.was}", "warning")
        return Line(row.cut_to(self._width), setting, slide=(LABEL, self._slide))

    def _words(self, row: Row, setting: Setting) -> Line:
        """`● marin  ○ cedar  8 more · fixed once heard`: in order where all fit, else from the chosen one on."""
        tail = row.part()
        if setting.was:
            tail.spoken(f"was {setting.was}", "warning")
        how = "Enter types" if setting.edits is not None and not (tail.cells or setting.note) else ""
        note = setting.note or how
        tail.own("  " if tail.cells and note else "").own(note, "quiet")
        room = self._width - LABEL - tail.cells - 2
        shown = self._fitting(setting, room)
        spans: list[tuple[int, int, int]] = []
        for at in shown:
            begin, is_on = row.cells, at == setting.chosen
            row.own("● " if is_on else "○ ", "success" if is_on else "quiet", bold=is_on)
            row.spoken(setting.options[at].text, "foreground" if is_on else "quiet", bold=is_on)
            spans.append((begin, row.cells, at))
            row.own("  ")
        if len(shown) < len(setting.options):
            row.own(f"{len(setting.options) - len(shown)} more  ", "quiet")
        return Line(row.join(tail).cut_to(self._width), setting, tuple(spans))

    def _fitting(self, setting: Setting, room: int) -> list[int]:
        widths = [Row(self._palette, 10_000).spoken(one.text).cells + 4 for one in setting.options]
        everything = list(range(len(widths)))
        if sum(widths) <= room:
            return everything
        start = max(0, setting.chosen)
        room -= len("99 more  ")
        shown: list[int] = []
        for at in everything[start:] + everything[:start]:
            if shown and sum(widths[one] for one in shown) + widths[at] > room:
                break
            shown.append(at)
        return shown

    def _text(self, row: Row, setting: Setting) -> Line:
        how = "Enter edits" if setting.edits is not None else "Enter chooses"
        tail = row.part()
        if setting.was:
            tail.spoken(f"was {setting.was}  ", "warning")
        tail.own(f"{how} ", "quiet")
        room = self._width - LABEL - tail.cells - 2
        text = row.part()
        if setting.text:
            text.spoken(setting.text, bold=setting.door is not None)
        else:
            text.own(setting.note, "quiet")
        return Line(row.join(text.cut_to(room)).end_with(tail), setting)

    def _level(self, setting: Setting) -> list[Line]:
        """What you are heard at now, and from which level on the server reacted so far."""
        level, threshold = self._now.meters.input, self._now.meters.threshold
        filled = cells_of(level, self._slide)
        mark = -1 if threshold is None else min(self._slide - 1, cells_of(threshold, self._slide))
        row = self._start(setting)
        for at in range(self._slide):
            if at == mark:
                row.own("│", "threshold", bold=True)
            elif at < filled:
                row.own("━", "level-low" if at < mark else "level-mid")
            else:
                row.own("╌", "rule")
        row.own(" ").own(decibels(level), "foreground", bold=True)
        lines = [Line(row.cut_to(self._width), setting)]
        if mark >= 0:
            below = Row(self._palette, self._width, "surface").to(LABEL + mark).own("╵", "threshold")
            words = f" reacts from ≈ {decibels(threshold)}"
            lines.append(Line(below.own(words, "quiet").cut_to(self._width), setting))
        return lines

    def _standing(self, setting: Setting) -> list[Line]:
        glyph, color, said = STANDINGS.get(setting.standing, ("", "", ""))
        if not glyph:
            if setting.key != self._now.touched or not setting.was:
                return []
            glyph, color, said = "●", "success", "in effect · u undoes"
        if setting.standing == "refused" and setting.reason.startswith(UNANSWERED):
            glyph, color, said = "▲", "warning", "not confirmed: "
        wrapped = Content(f"{said}{setting.reason}").wrap(max(10, self._width - LABEL - 3))
        lines = []
        for at, part in enumerate(wrapped):
            row = Row(self._palette, self._width, "surface").to(LABEL)
            row.own(f"{glyph} " if at == 0 else "  ", color, bold=True)
            row = row.spoken(part.plain, color) if setting.standing == "refused" else row.own(part.plain, "quiet")
            lines.append(Line(row, setting))
        return lines


UNHEARD = 1.0
"""Seconds a value moved here is shown although the engine has not said a word about it."""


class LookChosen(Message):
    """Something about the screen alone: a theme, motion, or the drawer of devices."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look


class EditWanted(Message):
    """A text is to be typed."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting


class SettingsList(Painted, can_focus=True):
    """The rows. Takes what the engine says, posts what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("left", "change(-1)", show=False),
        Binding("right", "change(1)", show=False),
        Binding("enter", "enter", show=False),
        Binding("u", "undo", show=False),
    ]

    shown: reactive[SessionShown] = reactive(SessionShown())
    sound: reactive[SoundFacts] = reactive(SoundFacts())
    mic: reactive[MicView] = reactive(MicView())
    meters: reactive[Meters] = reactive(Meters())
    is_line_up: reactive[bool] = reactive(False)
    calm: reactive[bool] = reactive(False)
    cursor: reactive[str] = reactive("")
    """Key of the row the cursor is on; empty: the first."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._moved: dict[str, tuple[SettingValue, float]] = {}
        self._touched = ""
        self._lines_shown: list[Line] = []
        self._dragged = ""

    @property
    def groups(self) -> tuple[Group, ...]:
        now = monotonic()
        moved = {path: value for path, (value, at) in self._moved.items() if now - at < UNHEARD}
        facts = Facts(self.shown, self.mic, self.sound, self.is_line_up, is_calm=self.calm, moved=moved)
        themes = tuple(name for name in self.app.available_themes if "-" not in name)
        ours = [name for name in ("lamplight", "daylight") if name in themes]
        return groups(replace(facts, theme=self.app.theme, themes=tuple(ours) or themes, keys=keys_of_app(self.app)))

    @property
    def settings(self) -> list[Setting]:
        """Every row that the cursor can stand on."""
        return [setting for group in self.groups for setting in group.settings if setting.key != "level"]

    @property
    def current(self) -> Setting:
        settings = self.settings
        return next((setting for setting in settings if setting.key == self.cursor), settings[0])

    def watch_shown(self, shown: SessionShown) -> None:
        """The engine has heard of what was moved."""
        answered = {*shown.pending, *(path for path, _ in shown.refused)}
        self._moved = {path: moved for path, moved in self._moved.items() if path not in answered}

    # the keyboard and the mouse
    def action_move(self, by: int) -> None:
        keys = [setting.key for setting in self.settings]
        at = keys.index(self.current.key) + by
        self.cursor = keys[min(len(keys) - 1, max(0, at))]

    def action_change(self, step: int) -> None:
        self._do(self.current, self.current.next(step))

    def action_enter(self) -> None:
        """Type a text, go through a door, or take the next word."""
        setting = self.current
        if setting.door is not None:
            self._do(setting, setting.door)
        elif setting.edits is not None and setting.is_open:
            self.post_message(EditWanted(setting))
        elif not setting.slides:
            self.action_change(1)

    def action_undo(self) -> None:
        self._moved.clear()
        self._touched = self.shown.was[-1][0] if self.shown.was else ""
        self.post_message(UserDid(SettingUndone()))

    def typed(self, setting: Setting, text: str) -> None:
        """What was entered; an empty language or prompt means none, an empty name means nothing."""
        is_name = setting.key.endswith((".voice", ".model"))
        if text or not is_name:
            empty: SettingValue = None if setting.key.startswith(TRANSCRIPTION) else ""
            self._do(setting, SettingChosen(setting.key, text or empty))

    def _do(self, setting: Setting, act: Act | None) -> None:
        if act is None:
            return
        self._touched = setting.key
        if isinstance(act, Look):
            self.post_message(LookChosen(act))
        else:
            if isinstance(act, SettingChosen):
                self._moved[act.path] = (act.value, monotonic())
                self.set_timer(UNHEARD, self.refresh)
            self.post_message(UserDid(act))
        self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A click chooses; on a slider it takes hold of it."""
        line = self._lines_shown[event.y] if event.y < len(self._lines_shown) else None
        if line is None or line.setting is None or line.setting.key == "level":
            return
        self.cursor = line.setting.key
        if line.slide is not None and line.setting.is_open:
            self._dragged = line.setting.key
            self.capture_mouse()
            self._drag(line, event.x)
        elif (at := line.option_at(event.x)) is not None and line.setting.is_open:
            self._do(line.setting, line.setting.options[at].act)
        elif line.setting.door is not None or line.setting.edits is not None:
            self.action_enter()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged:
            lines = (one for one in self._lines_shown if one.setting and one.setting.key == self._dragged)
            if (line := next(lines, None)) is not None:
                self._drag(line, event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragged:
            self._dragged = ""
            self.release_mouse()

    def _drag(self, line: Line, x: int) -> None:
        setting, slide = self.current, line.slide
        if slide is None or not setting.options:
            return
        share = min(1.0, max(0.0, (x - slide[0]) / max(1, slide[1] - 1)))
        at = round(share * (len(setting.options) - 1))
        if at != setting.chosen:
            self._do(setting, setting.options[at].act)

    # painting
    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        current = self.current.key
        now = Now(current, self._touched, self.meters)
        lines = Lines(palette, width, now).of(self.groups)
        at = next((y for y, line in enumerate(lines) if line.setting and line.setting.key == current), 0)
        top = max(0, min(at - height // 2, len(lines) - (height - 1)))
        title = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent").own("SETTINGS", bold=True)
        more = "↓ more · " if top + height - 1 < len(lines) else ""
        head = title.end_with(title.part().own(f"{more}{keys_of_app(self.app).stop} closes ", "quiet"))
        blank = Line(Row(palette, width, "surface"))
        self._lines_shown = [Line(head), *lines[top : top + height - 1]]
        self._lines_shown += [blank] * (height - len(self._lines_shown))
        return [line.row for line in self._lines_shown]


class SettingsPane(Vertical):
    """The list, and below it one line to type a text in while one is typed."""

    shown: reactive[SessionShown] = reactive(SessionShown())
    sound: reactive[SoundFacts] = reactive(SoundFacts())
    mic: reactive[MicView] = reactive(MicView())
    meters: reactive[Meters] = reactive(Meters())
    is_line_up: reactive[bool] = reactive(False)
    calm: reactive[bool] = reactive(False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._edited: Setting | None = None

    def compose(self) -> ComposeResult:
        cls = SettingsPane
        yield SettingsList().data_bind(cls.shown, cls.sound, cls.mic, cls.meters, cls.is_line_up, cls.calm)
        yield MessageField(id="setting-field", max_length=LONGEST, select_on_focus=False)

    class Editing(Message):
        """A text field opened or closed."""

    def on_mount(self) -> None:
        self.query_one(MessageField).display = False
        self.listed.focus()

    @property
    def listed(self) -> SettingsList:
        return self.query_one(SettingsList)

    @property
    def is_editing(self) -> bool:
        return self._edited is not None

    def on_edit_wanted(self, message: EditWanted) -> None:
        """The field opens with what stands there now."""
        self._edited = message.setting
        field = self.query_one(MessageField)
        field.value = clean(message.setting.edits or "").replace("\n", BREAK)
        field.placeholder = f"{message.setting.label}: Enter sets, {keys_of_app(self.app).stop} leaves it as it is"
        field.display = True
        field.cursor_position = len(field.value)
        field.focus()
        self.post_message(self.Editing())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        setting, text = self._edited, clean(event.value).replace(BREAK, "\n").strip()
        self.close_field()
        if setting is not None:
            # In the list's own time: Textual does not pass on to a parent what was posted while the parent was at work.
            self.listed.call_later(self.listed.typed, setting, text)

    def close_field(self) -> bool:
        """False: nothing was being typed."""
        was, self._edited = self._edited is not None, None
        self.query_one(MessageField).display = False
        if was:
            self.listed.focus()
            self.post_message(self.Editing())
        return was
