"""The plain list of what flowed, on Textual's line API: only the rows in sight are ever made.

Rows come in batches and are shown at 10 Hz; a list of this kind takes 20 000 rows a second where a RichLog stalls at a
few hundred. Rows are dropped in slabs, so that dropping costs nothing per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from voicechat.engine.link import EventRow
from voicechat.ui.paint import Palette, Row, palette_of
from voicechat.ui.sanitise import show

KEEP = 20_000
SLAB = KEEP // 20
SHORT = (
    ("conversation.item.input_audio_transcription", "transcription"),
    ("conversation.item", "item"),
    ("input_audio_buffer", "in"),
    ("output_audio_buffer", "out"),
    ("response.output_audio_transcript", "resp.transcript"),
    ("response.output_audio", "resp.audio"),
    ("response.", "resp."),
)
"""Prefixes of a narrow type column; payloads and copies always have the full name."""
OWNERS = (("input_audio_buffer", "you"), ("conversation", "you"), ("response", "assistant"), ("output", "assistant"))


def session_time(t: float) -> str:
    """`4:06.900`"""
    return f"{int(t // 60)}:{t % 60:06.3f}"


def owner_color(type: str) -> str:
    """You, the assistant or the session; errors stand out."""
    if type == "error" or type.endswith((".failed", ".error")):
        return "error"
    return next((color for prefix, color in OWNERS if type.startswith(prefix)), "tool")


def mark_of(type: str) -> str:
    """`◆` for the voice detector, `✕` for errors."""
    if owner_color(type) == "error":
        return "✕"
    return "◆" if "speech_st" in type else " "


class EventList(ScrollView):
    """Rows of events with a cursor. Any upward move stops following, End follows again."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end,G", "last", show=False),
        Binding("enter", "choose", show=False),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)
    follow: reactive[bool] = reactive(True, repaint=False)

    class Chosen(Message):
        """Enter on a row: its payload is wanted."""

        def __init__(self, row: EventRow) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor or the number of rows changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: list[EventRow] = []
        self.arrived = 0
        """Rows since the beginning, dropped ones included."""
        self._unseen: list[EventRow] = []

    def on_mount(self) -> None:
        """Ten times a second is as often as anybody reads."""
        self.set_interval(0.1, self.flush)

    def append(self, rows: Sequence[EventRow]) -> None:
        """New rows; shown at the next flush."""
        self._unseen += rows

    def flush(self) -> None:
        """Take what has come in."""
        if not self._unseen:
            return
        self.arrived += len(self._unseen)
        self.rows += self._unseen
        self._unseen = []
        dropped = self._drop()
        self.virtual_size = Size(0, len(self.rows))  # never wider than the pane
        if self.follow:
            self.cursor = len(self.rows) - 1
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        elif dropped:
            self.cursor = max(0, self.cursor - dropped)
            self.scroll_to(y=max(0, self.scroll_offset.y - dropped), animate=False, immediate=True)
        if self.is_on_screen:
            self.refresh()
            self.post_message(self.Moved())

    @property
    def is_on_screen(self) -> bool:
        """Somebody can see it."""
        return bool(self.size)

    def _drop(self) -> int:
        over = len(self.rows) - KEEP
        if over < SLAB:
            return 0
        del self.rows[:over]
        return over

    def on_resize(self) -> None:
        """Follow on, whatever the size."""
        self.virtual_size = Size(0, len(self.rows))  # never wider than the pane
        if self.follow:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        else:
            self._show_cursor()
        self.post_message(self.Moved())

    def on_focus(self) -> None:
        """The title carries the mark of the keyboard."""
        self.post_message(self.Moved())

    def on_blur(self) -> None:
        """And loses it."""
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """One row of the list."""
        palette, width = palette_of(self.app), self.scrollable_content_region.width
        place = y + self.scroll_offset.y
        if place >= len(self.rows):
            empty = "  nothing yet: the first event is session.created" if place == 0 and not self.rows else ""
            return Row(palette, width).own(empty, "quiet").strip()
        return event_line(palette, width, self.rows[place], place == self.cursor and self.has_focus)

    def watch_cursor(self, old: int, new: int) -> None:
        """Keep the cursor in sight."""
        self._show_cursor()
        self.refresh()

    def _show_cursor(self) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def watch_follow(self) -> None:
        """The title says whether it follows."""
        self.post_message(self.Moved())

    @property
    def below(self) -> int:
        """Rows after the cursor."""
        return max(0, len(self.rows) - 1 - self.cursor)

    def action_move(self, by: int) -> None:
        """The cursor up or down."""
        self.follow = False
        self.cursor = min(max(0, self.cursor + by), max(0, len(self.rows) - 1))
        self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        """A screenful."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """The oldest row kept."""
        self.action_move(-len(self.rows))

    def action_last(self) -> None:
        """The newest, and follow."""
        self.cursor = max(0, len(self.rows) - 1)
        self.follow = True

    def action_choose(self) -> None:
        """Show the payload of the row under the cursor."""
        if self.rows:
            self.post_message(self.Chosen(self.rows[self.cursor]))

    def on_mouse_scroll_up(self) -> None:
        """Looking back stops following."""
        self.follow = False


def event_line(palette: Palette, width: int, event: EventRow, selected: bool) -> Strip:
    """Cursor, time, direction, mark, type, summary."""
    row = Row(palette, width, "cursor-line" if selected else "background")
    arrow, arrow_color = {"in": ("↓", "quiet"), "out": ("↑", "warning"), "local": ("·", "quiet")}[event.dir]
    mark, color = mark_of(event.type), owner_color(event.type)
    row.own("▎" if selected else " ", "accent")
    row.own(f"{session_time(event.t):>9} ", "foreground" if selected else "quiet")
    row.own(arrow, arrow_color).own(f"{mark} ", "error" if mark == "✕" else "you", bold=True)
    room = 41 if width >= 110 else 24
    head, dot, tail = _shortened(show(event.type), room).rpartition(".")
    row.spoken(head + dot, "error" if mark == "✕" else "quiet").spoken(tail, color, bold=mark != " ")
    row.to(1 + 10 + 3 + room + 1)
    summary = row.part().spoken(show(event.summary), "foreground" if selected or mark == "✕" else "quiet")
    return row.join(summary.cut_to(width - row.cells)).strip()


def _shortened(type: str, room: int) -> str:
    if room < 40 or len(type) > room:
        for long, short in SHORT:
            if type.startswith(long):
                type = short + type[len(long) :]
                break
    return type if len(type) <= room else type[: room - 1] + "…"
