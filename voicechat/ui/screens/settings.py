"""F4: everything about the session, the sound and the looks that can be set while talking. Never over the deck.

The screen knows no settings of its own: it shows what the engine says the service returned, and only what was moved in
the last moment is shown before the engine has heard of it.

silence     ━━●╌╌╌╌╌╌╌╌╌╌╌╌ 200 ms  was 500 ms
            ◌ sent, waiting for the server · u undoes
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.style import Style
from textual.widgets import Input

from voicechat.core.user_events import SettingChosen, SettingUndone, SettingValue
from voicechat.engine.link import Meters, SessionShown
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Palette, cut, decibels, hanging, keys_of_app, palette_of, styled
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.overlays import Drawer
from voicechat.ui.settings_rows import TRANSCRIPTION, Act, Facts, Look, Setting, groups
from voicechat.ui.widgets.composer import BREAK, LONGEST, MessageField
from voicechat.ui.widgets.deck import cells_of
from voicechat.ui.widgets.pane import Choice, PaneTitle, PickList

LABEL = 13
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
UNHEARD = 1.0
"""Seconds a value moved here is shown although the engine has not said a word about it."""


def prompt(palette: Palette, room: int, setting: Setting) -> Content:
    """The row of a setting. What the mouse can choose in it has the number of its option as `choose`."""
    if setting.why:
        value = Content.styled(clean(setting.why, one_line=True), "$quiet")
    elif setting.slides:
        value = _slider(palette, slide_of(room), setting)
    else:
        value = (_words if setting.options else _text)(palette, room - LABEL, setting)
    return cut(palette, styled(palette, (setting.label.ljust(LABEL), "$quiet"), value), room)


def slide_of(room: int) -> int:
    """Columns of a slider."""
    return max(8, room - LABEL - VALUE - WAS - 1)


def _slider(palette: Palette, width: int, setting: Setting) -> Content:
    """`━━━●╌╌╌ 200 ms  was 500 ms`."""
    last = max(1, len(setting.options) - 1)
    at = round(setting.chosen / last * (width - 1))
    cells = styled(palette, ("━" * at, "$assistant"), ("●", "bold $assistant"), ("╌" * (width - 1 - at), "$rule"))
    for column in range(width):
        cells = cells.stylize(_choose(round(column / (width - 1) * last)), column, column + 1)
    return styled(palette, cells, " ", (setting.text.ljust(VALUE - 1), "bold"), _was(palette, setting))


def _choose(at: int) -> Style:
    return Style.from_meta({"choose": at})


def _was(palette: Palette, setting: Setting) -> Content:
    return Content.styled(f"was {clean(setting.was, one_line=True)}" if setting.was else "", "$warning")


def _words(palette: Palette, room: int, setting: Setting) -> Content:
    """`● server  ○ semantic  ○ off`; where they do not fit only what holds: `● marin  Enter: all 10  was cedar`."""
    was = _was(palette, setting)
    tail = styled(palette, was, ("  " if was and setting.note else "", ""), (setting.note, "$quiet"))
    options = [option_of(palette, setting, at) for at in range(len(setting.options))]
    if is_listed(setting, room):
        return styled(palette, options[max(0, setting.chosen)], (f"Enter: all {len(options)}  ", "$quiet"), tail)
    told = styled(palette, *options, tail)
    return told if told.cell_length <= room else styled(palette, *options)


def is_listed(setting: Setting, room: int) -> bool:
    """Whether Enter lists the options: one may be typed, or they do not fit side by side."""
    return setting.edits is not None or sum(len(text) + 4 for text, _ in setting.options) - 2 > room


def option_of(palette: Palette, setting: Setting, at: int) -> Content:
    text = clean(setting.options[at][0], one_line=True)
    if at == setting.chosen:
        option = styled(palette, ("● ", "bold $success"), Content.styled(text, "bold"))
    else:
        option = styled(palette, ("○ ", "$quiet"), Content.styled(text, "$quiet"))
    return option.stylize(_choose(at)) + "  "


def _text(palette: Palette, room: int, setting: Setting) -> Content:
    tail = styled(palette, _was(palette, setting), "  " if setting.was else "")
    tail += styled(palette, ("Enter edits " if setting.edits is not None else "Enter chooses ", "$quiet"))
    space = max(0, room - tail.cell_length - 2)
    text = Content.styled(clean(setting.text, one_line=True), "bold" if setting.door is not None else "")
    shown = cut(palette, text if setting.text else styled(palette, (setting.note, "$quiet")), space)
    return shown.pad_right(max(0, room - tail.cell_length - shown.cell_length)) + tail


def level(palette: Palette, room: int, meters: Meters, label: str) -> Content:
    """What you are heard at now, and from which level on the server reacted so far."""
    slide = slide_of(room)
    filled = cells_of(meters.input, slide)
    mark = slide if meters.threshold is None else min(slide - 1, cells_of(meters.threshold, slide))
    cells = [
        ("━", "$level-low" if at < mark else "$level-mid") if at < filled else ("╌", "$rule") for at in range(slide)
    ]
    cells[mark : mark + 1] = [("│", "bold $threshold")] * (mark < slide)
    row = styled(palette, (label.ljust(LABEL), "$quiet"), *cells, " ", (decibels(meters.input), "bold"))
    if mark == slide:
        return cut(palette, row, room)
    least = decibels(meters.threshold)
    reacts = " reacts to every sound" if least == "silent" else f" reacts from ≈ {least}"
    below = ((f"{'╵':>{LABEL + mark + 1}}", "$threshold"), (reacts, "$quiet"))
    return Content("\n").join((cut(palette, row, room), cut(palette, styled(palette, *below), room)))


def standing(palette: Palette, room: int, setting: Setting, *, is_touched: bool) -> Content:
    """What became of a choice; empty where nothing did."""
    glyph, color, said = STANDINGS.get(setting.standing, ("", "", ""))
    if not glyph:
        if not is_touched or not setting.was:
            return Content("")
        glyph, color, said = "●", "success", "in effect · u undoes"
    is_refused = setting.standing == "refused"
    if is_refused and setting.reason.startswith(UNANSWERED):
        glyph, color, said = "▲", "warning", "not confirmed: "
    shade = f"${color}" if is_refused else "$quiet"
    first = styled(palette, " " * LABEL, (f"{glyph} ", f"bold ${color}"))
    reason = Content.styled(clean(setting.reason, one_line=True), shade)
    return hanging(first, styled(palette, (said, shade), reason), room)


class SettingsList(PickList):
    """The mouse chooses the word it is on, and drags sliders."""

    _is_pressed = False

    async def _on_click(self, event: events.Click) -> None:
        if "choose" in event.style.meta:
            event.prevent_default()  # the press has done it

    def on_mouse_down(self, event: events.MouseDown) -> None:
        place = event.style.meta.get("option")
        if place is not None and not self.get_option_at_index(place).disabled and "choose" in event.style.meta:
            self.highlighted, self._is_pressed = place, True
            self.capture_mouse()
            self._choose(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._is_pressed:
            self._choose(event)

    def on_mouse_up(self) -> None:
        if self._is_pressed:
            self._is_pressed = False
            self.release_mouse()

    def _choose(self, event: events.MouseEvent) -> None:
        meta = event.style.meta
        if "choose" in meta and meta.get("option") == self.highlighted:
            assert isinstance(self.screen, SettingsScreen)
            self.screen.choose(meta["choose"])


class ChoiceScreen(Drawer):
    """Every option of one setting; a last one types a name that is not among them, where any is passed on."""

    place, keys, slices = "choices", "Enter chooses · ", ()

    def __init__(self, settings: SettingsScreen, setting: Setting) -> None:
        super().__init__()
        self.settings, self.setting, self.heading = settings, setting, setting.label.upper()

    def choices(self) -> list[Choice]:
        palette, setting = palette_of(self.app), self.setting
        self.listed.start = str(setting.chosen)
        listed = [Choice(str(at), option_of(palette, setting, at)) for at in range(len(setting.options))]
        typed = [Choice("type", styled(palette, ("  type another name", "$quiet")))]
        return [*listed, *(typed if setting.edits is not None else [])]

    def on_option_list_option_selected(self) -> None:
        """Take it, or go on to the text field."""
        chosen = self.listed.current
        self.dismiss()
        if chosen == "type":
            self.settings.edit(self.setting, "")
        else:
            self.settings.do(self.setting, self.setting.options[int(chosen)][1])


class SettingsScreen(Drawer):
    """Left and right change, Enter types a text, `u` undoes. Space stays with the talk."""

    heading = "SETTINGS"
    slices = ("session", "sound", "mic", "meters", "is_line_up", "calm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "change(-1)", show=False),
        Binding("right", "change(1)", show=False),
        Binding("u", "undo", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._moved: dict[str, tuple[SettingValue, float]] = {}
        self._touched = ""
        self._edited: Setting | None = None

    def make_list(self) -> PickList:
        return SettingsList(self.choices)

    def below(self) -> ComposeResult:
        with Vertical(id="setting-box"):
            yield PaneTitle()
            yield MessageField(id="setting-field", max_length=LONGEST, select_on_focus=False)

    @property
    def place(self) -> Literal["setting", "settings"]:  # type: ignore[override]  # it depends on what is being done
        return "settings" if self._edited is None else "setting"

    def on_mount(self) -> None:
        """The talk makes room for it, and the cursor is where it was left."""
        self.talk.add_class("-settings")
        self.listed.start = self.talk.last_setting
        self.watch(self.talk, "session", self._heard, init=False)

    def on_unmount(self) -> None:
        self.talk.remove_class("-settings")

    def _heard(self, shown: SessionShown) -> None:
        """The engine knows what was moved."""
        answered = {*shown.pending, *(path for path, _ in shown.refused)}
        self._moved = {path: moved for path, moved in self._moved.items() if path not in answered}

    # the rows
    @property
    def facts(self) -> Facts:
        now, talk = monotonic(), self.talk
        moved = {path: value for path, (value, at) in self._moved.items() if now - at < UNHEARD}
        known = tuple(name for name in self.app.available_themes if "-" not in name)
        themes = tuple(name for name in ("lamplight", "daylight") if name in known) or known
        facts = Facts(talk.session, talk.mic, talk.sound, talk.is_line_up, is_calm=talk.calm, moved=moved)
        return replace(facts, theme=self.app.theme, themes=themes, keys=keys_of_app(self.app))

    @property
    def current(self) -> Setting:
        """Where the cursor is."""
        settings = [setting for _, group in groups(self.facts) for setting in group]
        return next((setting for setting in settings if setting.key == self.listed.current), settings[0])

    def choices(self) -> list[Choice]:
        palette, room, made = palette_of(self.app), self.listed.room, list[Choice]()
        for title, settings in groups(self.facts):
            made.append(Choice("", styled(palette, (title, "bold $accent"))))
            for setting in settings:
                if setting.key == "level":
                    made.append(Choice("", level(palette, room, self.talk.meters, setting.label)))
                    continue
                below = standing(palette, room, setting, is_touched=setting.key == self._touched)
                row = prompt(palette, room, setting)
                made.append(Choice(setting.key, row + "\n" + below if below else row))
        return made

    # the keyboard
    def action_change(self, step: int) -> None:
        self.do(self.current, self.current.next(step))

    def on_option_list_option_selected(self) -> None:
        """Type a text, go through a door, or take the next word."""
        setting = self.current
        if setting.door is not None:
            self.do(setting, setting.door)
        elif setting.edits is not None and setting.is_open and not setting.options:
            self.edit(setting, setting.edits)
        elif setting.is_open and not setting.slides and is_listed(setting, self.listed.room - LABEL):
            self.app.push_screen(ChoiceScreen(self, setting))
        elif not setting.slides:
            self.action_change(1)

    def choose(self, at: int) -> None:
        """The mouse is on an option of the setting under the cursor."""
        setting = self.current
        if setting.is_open and at != setting.chosen:
            self.do(setting, setting.options[at][1])

    def action_undo(self) -> None:
        self._moved.clear()
        self._touched = self.talk.session.was[-1][0] if self.talk.session.was else ""
        self.post_message(UserDid(SettingUndone()))

    def do(self, setting: Setting, act: Act | None) -> None:
        """What was chosen: shown at once, and told to the engine where it does not concern the screen alone."""
        if act is None:
            return
        self._touched = setting.key
        if isinstance(act, Look):
            self.voicechat.look(act.what, act.value)
        else:
            if isinstance(act, SettingChosen):
                self._moved[act.path] = (act.value, monotonic())
                self.set_timer(UNHEARD, self.listed.refill)
            self.post_message(UserDid(act))
        self.listed.refill()

    # the text field
    def edit(self, setting: Setting, text: str) -> None:
        """The field opens with a text in it, below the name of the setting."""
        self._edited = setting
        box, field = self.query_one("#setting-box"), self.query_one(MessageField)
        box.query_one(PaneTitle).left = (setting.label.upper(), "Enter sets it")
        field.value = clean(text).replace("\n", BREAK)
        box.display = True
        field.cursor_position = len(field.value)
        field.focus()
        self.talk.refresh_place()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """An empty language or prompt means none, an empty name means nothing."""
        event.stop()
        setting, text = self._edited, clean(event.value).replace(BREAK, "\n").strip()
        self._close_field()
        if setting is not None and (text or not setting.key.endswith((".voice", ".model"))):
            empty: SettingValue = None if setting.key.startswith(TRANSCRIPTION) else ""
            self.do(setting, SettingChosen(setting.key, text or empty))

    def _close_field(self) -> None:
        self._edited = None
        self.query_one("#setting-box").display = False
        self.listed.focus()
        self.talk.refresh_place()

    def action_close(self) -> None:
        """First the text that is being typed."""
        self.talk.last_setting = self.listed.current
        if self._edited is not None:
            self._close_field()
        else:
            super().action_close()
