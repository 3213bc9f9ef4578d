"""F4: everything about the session, the sound and the looks that can be set while talking. Never over the deck.

Up and down move, left and right change, Enter types a text, `u` undoes, Esc closes. Space is not ours: whoever sets a
slider goes on talking. The screen knows no settings of its own: it shows what the engine says the service returned, and
only what was moved in the last moment is shown before the engine has heard of it.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from voicechat.core.user_events import SettingChosen, SettingUndone, SettingValue
from voicechat.core.view import MicView
from voicechat.engine.link import Meters, SessionShown, SoundFacts
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Painted, Palette, Row, keys_of_app
from voicechat.ui.sanitise import clean
from voicechat.ui.settings_choices import TRANSCRIPTION, Act, Facts, Group, Look, Setting
from voicechat.ui.settings_rows import groups
from voicechat.ui.widgets.composer import BREAK, LONGEST, MessageField
from voicechat.ui.widgets.settings_lines import Line, Lines, Now

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
        """The rows as they are now."""
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
        """Where the cursor is."""
        settings = self.settings
        return next((setting for setting in settings if setting.key == self.cursor), settings[0])

    def watch_shown(self, shown: SessionShown) -> None:
        """The engine has heard of what was moved."""
        answered = {*shown.pending, *(path for path, _ in shown.refused)}
        self._moved = {path: moved for path, moved in self._moved.items() if path not in answered}

    # the keyboard and the mouse
    def action_move(self, by: int) -> None:
        """Up or down; the ends hold."""
        keys = [setting.key for setting in self.settings]
        at = keys.index(self.current.key) + by
        self.cursor = keys[min(len(keys) - 1, max(0, at))]

    def action_change(self, step: int) -> None:
        """The neighbour of the present value."""
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
        """Back to what it was before the last change."""
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
        """While the slider is held."""
        if self._dragged:
            lines = (one for one in self._lines_shown if one.setting and one.setting.key == self._dragged)
            if (line := next(lines, None)) is not None:
                self._drag(line, event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """And let go."""
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
        """The title, then as much as there is room for around the cursor."""
        if self.parent is None or not self.parent.display:  # hidden, it has nothing to do 20 times a second
            return []
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
        """The rows and the field."""
        cls = SettingsPane
        yield SettingsList().data_bind(cls.shown, cls.sound, cls.mic, cls.meters, cls.is_line_up, cls.calm)
        yield MessageField(id="setting-field", max_length=LONGEST, select_on_focus=False)

    class Editing(Message):
        """A text field opened or closed."""

    def open(self) -> None:
        """Where it was left the last time."""
        self.display = True
        self.listed.refresh(layout=True)
        self.listed.focus()

    @property
    def listed(self) -> SettingsList:
        """The rows."""
        return self.query_one(SettingsList)

    @property
    def is_editing(self) -> bool:
        """A text is being typed."""
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
        """What was typed is the setting now."""
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
