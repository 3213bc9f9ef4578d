"""How the rows of the settings drawer are painted: words, sliders, texts, the live meter, and what became of a choice.

silence     ━━●╌╌╌╌╌╌╌╌╌╌╌╌ 200 ms  was 500 ms
            ◌ sent, waiting for the server · u undoes
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from voicechat.engine.link import Meters
from voicechat.ui.paint import Palette, Row, decibels
from voicechat.ui.settings_choices import Group, Setting
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
        """Which option the mouse is on."""
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
        """All lines, top to bottom."""
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
        """Which options there is room for."""
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
        """The beginning of a text, and how it is changed."""
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
        """What became of the choice, under its row."""
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
