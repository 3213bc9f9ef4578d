"""`F7`: the numbers of this talk. Takes figures, the line and the meters; `x` writes the turns to a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Hide, Show
from textual.reactive import reactive
from textual.timer import Timer

from voicechat.core.view import ConnectionView
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.export import as_csv
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.ui.numbers_rows import NumbersShown, rows_of, turns_told
from voicechat.ui.paint import Painted, Palette, Row

EVERY = 0.5
"""Seconds between two paints of what runs by itself: the turn you speak, a limit that fills up."""
MOST_TURNS = 5_000
"""Turns kept for the file."""


class NumbersView(Painted, can_focus=True):
    """Bind `numbers`, `connection` and `figures` (meters without levels)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "app.export_numbers", show=False)]

    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()))
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    figures: reactive[Meters] = reactive(Meters())
    written: reactive[str] = reactive("")
    """The file of the last export, until the view is left."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clock: Callable[[], float] = time.monotonic
        self.came_at = self.clock()
        """When the newest numbers came."""
        self._turns: dict[int, tuple[TurnNumbers, Cost | None]] = {}
        self._timer: Timer | None = None

    def watch_numbers(self, numbers: Numbers) -> None:
        """Keep what is new for the file. A count of turns that begins anew is another engine's."""
        figures = numbers.figures
        if figures.turns and self._turns and figures.turns[-1].number < next(reversed(self._turns)):
            self._turns.clear()
        self._turns |= {turn.number: (turn, cost) for turn, cost in zip(figures.turns, figures.costs, strict=True)}
        while len(self._turns) > MOST_TURNS:
            del self._turns[next(iter(self._turns))]
        self.came_at = self.clock()

    def csv(self) -> str:
        """Every turn so far; empty where there is none."""
        return as_csv(self._turns.values()) if self._turns else ""

    def on_show(self, event: Show) -> None:
        """Only somebody who looks needs a clock."""
        if self._timer is None:
            self._timer = self.set_interval(EVERY, self.refresh)

    def on_hide(self, event: Hide) -> None:
        """And now nobody does."""
        self.written = ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """The title, then the numbers."""
        title = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent").own(" NUMBERS", bold=True)
        told = turns_told(self.numbers.figures)
        if self.written:
            room = width - title.cells - 14
            path = self.written if len(self.written) <= room else f"…{self.written[1 - room :]}"
            title.end_with(title.part().own("written: ", "success").own(f"{path}  ", "quiet"))
        else:
            title.end_with(title.part().own(f"{told} · x exports CSV  " if told else "", "quiet"))
        now = self.numbers.t + self.clock() - self.came_at
        shown = NumbersShown(self.numbers.figures, self.figures, self.connection, now)
        return [title, *rows_of(shown, palette, width, height - 1)]
