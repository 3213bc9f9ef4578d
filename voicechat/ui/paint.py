"""Painting lines by hand: a palette of theme colours, a row that never overflows, widgets and containers of them.

The header, the deck and the ribbon are painted as strips because they repaint many times a second and must keep every
column where it was; Textual's line API (`render_line`) is the cheapest way (0.3 ms a frame for the deck).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import zip_longest
from typing import ClassVar, Literal, Self, get_args

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.color import Color, ColorParseError
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from voicechat.ui.sanitise import clean
from voicechat.ui.wording import Keys

KEPT_LINES = 150
"""Painted lines kept for the next frame, or twice what is in sight; one takes 2 KB with Textual's caches in it."""


class LineView(ScrollView, can_focus=True):
    """A scrolled pane of painted lines: only those in sight are made, and a line that is there already is reused.

    Subclasses say what a line is made of (`line_key`) and make it (`make_line`).

    The compositor asks for every line of a widget in every frame. Textual's way through its styles (borders, padding,
    opacity) costs a tenth of a millisecond a line; a pane that has none of them hands out its lines as they are.
    """

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
        self._kept.clear()

    def render_line(self, y: int) -> Strip:
        return self._lines_at(y, y + 1)[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        lines = self._lines_at(crop.y, crop.bottom)
        width = lines[0].cell_length if lines else 0
        if crop.x == 0 and crop.width == width:
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def _lines_at(self, start: int, end: int) -> list[Strip]:
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


SizeClass = Literal["tiny", "compact", "normal", "wide"]
SIZE_CLASSES: tuple[SizeClass, ...] = get_args(SizeClass)


def size_class(width: int, height: int) -> SizeClass:
    """Below 60x16 only the deck and the last turn fit; a glance column needs 150x40."""
    if width < 60 or height < 16:
        return "tiny"
    if width < 100 or height < 30:
        return "compact"
    return "wide" if width >= 150 and height >= 40 else "normal"


LEVELS = " ▁▂▃▄▅▆▇█"
ASCII_LEVELS = " .:-=+*#@"
_TO_ASCII = str.maketrans(
    {
        "●": "*", "○": "o", "◉": "@", "◐": "o", "▲": "!", "✕": "x", "╳": "X", "▸": ">", "▾": "v", "│": "|", "─": "-",
        "━": "=", "╸": "=", "╺": "=", "╌": ".", "┄": ".", "┊": ":", "╭": ",", "╮": ".", "╰": "`", "╯": "'", "▎": "|",
        "▌": "|", "▐": "|", "█": "#", "·": "-", "→": ">", "←": "<", "↑": "^", "↓": "v", "…": "~", "−": "-", "≈": "~",
        "×": "x", "“": '"', "”": '"', "›": ">", "°": "o", "◆": "*", "◇": "o", "▁": "_", "▂": "_", "▃": "=", "▄": "=",
        "▅": "#", "▆": "#", "▇": "#", "▔": "-", "▀": "=", "✓": "+", "♪": "~", "‖": "|", "◌": "o", "↵": "/", "╵": "'",
        "┬": "+", "↳": ">", "═": "~", "—": "-", "┗": "`", "┛": "'", "┼": "+", "•": "*",
    }
)  # fmt: skip
"""One column for one column, so that a layout never depends on the alphabet."""


def to_ascii(text: str) -> str:
    """Our own glyphs in ASCII. Never applied to speech: that stays as spoken."""
    return text.translate(_TO_ASCII)


class AsciiScrollBarRender(ScrollBarRender):
    """A scrollbar without the block characters at the ends of its thumb."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class Palette:
    """The colours of the theme in force as styles, by name, and how glyphs are to be drawn."""

    def __init__(self, variables: dict[str, str], *, ascii_only: bool, mono: bool) -> None:
        self._variables = variables
        self.ascii_only = ascii_only
        self.mono = mono
        """NO_COLOR: a state must be told by words and by reverse video, not by colour."""
        self._styles: dict[tuple[str, str, bool, bool], Style] = {}

    def style(
        self, fg: str = "foreground", bg: str = "background", *, bold: bool = False, strike: bool = False
    ) -> Style:
        key = (fg, bg, bold, strike)
        style = self._styles.get(key)
        if style is None:
            style = Style(color=self._color(fg), bgcolor=self._color(bg), bold=bold, strike=strike)
            self._styles[key] = style
        return style

    def hex(self, name: str) -> str:
        """The colour as a theme wrote it."""
        return self._variables.get(name, self._variables["foreground"])

    def glyphs(self, text: str) -> str:
        """Our own text, in ASCII where only that can be drawn."""
        return to_ascii(text) if self.ascii_only else text

    @property
    def levels(self) -> str:
        """Nine characters from silent to loud."""
        return ASCII_LEVELS if self.ascii_only else LEVELS

    def _color(self, name: str) -> RichColor:
        value = self.hex(name)
        if self.mono:
            value = self.hex(
                {"mic-live": "foreground", "on-mic-live": "background", "live-wash": "panel"}.get(name, name)
            )
        try:
            return Color.parse(value).rich_color
        except ColorParseError:  # "auto 87%" and the like, of a stock theme
            return Color.parse(self.hex("foreground")).rich_color


_palettes: dict[tuple[str, bool, bool], tuple[dict[str, str], Palette]] = {}


def palette_of(app: App[object]) -> Palette:
    key = (app.theme, app.has_class("-ascii"), app.no_color)
    known = _palettes.get(key)
    if known is None or known[0] is not app.theme_variables:
        palette = Palette(app.theme_variables, ascii_only=key[1], mono=key[2])
        _palettes[key] = known = (app.theme_variables, palette)
    return known[1]


def keys_of_app(app: App[object]) -> Keys:
    keys = getattr(app, "spoken", None)
    return keys if isinstance(keys, Keys) else Keys()


class Row:
    """One line in the making. What does not fit is cut; `strip` fills the rest."""

    def __init__(self, palette: Palette, width: int, bg: str = "background") -> None:
        self.palette = palette
        self.width = width
        self.bg = bg
        self.cells = 0
        self._segments: list[Segment] = []
        self._finished: Strip | None = None

    def own(self, text: str, fg: str = "foreground", *, bg: str = "", bold: bool = False, strike: bool = False) -> Row:
        """Our own words and glyphs, names within them included."""
        return self.spoken(self.palette.glyphs(text), fg, bg=bg, bold=bold, strike=strike)

    def spoken(
        self, text: str, fg: str = "foreground", *, bg: str = "", bold: bool = False, strike: bool = False
    ) -> Row:
        """Text from outside, left in the alphabet it came in."""
        text = clean(text, one_line=True)
        room = self.width - self.cells
        length = cell_len(text)
        if length > room:
            text, length = set_cell_size(text, max(0, room)), max(0, room)
        if text:
            self._finished = None
            self._segments.append(Segment(text, self.palette.style(fg, bg or self.bg, bold=bold, strike=strike)))
            self.cells += length
        return self

    def to(self, column: int) -> Row:
        """Blank up to a column."""
        if self.cells < column:
            self.own(" " * (column - self.cells))
        return self

    def end_with(self, other: Row) -> Row:
        """`other` at the right edge, over nothing: what is already there keeps its place."""
        self.to(self.width - other.cells)
        return self.join(other)

    def join(self, other: Row) -> Row:
        self._finished = None
        for segment in other._segments:
            room = self.width - self.cells
            if room <= 0:
                break
            text = segment.text if segment.cell_length <= room else set_cell_size(segment.text, room)
            self._segments.append(Segment(text, segment.style))
            self.cells += cell_len(text)
        return self

    def part(self) -> Row:
        """An empty row of the same kind, to be measured and joined."""
        return Row(self.palette, 10_000, self.bg)

    def cut_to(self, width: int) -> Row:
        """At most `width` columns; a cut is marked with an ellipsis."""
        if self.cells > width > 0:
            self._finished = None
            kept = Row(self.palette, width - 1, self.bg).join(self)  # between characters, which a crop may split
            self._segments, self.cells = kept._segments, kept.cells
            self.own("…", "quiet")
        return self

    def strip(self) -> Strip:
        """The finished line, exactly as wide as asked; neighbours of one style travel as one. Made once."""
        self.to(self.width)
        if self._finished is None:
            self._finished = Strip(self._segments, self.cells).crop(0, self.width).simplify()
        return self._finished


class Backdrop(Widget):
    """A container that shows nothing but its background: the compositor asks for those lines in every frame, too.

    To be named after the container, because Textual takes styles and keys from the first base alone.
    """

    _blank: tuple[tuple[int, Style, Sequence[LineFilter]], Strip] | None = None
    """What the line was made for, and the line."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """One blank line, as often as wanted. Where a style sheet gives the container a border, Textual draws it."""
        if any(self.styles.gutter) or self.opacity < 1.0:
            return super().render_lines(crop)
        wanted = (crop.width, self.visual_style.rich_style, self.get_line_filters())
        if self._blank is None or self._blank[0] != wanted:
            line, background = Strip.blank(crop.width, wanted[1]), self.background_colors[1]
            for line_filter in wanted[2]:
                line = line.apply_filter(line_filter, background)
            self._blank = (wanted, line)
        return [self._blank[1]] * crop.height


class Area(Container, Backdrop):
    """A part of the screen."""


class SideBySide(Horizontal, Backdrop):
    """The same with its children in one row."""


class Lined(Widget):
    """A widget whose lines are made all at once, when a reactive, the size or the theme has changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Strip] = []
        self._made_for: tuple[Size, Palette] | None = None
        self._filtered: tuple[list[Strip], Sequence[LineFilter], list[Strip]] | None = None
        """Lines, the filters of the app (monochrome and the like), and the lines that came out of them."""

    def make_lines(self, palette: Palette, width: int, height: int) -> list[Strip]:
        """The lines, top to bottom; missing ones are blank."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        return palette_of(self.app)

    @property
    def room(self) -> Size:
        """What is left of the widget for its lines. The same as `size`, which asks the compositor where on the screen
        that is, and so has it lay out the whole screen anew as often as somebody hidden has changed."""
        outer, gutter = self.outer_size, self.styles.gutter
        return Size(max(0, outer.width - gutter.width), max(0, outer.height - gutter.height)) if any(gutter) else outer

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Forget the lines; a changed reactive comes through here."""
        self._made_for = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_line(self, y: int) -> Strip:
        palette, room = self.palette, self.room
        if self._made_for != (room, palette):
            self._lines = self.make_lines(palette, *room)
            self._made_for = (room, palette)
        return self._lines[y] if y < len(self._lines) else Row(palette, room.width).strip()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The compositor asks every widget of the screen for all its lines in every frame.

        Textual's way through its styles (borders, padding, opacity) costs more than the painting; a widget that has
        none of them hands out its lines as they are.
        """
        if self.outer_size != self.room or self.opacity < 1.0:
            return super().render_lines(crop)
        whole = self._ready_lines()
        if crop.x == 0 and crop.width >= self.outer_size.width:
            return whole[crop.y : crop.bottom]
        return [line.crop(crop.x, crop.right) for line in whole[crop.y : crop.bottom]]

    def _ready_lines(self) -> list[Strip]:
        self.render_line(0)
        filters = self.get_line_filters()
        known = self._filtered
        if known is not None and known[0] is self._lines and known[1] == filters:
            return known[2]
        ready = [self.render_line(y) for y in range(self.room.height)]
        background = self.background_colors[1]  # it asks every ancestor; filters know the theme without it
        for line_filter in filters:
            ready = [line.apply_filter(line_filter, background) for line in ready]
        self._filtered = (self._lines, filters, ready)
        return ready


class Painted(Lined):
    """Lines made of rows. Subclasses say `paint`.

    Only rows that have come out differently are painted again: a clock that shows seconds changes ten times a second,
    and one dirty row at the top makes the compositor render everything between it and the deck (a third of the
    screen's CPU). Several reactives that change together are painted once.
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._compares = self._is_asked = False

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """A changed reactive comes through here; with lines for the present size and theme they are compared first.

        Without any it has not been painted since it was asked to last: it is hidden. Showing it paints it.
        """
        if self._made_for is None and self._is_asked and not (regions or layout or recompose):
            return self
        if regions or layout or recompose or not repaint or self._made_for != (self.room, self.palette):
            self._is_asked = True
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if not self._compares:
            # call_later wraps what it is given, and Textual looks at the signature of every new wrapper.
            self._compares = self.post_message(events.Callback(callback=self._repaint_changes))
        return self

    def _repaint_changes(self) -> None:
        self._compares = False
        room = self.room
        if self._made_for != (room, self.palette):
            return  # everything is painted anyway
        before, made = self._lines, self.make_lines(self.palette, *room)
        # A line that came out as it was stays the same object: what the filters made of it is known then.
        self._lines = [
            old if new is old or new == old else new for old, new in zip_longest(before, made) if new is not None
        ]
        pairs = enumerate(zip_longest(before, self._lines))
        changed = [Region(0, y, room.width, 1) for y, (old, new) in pairs if old is not new]
        if changed:
            Widget.refresh(self, *changed)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        raise NotImplementedError

    def make_lines(self, palette: Palette, width: int, height: int) -> list[Strip]:
        return [row.strip() for row in self.paint(palette, width, height)]


Line = tuple[str | tuple[str, str], ...]
"""A row of our own words, each with a style or without."""


def styled(palette: Palette, *parts: str | tuple[str, str] | Content) -> Content:
    """Our own words in one row of a stock widget, with styles (`$quiet`, `bold $you`); `Content` stays as it is."""

    def own(text: str) -> str:
        return palette.glyphs(clean(text, one_line=True))

    return Content.assemble(
        *(
            part if isinstance(part, Content) else own(part) if isinstance(part, str) else (own(part[0]), part[1])
            for part in parts
        )
    )


def cut(palette: Palette, text: Content, width: int) -> Content:
    """At most `width` columns; a cut is marked with an ellipsis."""
    if text.cell_length <= width:
        return text
    return text.truncate(max(0, width - 1)) + Content.styled(palette.glyphs("…"), "$quiet")


def hanging(first: Content, text: Content, width: int) -> Content:
    """`text` behind `first`; its further lines begin below its own first column."""
    room = max(10, width - first.cell_length)
    lines = text.wrap(room) if text.cell_length > room or "\n" in text.plain else [text]
    return first + Content("\n" + " " * first.cell_length).join(line.rstrip() for line in lines)


def clock(seconds: float) -> str:
    """`4:12`, or `1:04:12` from an hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def decibels(level: float | None) -> str:
    """`−14 dB`, or `silent` where the meter ends."""
    return "silent" if level is None or level <= -60 else f"{level:.0f} dB".replace("-", "−")
