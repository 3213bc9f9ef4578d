"""A scrolled pane of painted lines: only those in sight are made, and a line that is there already is handed out again.

The compositor asks for every line of a widget in every frame. Textual's way through its styles (borders, padding,
opacity) costs a tenth of a millisecond a line; a pane that has none of them hands out its lines as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from voicechat.ui.paint import Palette, palette_of

KEPT_LINES = 150
"""Painted lines kept for the next frame, or twice what is in sight; one takes 2 KB with Textual's caches in it."""


class LineView(ScrollView, can_focus=True):
    """Subclasses say what a line is made of (`line_key`) and make it (`make_line`)."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._kept: dict[Hashable, Strip] = {}
        self._kept_for: tuple[Palette, int, Sequence[LineFilter]] | None = None

    def line_key(self, place: int) -> Hashable:
        """Everything that line `place` depends on, apart from the theme and the width."""
        raise NotImplementedError

    def make_line(self, place: int, palette: Palette, width: int) -> Strip:
        """Line `place` (from 0 at the top of everything)."""
        raise NotImplementedError

    def before_frame(self) -> None:
        """Look up once what all lines of a frame need."""

    def count_lines(self, lines: int) -> None:
        """There are so many lines now.

        Textual lays out the whole screen when a virtual size changes, which a list that grows does ten times a second;
        nothing but the scrollbar is concerned.
        """
        size = Size(0, lines)  # never wider than the pane
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)

    def forget_lines(self) -> None:
        """All lines have changed."""
        self._kept.clear()

    def render_line(self, y: int) -> Strip:
        """One line in sight."""
        return self._lines_at(y, y + 1)[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines that the compositor wants."""
        lines = self._lines_at(crop.y, crop.bottom)
        width = lines[0].cell_length if lines else 0
        if crop.x == 0 and crop.width == width:
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def _lines_at(self, start: int, end: int) -> list[Strip]:
        """Lines in sight, filters of the app (monochrome and the like) included."""
        made_for = (palette_of(self.app), self.scrollable_content_region.width, self.get_line_filters())
        if self._kept_for != made_for:
            self._kept.clear()
            self._kept_for = made_for
        palette, width, filters = made_for
        top, kept = self.scroll_offset.y, self._kept
        self.before_frame()
        lines: list[Strip] = []
        for place in range(top + start, top + end):
            key = self.line_key(place)
            strip = kept.get(key)
            if strip is None:
                strip = self.make_line(place, palette, width)
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, self.background_colors[1])
                if len(kept) >= max(KEPT_LINES, 2 * self.size.height):
                    kept.clear()
                kept[key] = strip
            lines.append(strip)
        return lines
