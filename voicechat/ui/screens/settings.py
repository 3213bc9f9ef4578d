"""F4: everything about the session, the sound and the looks that can be set while talking. Never over the deck.

The screen knows no settings of its own: it shows what the engine says the service returned, and only what was moved in
the last moment is shown before the engine has heard of it.

silence     ━━●╌╌╌╌╌╌╌╌╌╌╌╌ 200 ms  was 500 ms
            ◌ sent, waiting for the server · u undoes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input

from voicechat.core.user_events import SettingChosen, SettingUndone, SettingValue
from voicechat.engine.link import Meters, SessionShown
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Row, decibels, keys_of_app
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.overlays import Drawer
from voicechat.ui.settings_rows import TRANSCRIPTION, Act, Facts, Look, Setting, groups
from voicechat.ui.widgets.composer import BREAK, LONGEST, MessageField
from voicechat.ui.widgets.deck import cells_of
from voicechat.ui.widgets.pane import CURSOR, Choice, PickList

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


@dataclass(slots=True)
class Painter:
    """The rows of one setting. `spans`: what the mouse is on, as (first column, column after the last, option)."""

    row: Callable[[], Row]
    spans: list[tuple[int, int, int]]

    @property
    def slide(self) -> int:
        """Columns of a slider."""
        return max(8, self.row().width - LABEL - VALUE - WAS - 1)

    def value(self, setting: Setting) -> Row:
        row = self.row().own(setting.label, "quiet").to(LABEL)
        if setting.why:
            return row.spoken(setting.why, "quiet").cut_to(row.width)
        if setting.slides:
            return self._slider(row, setting)
        return self._words(row, setting) if setting.options else self._text(row, setting)

    def _slider(self, row: Row, setting: Setting) -> Row:
        """`━━━●╌╌╌ 200 ms  was 500 ms`."""
        last = max(1, len(setting.options) - 1)
        at = round(setting.chosen / last * (self.slide - 1))
        row.own("━" * at, "assistant").own("●", "assistant", bold=True).own("╌" * (self.slide - 1 - at), "rule")
        row.own(" ").own(setting.text.ljust(VALUE - 1), bold=True)
        if setting.was:
            row.spoken(f"was {setting.was}", "warning")
        return row.cut_to(row.width)

    def _words(self, row: Row, setting: Setting) -> Row:
        """`● marin  ○ cedar  8 more · fixed once heard`: in order where all fit, else from the chosen one on."""
        tail = row.part()
        if setting.was:
            tail.spoken(f"was {setting.was}", "warning")
        how = "Enter types" if setting.edits is not None and not (tail.cells or setting.note) else ""
        note = setting.note or how
        tail.own("  " if tail.cells and note else "").own(note, "quiet")
        shown = self._fitting(setting, row.width - LABEL - tail.cells - 2)
        for at in shown:
            begin, is_on = row.cells, at == setting.chosen
            row.own("● " if is_on else "○ ", "success" if is_on else "quiet", bold=is_on)
            row.spoken(setting.options[at].text, "foreground" if is_on else "quiet", bold=is_on)
            self.spans.append((begin, row.cells, at))
            row.own("  ")
        if len(shown) < len(setting.options):
            row.own(f"{len(setting.options) - len(shown)} more  ", "quiet")
        return row.join(tail).cut_to(row.width)

    def _fitting(self, setting: Setting, room: int) -> list[int]:
        widths = [self.row().part().spoken(one.text).cells + 4 for one in setting.options]
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

    def _text(self, row: Row, setting: Setting) -> Row:
        tail = row.part()
        if setting.was:
            tail.spoken(f"was {setting.was}  ", "warning")
        tail.own("Enter edits " if setting.edits is not None else "Enter chooses ", "quiet")
        text = row.part()
        if setting.text:
            text.spoken(setting.text, bold=setting.door is not None)
        else:
            text.own(setting.note, "quiet")
        return row.join(text.cut_to(row.width - LABEL - tail.cells - 2)).end_with(tail)

    def level(self, meters: Meters, label: str) -> list[Row]:
        """What you are heard at now, and from which level on the server reacted so far."""
        row, slide = self.row().own(label, "quiet").to(LABEL), self.slide
        filled = cells_of(meters.input, slide)
        mark = -1 if meters.threshold is None else min(slide - 1, cells_of(meters.threshold, slide))
        for at in range(slide):
            if at == mark:
                row.own("│", "threshold", bold=True)
            elif at < filled:
                row.own("━", "level-low" if at < mark else "level-mid")
            else:
                row.own("╌", "rule")
        row.own(" ").own(decibels(meters.input), "foreground", bold=True)
        if mark < 0:
            return [row.cut_to(row.width)]
        below = self.row().to(LABEL + mark).own("╵", "threshold")
        below.own(f" reacts from ≈ {decibels(meters.threshold)}", "quiet")
        return [row.cut_to(row.width), below.cut_to(row.width)]

    def standing(self, setting: Setting, *, is_touched: bool) -> list[Row]:
        """What became of a choice."""
        glyph, color, said = STANDINGS.get(setting.standing, ("", "", ""))
        if not glyph:
            if not is_touched or not setting.was:
                return []
            glyph, color, said = "●", "success", "in effect · u undoes"
        if setting.standing == "refused" and setting.reason.startswith(UNANSWERED):
            glyph, color, said = "▲", "warning", "not confirmed: "
        made = []
        for at, part in enumerate(Content(f"{said}{setting.reason}").wrap(max(10, self.row().width - LABEL - 3))):
            row = self.row().to(LABEL).own(f"{glyph} " if at == 0 else "  ", color, bold=True)
            is_refused = setting.standing == "refused"
            made.append(row.spoken(part.plain, color) if is_refused else row.own(part.plain, "quiet"))
        return made


class SettingsList(PickList):
    """The mouse chooses the word it is on, and drags sliders."""

    _dragged = ""

    @property
    def _screen(self) -> SettingsScreen:
        assert isinstance(self.screen, SettingsScreen)
        return self.screen

    async def _on_click(self, event: events.Click) -> None:
        event.prevent_default()  # the press has done it

    def on_mouse_down(self, event: events.MouseDown) -> None:
        place = event.style.meta.get("option")
        if place is None or self.get_option_at_index(place).disabled:
            return
        self.highlighted = place
        setting, x = self._screen.current, event.x - len(CURSOR)
        if setting.slides and setting.is_open:
            self._dragged = setting.key
            self.capture_mouse()
            self._drag(x)
            return
        at = next((at for begin, end, at in self._screen.spans.get(setting.key, ()) if begin <= x < end), None)
        if at is not None and setting.is_open:
            self._screen.do(setting, setting.options[at].act)
        elif setting.door is not None or setting.edits is not None:
            self.action_select()

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged:
            self._drag(event.x - len(CURSOR))

    def on_mouse_up(self) -> None:
        if self._dragged:
            self._dragged = ""
            self.release_mouse()

    def _drag(self, x: int) -> None:
        setting = self._screen.current
        share = min(1.0, max(0.0, (x - LABEL) / max(1, self._screen.painter().slide - 1)))
        at = round(share * (len(setting.options) - 1))
        if at != setting.chosen:
            self._screen.do(setting, setting.options[at].act)


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
        self.spans: dict[str, list[tuple[int, int, int]]] = {}
        """Where the words of a setting stand in its row."""
        self._moved: dict[str, tuple[SettingValue, float]] = {}
        self._touched = ""
        self._edited: Setting | None = None

    def make_list(self) -> PickList:
        return SettingsList(self.choices)

    def below(self) -> ComposeResult:
        field = MessageField(id="setting-field", max_length=LONGEST, select_on_focus=False)
        field.display = False
        yield field

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
        settings = [setting for group in groups(self.facts) for setting in group.settings]
        return next((setting for setting in settings if setting.key == self.listed.current), settings[0])

    def painter(self) -> Painter:
        return Painter(self.listed.row, [])

    def choices(self, listed: PickList) -> list[Choice]:
        made: list[Choice] = []
        for group in groups(self.facts):
            made.append(Choice("", [listed.row().own(group.title, "accent", bold=True)]))
            for setting in group.settings:
                painter = self.painter()
                if setting.key == "level":
                    made.append(Choice("", painter.level(self.talk.meters, setting.label)))
                    continue
                rows = [painter.value(setting), *painter.standing(setting, is_touched=setting.key == self._touched)]
                made.append(Choice(setting.key, rows))
                self.spans[setting.key] = painter.spans
        return made

    # the keyboard
    def action_change(self, step: int) -> None:
        self.do(self.current, self.current.next(step))

    def on_option_list_option_selected(self) -> None:
        """Type a text, go through a door, or take the next word."""
        setting = self.current
        if setting.door is not None:
            self.do(setting, setting.door)
        elif setting.edits is not None and setting.is_open:
            self._edit(setting, setting.edits)
        elif not setting.slides:
            self.action_change(1)

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
    def _edit(self, setting: Setting, text: str) -> None:
        """The field opens with what stands there now."""
        self._edited = setting
        field = self.query_one(MessageField)
        field.value = clean(text).replace("\n", BREAK)
        field.placeholder = f"{setting.label}: Enter sets, {keys_of_app(self.app).of('back')} leaves it as it is"
        field.display = True
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
        self.query_one(MessageField).display = False
        self.listed.focus()
        self.talk.refresh_place()

    def action_close(self) -> None:
        """First the text that is being typed."""
        self.talk.last_setting = self.listed.current
        if self._edited is not None:
            self._close_field()
        else:
            super().action_close()
