"""The last half minute in two rows: you grow up, the assistant grows down, right edge is now.

One new column a tick. What the microphone hears while it is closed is drawn in the colour of rules: it went nowhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from textual.reactive import reactive

from voicechat.core.view import ConnectionView, MicView, ReplyView
from voicechat.engine.link import Meters
from voicechat.ui.paint import Painted, Palette, Row
from voicechat.ui.wording import assistant_name

COLUMN = 0.16
"""Seconds a column."""
QUIETEST, LOUDEST = -52.0, -10.0
"""dBFS drawn as nothing and as a full cell: speech lies in between."""
LONGEST = 400
LABEL = 9

Cell = tuple[str, str, str, bool]
"""A glyph, its colour, the colour behind it (empty: the row's), and whether it is bold."""


@dataclass(frozen=True, slots=True)
class Column:
    """One tick: levels 0 to 8, whether yours left this machine, and a mark on either row."""

    you: int = 0
    sent: bool = False
    assistant: int = 0
    your_mark: str = ""
    cut: bool = False


def height_of(level: float | None) -> int:
    """A level as eighths of a cell."""
    if level is None or level <= QUIETEST:
        return 0
    return max(1, min(8, round((level - QUIETEST) / (LOUDEST - QUIETEST) * 8)))


class Ribbon(Painted):
    """Takes mic, reply, connection and meters; samples them at each tick."""

    mic: reactive[MicView] = reactive(MicView(), repaint=False)
    reply: reactive[ReplyView] = reactive(ReplyView(), repaint=False)
    meters: reactive[Meters] = reactive(Meters(), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView(), repaint=False)
    calm: reactive[bool] = reactive(False)
    looked_at: reactive[bool] = reactive(True)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns: deque[Column] = deque(maxlen=LONGEST)
        self._next = Column()
        self._ticks = 0
        self._is_stale = False
        """A column was added that is not painted yet."""

    def on_mount(self) -> None:
        self.set_interval(COLUMN, self.tick)

    def watch_meters(self, meters: Meters) -> None:
        """The loudest moment of a tick is its column."""
        now = self._next
        self._next = replace(
            now,
            you=max(now.you, height_of(meters.input)),
            sent=now.sent or self.mic.is_on_air,
            assistant=max(now.assistant, height_of(meters.output)),
        )
        self._show_column()

    def watch_connection(self, old: ConnectionView, new: ConnectionView) -> None:
        """Its clock runs ten times a second, its name hardly ever changes."""
        if assistant_name(old) != assistant_name(new):
            self.refresh()

    def watch_reply(self, old: ReplyView, new: ReplyView) -> None:
        """A cut is marked where it happened."""
        if new.state != old.state and new.state in ("cut", "stopped"):
            self._next = replace(self._next, cut=True)

    def mark(self, glyph: str) -> None:
        """The server's voice detector spoke: `◆` began, `◇` ended."""
        self._next = replace(self._next, your_mark=glyph)

    def tick(self) -> None:
        """The next column. While nobody looks, every third repaints.

        It is painted with the meters that come next, in one frame with the deck: two clocks would cost two frames. In
        a silence in which no meter moves, the tick after paints it.
        """
        self._show_column()
        self.columns.append(self._next)
        self._next = Column()
        self._ticks += 1
        self._is_stale = self._is_stale or self.looked_at or self._ticks % 3 == 0

    def _show_column(self) -> None:
        if self._is_stale and self.display:
            self._is_stale = False
            self.refresh()

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        count = max(0, width - LABEL - 2)
        columns = [Column()] * (count - len(self.columns)) + list(self.columns)[-count:]
        voice = assistant_name(self.connection)
        if self.calm:
            return [self._sentence(palette, width, voice, columns)]
        you = Row(palette, width).own("you".rjust(LABEL - 2), "you").own("  ")
        other = Row(palette, width).spoken(voice[: LABEL - 2].rjust(LABEL - 2), "assistant").own("  ")
        return [_join(you, (_up(palette, c) for c in columns)), _join(other, (_down(palette, c) for c in columns))]

    def _sentence(self, palette: Palette, width: int, voice: str, columns: list[Column]) -> Row:
        you = sum(c.sent and c.you > 1 for c in columns) * COLUMN
        other = sum(c.assistant > 1 for c in columns) * COLUMN
        words = f" in the last {len(columns) * COLUMN:.0f} s you spoke {you:.1f} s, {voice} {other:.1f} s"
        return Row(palette, width).spoken(words, "quiet")


def _join(row: Row, cells: Iterable[Cell]) -> Row:
    """Neighbours of one look travel as one: a ribbon has two hundred cells and is painted six times a second."""
    for (fg, bg, bold), run in groupby(cells, key=lambda cell: cell[1:]):
        row.spoken("".join(cell[0] for cell in run), fg, bg=bg, bold=bold)
    return row


def _up(palette: Palette, column: Column) -> Cell:
    if column.your_mark:
        return palette.glyphs(column.your_mark), "you", "", True
    return palette.levels[column.you], "you" if column.sent else "rule", "", False


def _down(palette: Palette, column: Column) -> Cell:
    """Cells that grow down are the upward glyphs with the colours exchanged."""
    level = column.assistant
    if column.cut:
        return palette.glyphs("╳"), "mic-live", "", True
    if level == 0:
        return palette.glyphs("▔"), "rule", "", False
    if palette.ascii_only:
        return palette.levels[level], "assistant", "", False
    if level == 8:
        return "█", "assistant", "", False
    return palette.levels[8 - level], "background", "assistant", False
