"""What several panes are made of: the title row, and rows to choose from on Textual's list of options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.css.styles import RulesMap
from textual.reactive import reactive
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from voicechat.ui.paint import Painted, Palette, Row, palette_of

CURSOR = "▸ "


class PaneTitle(Painted):
    """One row: name, counts, and what the pane does."""

    left: reactive[tuple[str, str]] = reactive(("", ""))
    right: reactive[str] = reactive("")
    focused_pane: reactive[bool] = reactive(False)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        row = Row(palette, width, "panel").own("▎" if self.focused_pane else " ", "accent")
        row.spoken(f"{self.left[0]} ", bold=True).spoken(palette.glyphs(self.left[1]), "quiet")
        keys = self.right.split(" · ") if self.right else []
        while len(keys) > 1 and row.cells + len(" · ".join(keys)) + 2 > width:
            keys.pop()  # the title is never cut for a key
        right = row.part().own(f" {' · '.join(keys)} " if keys else "", "quiet")
        return [row.cut_to(width - right.cells).end_with(right)]


class Choice(NamedTuple):
    """One option of a list and its rows. Without a key it is a title, which the cursor passes over.

    Two options may have one key: devices of one name are one wish.
    """

    key: str
    rows: Sequence[Row]


class _Rows(Visual):
    """Painted rows on the ground of their option."""

    def __init__(self, strips: list[Strip]) -> None:
        self._strips = strips

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        ground = RichStyle(bgcolor=style.rich_style.bgcolor)
        return [
            Strip([Segment(text, (look or RichStyle()) + ground) for text, look, _ in strip]).adjust_cell_length(width)
            for strip in self._strips
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return len(self._strips)


class PickList(OptionList):
    """The cursor stays with the key of its option, whatever comes and goes around it."""

    def __init__(self, choices: Callable[[PickList], Sequence[Choice]], *, id: str | None = None) -> None:
        """`choices` makes the options for the present width and theme; it is asked at every `refill`."""
        super().__init__(id=id)
        self._choices = choices
        self._shown: list[tuple[str, list[Strip]]] = []
        self._is_asked = False
        self._placed = ""
        """Key of the option where the cursor was put here; the user has moved it if it is elsewhere."""
        self.start = ""
        """Key of the option where the cursor is at first; the first one where there is none."""

    @property
    def room(self) -> int:
        """Columns of a row."""
        return max(1, self.scrollable_content_region.width - len(CURSOR))

    def row(self) -> Row:
        return Row(palette_of(self.app), self.room, "surface")

    @property
    def current(self) -> str:
        """Key of the option with the cursor."""
        return "" if self.highlighted is None else self._shown[self.highlighted][0]

    def move_to(self, key: str) -> None:
        keys = [known for known, _ in self._shown]
        if key and key in keys:
            self.highlighted = keys.index(key)

    def refill(self) -> None:
        """Ask for the options, once for all that changes together."""
        self._is_asked = self._is_asked or self.call_later(self._refill)

    def _refill(self) -> None:
        self._is_asked = False
        made = [(key, [row.strip() for row in rows]) for key, rows in self._choices(self)]
        before, current = self._shown, self.current
        self._shown = made
        if [key for key, _ in before] == [key for key, _ in made]:
            for place, (old, new) in enumerate(zip(before, made, strict=True)):
                if old != new:
                    self.replace_option_prompt_at_index(place, _Rows(new[1]))
            return
        self.set_options(Option(_Rows(strips), disabled=not key) for key, strips in made)
        self.action_first()
        self.move_to(self.start)
        if current == self._placed:
            self._placed = self.current
        else:
            self.move_to(current)

    def on_resize(self) -> None:
        self.refill()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refill()

    # the sign of the cursor, for eyes without colours
    def _get_left_gutter_width(self) -> int:
        return len(CURSOR)

    def render_line(self, y: int) -> Strip:
        line, palette = super().render_line(y), palette_of(self.app)
        place = y + self.scroll_offset.y
        option, row = self._lines[place] if place < len(self._lines) else (None, 0)
        is_here = option is not None and option == self.highlighted
        ground = "cursor-line" if is_here else "surface"
        sign = palette.glyphs(CURSOR) if is_here and row == 0 else " " * len(CURSOR)
        return Strip([Segment(sign, palette.style("accent", ground, bold=True)), *line])
