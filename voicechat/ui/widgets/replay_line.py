"""One row above the deck: where a replay is, how fast it goes, and what cannot be had of it."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.reactive import reactive

from voicechat.engine.link import Playing
from voicechat.ui.paint import Painted, Palette, Row, clock

SHORTEST_BAR = 12
"""Columns below which the bar says nothing."""


class ReplayLine(Painted):
    """Takes what the replay tells of itself; a click goes to that moment."""

    playing: reactive[Playing] = reactive(Playing(0.0, 0.0))

    class Wanted(Message):
        """Go on from here, seconds of session time."""

        def __init__(self, t: float) -> None:
            super().__init__()
            self.t = t

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bar = (0, 0)
        """First column and width of the bar, as it was painted."""

    def on_click(self, event: events.Click) -> None:
        """The moment under the pointer."""
        first, width = self._bar
        if first <= event.x < first + width and width > 1:
            self.post_message(self.Wanted((event.x - first) / (width - 1) * self.playing.length))

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """State, position and length, bar, speed; the remark where there is room."""
        now = self.playing
        row = Row(palette, width, "panel").own(" ")
        if now.is_paused:
            row.own("‖ paused ", "warning", bold=True)
        else:
            row.own("▶ ", "success", bold=True)
        row.own(position(now.at, now.length), bold=True).own(f" / {clock(now.length)} ")
        right = row.part().own(f" ×{now.speed:g} ", "foreground", bold=now.speed != 1.0)
        if now.remark and row.cells + right.cells + len(now.remark) + SHORTEST_BAR + 2 <= width:
            right.own(f"· {now.remark} ", "quiet")
        elif now.known < 1.0 and width >= 60:
            right.own(f"· {now.known:.0%} read ", "quiet")
        room = width - row.cells - right.cells
        self._bar = (row.cells, room) if room >= SHORTEST_BAR else (0, 0)
        if room >= SHORTEST_BAR:
            past = round(room * min(1.0, now.at / now.length)) if now.length else 0
            row.own("━" * past, "accent").own("─" * (room - past), "rule")
        return [row.end_with(right)]


def position(at: float, length: float) -> str:
    """`4:12.3`: a step from event to event must be seen."""
    return f"{clock(at)}.{int(at * 10) % 10}" if length < 36_000 else clock(at)
