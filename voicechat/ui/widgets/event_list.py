"""The list of what flowed, on Textual's line API: only the lines in sight are ever made.

Events come in batches and are shown at 10 Hz; a list of this kind takes 20 000 events a second where a RichLog stalls
at a few hundred. The place in the list is the number of an event (`anchor`), never a row, so it survives the drop of
old events, another filter, and the way back from it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from voicechat.ui.inspector.entries import Entry, EventStore, Run, gap_words, relative_time, session_time
from voicechat.ui.inspector.matching import Shown, is_error
from voicechat.ui.inspector.query import Query
from voicechat.ui.paint import LineView, Palette, Row, keys_of_app
from voicechat.ui.sanitise import show
from voicechat.ui.wording import grouped

SHORT = (
    ("conversation.item.input_audio_transcription", "transcription"),
    ("conversation.item", "item"),
    ("input_audio_buffer", "in"),
    ("output_audio_buffer", "out"),
    ("response.output_audio_transcript", "resp.transcript"),
    ("response.output_audio", "resp.audio"),
    ("response.", "resp."),
)
"""Prefixes of a narrow type column; details and copies always have the full name."""
OWNERS = (
    ("input_audio_buffer", "you"),
    ("conversation", "you"),
    ("talk", "you"),
    ("text", "you"),
    ("voice", "you"),
    ("mic", "you"),
    ("response", "assistant"),
    ("output", "assistant"),
)
WIDE = 110
"""Columns from which types are written in full and the gap to the line above has a column."""
TYPE_COLUMN, WIDE_TYPE_COLUMN = 24, 41


class Line(NamedTuple):
    """What a line shows of an event.

    One event as a painted line: mark, times, direction, type, how many, and what it says.
    """

    entry: Entry
    run: Run | None
    gap: float | None
    """Seconds since the line above; None on the first."""
    marked: bool = False
    selected: bool = False
    reference: float | None = None
    """The time that times are shown relative to."""
    gap_first: bool = False
    """A narrow list shows the gap in place of the time."""


def event_line(palette: Palette, width: int, line: Line) -> Strip:
    entry, is_wide = line.entry, width >= WIDE
    mark, color = mark_of(entry), owner_color(entry)
    row = Row(palette, width, "cursor-line" if line.selected else "background")
    sign = ("◉" if line.selected else "●") if line.marked else "▎" if line.selected else " "
    row.own(sign, "accent")
    at = session_time(entry.t) if line.reference is None else relative_time(entry.t - line.reference)
    told = gap_words(line.gap) if line.gap_first and not is_wide else at
    row.own(f"{told:>9} ", "foreground" if line.selected else "quiet")
    if is_wide:
        row.own(f"{gap_words(line.gap):>8} ", "quiet")
    arrow, arrow_color = {"in": ("↓", "quiet"), "out": ("↑", "warning"), "local": ("·", "quiet")}[entry.kind.dir]
    row.own(arrow, arrow_color).own(f"{mark} ", "error" if mark == "✕" else "you", bold=True)
    ends = row.cells + (WIDE_TYPE_COLUMN if is_wide else TYPE_COLUMN)
    head, dot, tail = shortened(show(entry.kind.type), ends - row.cells).rpartition(".")
    row.spoken(head + dot, "error" if mark == "✕" else "quiet").spoken(tail, color, bold=mark != " ").to(ends)
    row.own(f"{times(line.run):>6} ", bold=True)
    stands_out = line.selected or mark == "✕"
    summary = row.part().spoken(
        palette.glyphs(show(what_it_says(entry, line.run))), "foreground" if stands_out else "quiet"
    )
    return row.join(summary.cut_to(width - row.cells)).strip()


def times(run: Run | None) -> str:
    """`×41`, `×12k`."""
    if run is None:
        return ""
    return f"×{run.count}" if run.count < 10_000 else f"×{run.count // 1000}k"


def what_it_says(entry: Entry, run: Run | None) -> str:
    if "audio" in entry.kind.tags:
        return f"<{grouped(run.size if run else entry.size)} bytes>"
    text = run.text if run else entry.summary
    if run and run.is_cut:
        text += "…"
    if entry.kind.is_delta and text and "arguments" not in entry.kind.type:
        return f"“{text.strip()}”"
    return text


def owner_color(entry: Entry) -> str:
    if is_error(entry.kind):
        return "error"
    return next((color for prefix, color in OWNERS if entry.kind.type.startswith(prefix)), "tool")


def mark_of(entry: Entry) -> str:
    """`✕` for errors, `◆` for the voice detector."""
    if is_error(entry.kind):
        return "✕"
    return "◆" if "speech_st" in entry.kind.type else " "


def shortened(type: str, room: int) -> str:
    if room < WIDE_TYPE_COLUMN or len(type) > room:
        for long, short in SHORT:
            if type.startswith(long):
                type = short + type[len(long) :]
                break
    return type if len(type) <= room else type[: room - 1] + "…"


FLUSH_EVERY = 0.1
"""Seconds; ten times a second is as often as anybody reads."""


class EventList(LineView):
    """Lines of events with a cursor. Any upward move stops following, End follows again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end,G", "last", show=False),
    ]
    follow: reactive[bool] = reactive(True, repaint=False)
    reference: reactive[float | None] = reactive[float | None](None)
    """The session time that times are shown relative to."""
    gap_first: reactive[bool] = reactive(False)

    class Chosen(Message):
        """A second click on a line: its details are wanted."""

    class Selected(Message):
        """Another event is under the cursor. `seq` is the engine's number of it, `t` its session time."""

        def __init__(self, seq: int, t: float) -> None:
            super().__init__()
            self.seq, self.t = seq, t

    class Changed(Message):
        """The lines, their number, or whether it follows."""

    def __init__(self, store: EventStore, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.store = store
        self.marked: set[int] = set()
        self.shown = Shown(store, self.marked)
        self._anchor = 0
        self._stood_still_at = 0
        self._told = -1
        self._flushed = -1
        self._frame: tuple[int, float | None, bool] = (0, None, False)

    def on_mount(self) -> None:
        self.set_interval(FLUSH_EVERY, self.flush)

    # what is where
    @property
    def place(self) -> int:
        return self.shown.place_of(self._anchor)

    @property
    def current(self) -> int | None:
        """The store's number of the event under the cursor; None in an empty list."""
        return self.shown.rows[self.place] if self.shown.rows else None

    @property
    def current_entry(self) -> Entry | None:
        current = self.current
        return self.store.entry(current) if current is not None else None

    @property
    def newer(self) -> int:
        return 0 if self.follow else self.shown.since(self._stood_still_at - 1)

    @property
    def is_on_screen(self) -> bool:
        return bool(self.size)

    # what comes in
    def flush(self) -> None:
        if self._flushed == self.store.end:
            return
        self._flushed = self.store.end
        gone = self.shown.update()
        if gone:
            self.marked.difference_update([seq for seq in self.marked if seq < self.store.base])
        self._lines_changed(gone)

    def begin_anew(self) -> None:
        """The store has forgotten everything: so have marks and cursor, and the newest is followed."""
        self.marked.clear()
        self.shown.update()
        self.follow, self._flushed, self._told = True, -1, -1
        self._lines_changed(0)

    def ask(self, query: Query) -> None:
        """Another filter; the cursor stays at its event, or at the next one that is shown."""
        self.shown.ask(query)
        self._lines_changed(0)
        if not self.follow:
            self._center()

    def _lines_changed(self, gone: int) -> None:
        self.count_lines(len(self.shown.rows))
        if self.follow:
            self._to_newest()
        elif gone:
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, immediate=True)
        if self.is_on_screen:
            self.refresh()
            self.post_message(self.Changed())
        self._tell()

    def _to_newest(self) -> None:
        self._anchor = self.shown.rows[-1] if self.shown.rows else self.store.end
        self.scroll_end(animate=False, immediate=True, x_axis=False)

    def _tell(self) -> None:
        entry = self.current_entry
        if entry is not None and entry.seq != self._told:
            self._told = entry.seq
            self.post_message(self.Selected(self.store.engine_seq(entry.seq), entry.t))

    # going somewhere
    def go_to(self, seq: int) -> bool:
        """Put the cursor on the line of this event and stand still; False: the filter hides it."""
        entry = self.store.entry(seq)
        line = entry.head if entry is not None and self.shown.query.grouped else seq
        if not self.shown.has_line(line):
            return False
        self._stand_still()
        self._move_to(line)
        self._center(only_if_hidden=True)
        return True

    def _move_to(self, seq: int) -> None:
        before, self._anchor = self.place, seq
        for place in {before, self.place}:
            self.refresh_lines(place)
        self._show_cursor()
        self._tell()

    def _show_cursor(self) -> None:
        top, height, place = self.scroll_offset.y, self.size.height, self.place
        if place < top:
            self.scroll_to(y=place, animate=False, immediate=True)
        elif height and place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False, immediate=True)

    def _center(self, *, only_if_hidden: bool = False) -> None:
        top, height, place = self.scroll_offset.y, self.size.height, self.place
        if not only_if_hidden or place in (top, top + height - 1) or not top <= place < top + height:
            self.scroll_to(y=max(0, place - height // 2), animate=False, immediate=True)

    def _stand_still(self) -> None:
        if self.follow:
            self._stood_still_at = self.store.end
            self.follow = False

    def watch_follow(self) -> None:
        self.post_message(self.Changed())

    # marks and times
    def toggle_mark(self) -> None:
        current = self.current
        if current is None:
            return
        self.marked.symmetric_difference_update({current})
        if self.shown.marks_changed():
            self._lines_changed(0)
        self.refresh_lines(self.place)
        self.post_message(self.Changed())

    def toggle_reference(self) -> None:
        """Count times from the event under the cursor; from the start again when they are."""
        entry = self.current_entry
        if entry is not None:
            self.reference = None if self.reference == entry.t else entry.t

    def toggle_gaps(self) -> None:
        """Times since the line above in place of times since the start, and back."""
        self.gap_first = not self.gap_first

    # keys and mouse
    def action_move(self, by: int) -> None:
        rows = self.shown.rows
        self._stand_still()
        if rows:
            self._move_to(rows[min(max(0, self.place + by), len(rows) - 1)])

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        self.action_move(-len(self.shown.rows))

    def action_last(self) -> None:
        self.follow = True
        self._lines_changed(0)

    def toggle_freeze(self) -> None:
        if self.follow:
            self._stand_still()
        else:
            self.action_last()

    def on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y
        if place >= len(self.shown.rows):
            return
        if place == self.place and not self.follow:
            self.post_message(self.Chosen())
        else:
            self.action_move(place - self.place)

    def on_mouse_scroll_up(self) -> None:
        self._stand_still()

    def on_resize(self) -> None:
        self.count_lines(len(self.shown.rows))
        if self.follow:
            self._to_newest()
        else:
            self._show_cursor()
        self.post_message(self.Changed())

    def on_focus(self) -> None:
        self.post_message(self.Changed())

    on_blur = on_focus

    # painting
    def before_frame(self) -> None:
        self._frame = (self.place, self.reference, self.gap_first)

    def line_key(self, place: int) -> Hashable:
        entry = self._entry_at(place)
        if entry is None:
            return place == 0 and self._when_empty()
        line = self._line(place, entry)
        return (entry.seq, line.run.count if line.run else 1, *line[2:])

    def make_line(self, place: int, palette: Palette, width: int) -> Strip:
        entry = self._entry_at(place)
        if entry is None:
            return Row(palette, width).own(self._when_empty() if place == 0 else "", "quiet").strip()
        return event_line(palette, width, self._line(place, entry))

    def _entry_at(self, place: int) -> Entry | None:
        return self.store.entry(self.shown.rows[place]) if place < len(self.shown.rows) else None

    def _line(self, place: int, entry: Entry) -> Line:
        cursor, reference, gap_first = self._frame
        above = self.shown.before(place)
        return Line(
            entry,
            self.store.run(entry.seq) if self.shown.query.grouped else None,
            entry.t - above.t if above is not None else None,
            marked=entry.seq in self.marked,
            selected=place == cursor,
            reference=reference,
            gap_first=gap_first,
        )

    def _when_empty(self) -> str:
        if self.shown.rows:
            return ""
        if all(kind.dir == "local" for kind in self.store.kinds.values()):
            return "  nothing yet: the first event is session.created"
        return f"  0 of {grouped(len(self.store))} match · {keys_of_app(self.app).of('back')} clears"
