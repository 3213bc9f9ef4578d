"""Keeps the figures of a running talk: feeds the ledger, sends `Numbers`, and tells the session where the money stands.

The ledger runs on session time, so its turns can be compared with the rows of the event list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from voicechat.config.settings import Settings
from voicechat.core import events as on
from voicechat.core.events import Event
from voicechat.engine.link import FromEngine, Numbers
from voicechat.insight.metrics.ledger import BudgetState, Ledger
from voicechat.insight.metrics.prices import read_prices
from voicechat.journal.entry import Entry

METRICS = "metrics and budget limit"
"""What the notice calls this observer."""
EVERY = 0.5
"""Seconds between two `Numbers`."""
RATE_OVER = 3.0
"""Seconds over which a line's bit rate is shown."""


class Bookkeeper:
    """One talk's figures. `watch` sees every entry, `tick` is called many times a second; both on the loop."""

    def __init__(
        self,
        settings: Settings,
        post: Callable[[FromEngine], None] = lambda message: None,
        tell: Callable[[Event], None] = lambda event: None,
        started_at: float = 0.0,
    ) -> None:
        """`started_at`: the zero of session time on the clock of `tick`."""
        prices, _ = read_prices(settings.prices)  # the problems were told when the settings were loaded
        self._budget = settings.budget
        self._stops = settings.budget_stop
        self._ledger = Ledger(budget=settings.budget, stops=settings.budget_stop, prices=prices)
        self.post = post
        """Where `Numbers` go."""
        self.tell = tell
        """How the session hears of its budget."""
        self._started_at = started_at
        self._changed = False
        self._sent: Numbers | None = None
        self._due_at = 0.0
        self._told: BudgetState = "none"
        self._told_blind = False

    def watch(self, entry: Entry) -> None:
        """Take in one event."""
        if self._ledger.feed(entry.t, entry.dir, entry.event):
            self._changed = True
            if entry.dir != "local":
                self._watch_money()

    def tick(self, now: float, *, last: bool = False) -> None:
        """Send what changed, if it is time; `last`: whatever the time."""
        if self._ledger.pass_time(now - self._started_at):
            self._changed = True
            self._watch_money()
        if not self._changed or (now < self._due_at and not last):
            return
        self._changed = False
        self._due_at = now + EVERY
        figures = self._ledger.figures()
        if self._sent is None or figures != self._sent.figures:
            self._sent = Numbers(round(now - self._started_at, 3), figures)
            self.post(self._sent)

    def _watch_money(self) -> None:
        """Each step of the budget is told once; money only grows."""
        ledger = self._ledger
        if self._budget and ledger.is_blind and not self._told_blind:
            self._told_blind = True
            self.tell(on.BudgetBlind(self._budget, ledger.model))
        state = ledger.budget_state
        if state == self._told:
            return
        self._told = state
        if state == "near":
            self.tell(on.BudgetNear(ledger.spent, self._budget))
        elif state == "spent":
            self.tell(on.BudgetSpent(ledger.spent, self._budget, self._stops))


class BitRate:
    """Kilobits a second of one direction, from a running count of bytes."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, int]] = deque(maxlen=8)

    def of(self, count: int | None, now: float) -> float | None:
        """The rate at `now`; None while not connected, or only a moment of it. A new line counts from 0 again."""
        if count is None or (self._past and count < self._past[-1][1]):
            self._past.clear()
        if count is None:
            return None
        # Half a second between samples, so that the figure stands still that long.
        if not self._past or now - self._past[-1][0] >= RATE_OVER / 6:
            self._past.append((now, count))
        (began, first), (ended, last) = self._past[0], self._past[-1]
        return round((last - first) * 8 / 1000 / (ended - began)) if ended - began >= 1.0 else None
