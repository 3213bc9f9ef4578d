"""The timeline: everybody's sound and the server's view of it on one clock, right above the deck.

It is fed with whatever the engine says, in session time, and needs no clock of its own: a new column is painted with
the state that brings it, at most 8 times a second, and nothing at all while it is out of sight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from voicechat.core.view import MicView
from voicechat.engine.link import Jumped, Meters
from voicechat.journal.entry import Entry
from voicechat.ui.history import TICK, History
from voicechat.ui.lanes import LABEL, STEPS, Frame, Look, timeline_rows
from voicechat.ui.paint import Painted, Palette, Row, clock, keys_of_app

PAINT_EVERY = 0.125
"""Seconds of talk between two paintings, at least."""
LONGEST_HOLD = 0.3
"""A level stands for so many seconds until the next report: the engine's tick is a little longer than ours."""
RESTARTED = 5.0
"""Session time that runs back so many seconds belongs to a new engine."""
USUAL_STEP, COMPACT_STEP = 0.125, 0.18
"""Seconds a column before anybody has zoomed."""
COMPACT = 100
"""Columns below which the wider step is the usual one."""

Hits = Callable[[float, float], Sequence[float]]


class Timeline(Painted, can_focus=True):
    """Title and lanes. Posts what was picked; shows what is selected elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scroll(-1)", show=False),
        Binding("right", "scroll(1)", show=False),
        Binding("shift+left", "extend(-1)", show=False),
        Binding("shift+right", "extend(1)", show=False),
        Binding("home", "home", show=False),
        Binding("end,G", "follow", show=False),
        Binding("enter", "pick", show=False),
    ]
    voice: reactive[str] = reactive("assistant")
    calm: reactive[bool] = reactive(False)
    selected: reactive[float | None] = reactive[float | None](None)
    """When the event under the cursor of the list happened; None while the list follows."""
    span: reactive[tuple[float, float] | None] = reactive[tuple[float, float] | None](None)
    """The stretch that was selected here."""

    class Picked(Message):
        """The event nearest to this moment is wanted."""

        def __init__(self, t: float) -> None:
            super().__init__()
            self.t = t

    class SpanChosen(Message):
        """Only the events of this stretch are wanted."""

        def __init__(self, start: float, end: float) -> None:
            super().__init__()
            self.start, self.end = start, end

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.history = History()
        self.hits: Hits = lambda start, end: ()
        """Times of the events that a filter found between two moments."""
        self._chosen_step: float | None = None
        self._end: float | None = None
        """The right edge; None: now."""
        self._painted_now = float("-inf")
        self._level_at = float("-inf")
        self._pressed_at: float | None = None
        self._anchor: float | None = None

    # what comes in
    def take_rows(self, rows: Iterable[Entry]) -> None:
        for row in rows:
            self.history.take_row(row)

    def take_state(self, t: float, mic: MicView, meters: Meters) -> None:
        if t < self.history.now - RESTARTED:
            self.begin_anew()
        self.history.take_mic(t, is_open=mic.is_on_air, reason=mic.reason)
        at = self._level_at + TICK if 0 < t - self._level_at < LONGEST_HOLD else t
        while at < t:
            self.history.take_levels(at, meters.input, meters.output, sent=mic.is_on_air)
            at += TICK
        self.history.take_levels(t, meters.input, meters.output, sent=mic.is_on_air)
        self._level_at = t

    def jump(self, jumped: Jumped) -> None:
        """A replay goes on at another moment: what lay between comes at once."""
        if jumped.anew:
            self.begin_anew()
        history = self.history
        for span in jumped.mic:
            history.take_mic(span.t, is_open=span.is_open, reason=span.reason)
        history.fill(jumped.start, jumped.you, jumped.assistant)
        history.now = max(history.now, jumped.t)
        self._level_at = jumped.t
        self.refresh()

    def begin_anew(self) -> None:
        self.history = History()
        self._end, self.span, self.selected = None, None, None
        self._painted_now = self._level_at = float("-inf")
        self.refresh()

    def advance(self) -> None:
        """Paint the column that has begun, if there is one and somebody sees it."""
        now = self.history.now
        is_due = now - self._painted_now >= PAINT_EVERY and self._column(now) != self._column(self._painted_now)
        if is_due and self.is_on_screen and (self.is_following or self.frame.end >= self._painted_now):
            self._painted_now = now
            self.refresh()

    @property
    def is_on_screen(self) -> bool:
        return bool(self.display and self.size)

    def _column(self, at: float) -> float:
        return math.floor(at / self.step + 1e-9) if math.isfinite(at) else at

    # what is in sight
    @property
    def step(self) -> float:
        return self._chosen_step or (COMPACT_STEP if self.size.width < COMPACT else USUAL_STEP)

    @property
    def count(self) -> int:
        return max(1, self.size.width - LABEL)

    @property
    def is_following(self) -> bool:
        return self._end is None

    @property
    def end(self) -> float:
        """The right edge. For calm eyes a page fills from the left and turns when it is full."""
        if self._end is not None:
            return self._end
        if not self.calm:
            return self.history.now
        page = math.floor(self.history.now / self.step + 1e-9) // self.count
        return (page * self.count + self.count - 0.5) * self.step

    @property
    def frame(self) -> Frame:
        return Frame(Look(self.end, self.step), self.size.width)

    def look(self) -> Look:
        frame = self.frame
        found = self.hits(max(0.0, frame.start), frame.end)
        return Look(self.end, self.step, self.is_following, self.selected, self.span, found, now=self.history.now)

    # moving about
    def zoom(self, by: int) -> None:
        """Closer (1) or wider (-1). What is selected stays where it is, else the middle; a followed edge stays now."""
        step = min(STEPS, key=lambda known: abs(known - self.step))
        place = STEPS.index(step) - by
        if not 0 <= place < len(STEPS):
            return
        before = self.frame
        fixed = before.count // 2
        if self.selected is not None and 0 <= before.column(self.selected) < before.count:
            fixed = before.column(self.selected)
        at = before.time(fixed) if self.selected is None else self.selected
        self._chosen_step = STEPS[place]
        if self._end is not None:
            self._show_until(at + (before.count - 1 - fixed) * self._chosen_step)
        self.refresh()

    def action_scroll(self, by: int) -> None:
        """An eighth of what is in sight; a look back stops following, the newest moment follows again."""
        self.scroll_by(by * max(1, self.count // 8))

    def scroll_by(self, columns: int) -> None:
        self._show_until(min(self.end, self.history.now) + columns * self.step)

    def action_home(self) -> None:
        self._show_until(0.0)

    def action_follow(self) -> None:
        self._end = None
        self.refresh()

    def show_moment(self, t: float) -> None:
        """Bring a moment into sight: the middle of the picture, unless it is in sight already."""
        if not 0 <= self.frame.column(t) < self.count:
            self._show_until(t + self.count // 2 * self.step)

    def _show_until(self, end: float) -> None:
        first_full = (self.count - 0.5) * self.step
        end = max(end, min(first_full, self.history.now))
        self._end = end if end < self.history.now else None
        self.refresh()

    # picking
    def action_pick(self) -> None:
        start, end = self.span or (self.frame.start, min(self.frame.end, self.history.now))
        self.post_message(self.Picked((start + end) / 2))

    def action_extend(self, by: int) -> None:
        """Select a stretch from the keyboard, beginning at the selected event (else at the newest moment in sight)."""
        stride = by * max(1, self.count // 40) * self.step
        if self.span is None or self._anchor is None:
            self._anchor = self.selected if self.selected is not None else min(self.end, self.history.now)
            head = self._anchor
        else:
            head = self.span[0] if self.span[1] == self._anchor else self.span[1]
        self._select(self._anchor, head + stride)
        if self.span is not None:
            self.post_message(self.SpanChosen(*self.span))

    def release(self) -> bool:
        """Give the stretch up; False: there was none."""
        was, self.span, self._anchor = self.span, None, None
        return was is not None

    def _select(self, anchor: float, head: float) -> None:
        self._end = self.end  # what is selected must not run away
        head = min(max(0.0, head), self.history.now)
        self.span = (min(anchor, head), max(anchor, head))

    # the mouse
    def _time_at(self, x: int) -> float:
        return min(max(0.0, self.frame.time(x - LABEL) + self.step / 2), self.history.now)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and event.y > 0:
            self._pressed_at = self._time_at(event.x)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._pressed_at is None:
            return
        at = self._time_at(event.x)
        if self.span is not None or abs(at - self._pressed_at) >= self.step:
            self._anchor = self._pressed_at
            self._select(self._pressed_at, at)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._pressed_at is None:
            return
        pressed, self._pressed_at = self._pressed_at, None
        self.release_mouse()
        if self.span is not None and self._anchor == pressed:
            self.post_message(self.SpanChosen(*self.span))
        else:
            self.post_message(self.Picked(pressed))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll(1)

    def on_focus(self) -> None:
        self.refresh()

    on_blur = on_focus

    # painting
    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        self._painted_now = self.history.now
        lanes = timeline_rows(self.history, self.look(), self.voice, palette, width, height - 1)
        return [self._title(palette, width), *lanes]

    def _title(self, palette: Palette, width: int) -> Row:
        row = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent")
        row.own("TIMELINE", bold=True).own(f" {self._extent()}", "foreground")
        right = row.part().own(f"  {self._keys(width)} ", "quiet")
        for part in self._legend(row):
            if row.cells + part.cells > width - right.cells:
                break
            row.join(part)
        return row.cut_to(width - right.cells).end_with(right)

    def _extent(self) -> str:
        seconds = self.count * self.step
        whole = f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
        if self.span is not None:
            return f"{whole} · {self.span[1] - self.span[0]:.1f} s selected"
        if self._end is not None:
            return f"{whole} up to {clock(self._end)}"
        return whole

    def _legend(self, row: Row) -> list[Row]:
        """What the signs mean, most needed first."""
        vad = row.part().own(" · ", "quiet").own("◆", "you").own(" VAD", "quiet")
        cut = row.part().own("  ╳", "mic-live").own(" cut in", "quiet")
        wait = row.part().own("  ┗━┛", "success").own(" your last sound → first answer sound", "quiet")
        return [vad, cut, wait]

    def _keys(self, width: int) -> str:
        keys = keys_of_app(self.app)
        if self.span is not None:
            return f"{keys.of('back')} releases"
        zoom = f"{keys.of('zoom_out')} {keys.of('zoom')} zoom"
        if width < COMPACT:
            return zoom if self._end is None else f"{zoom} · End"
        return f"{zoom} · ← → scroll" if self._end is None else f"{zoom} · ← → scroll · End follows"
