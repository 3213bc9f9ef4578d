"""The part of the talk screen that asks about calls of tools: which are open, and which got their word already."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import var

from voicechat.core.view import ToolAsk
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.drawers import DrawersScreen

ARMED_AFTER = 0.5
"""Seconds for which a new question takes no answer: a key that was already on its way must not run code."""


class AskingScreen(DrawersScreen):
    """Keys nearer than the app's own y, a and n, and out of their way while nothing is asked (`check_action`)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "app.consent('once')", "allow", show=False),
        Binding("a", "app.consent('always')", "always", show=False),
        Binding("n", "app.consent('no')", "no", show=False),
    ]
    asked: var[tuple[ToolAsk, ...]] = var[tuple[ToolAsk, ...]](())
    """Calls of tools that wait for the user's word."""
    armed: var[bool] = var(False)
    """The question has been on the screen for `ARMED_AFTER`, and a key answers it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock: Callable[[], float] = time.monotonic
        self._shown_call = ""
        self.decided: set[str] = set()
        """Calls that got their word, which a state from before it may still ask about."""

    def take_asked(self, asked: tuple[ToolAsk, ...]) -> None:
        """What the engine asks now."""
        self.decided &= {ask.call_id for ask in asked}
        self.asked = tuple(ask for ask in asked if ask.call_id not in self.decided)

    @property
    def drawer_place(self) -> str:
        """A drawer has the keyboard before a question has."""
        return super().drawer_place or ("consent" if self.asked else "")

    @property
    def question(self) -> str:
        """The oldest one in a line, for a screen that has room for no more."""
        if not self.asked:
            return ""
        keys = "y allow · a always · n no" if self.armed else "…"
        return f"May {clean(self.asked[0].name, one_line=True)} run? {keys}"

    def show_last(self) -> None:
        """What a tiny screen has room for; the talk screen knows it."""
        raise NotImplementedError

    def watch_asked(self) -> None:
        """Other keys work while a tool waits for its word."""
        call = self.asked[0].call_id if self.asked else ""
        if call != self._shown_call:
            self._shown_call, self.armed = call, False
            self.call_after_refresh(self._arm_at, call, None)
        if self.is_mounted:
            if self.size_class == "tiny":
                self.show_last()
            self.refresh_place()

    def watch_armed(self) -> None:
        """A tiny screen says so too."""
        if self.is_mounted and self.size_class == "tiny":
            self.show_last()

    def _arm_at(self, call: str, due: float | None) -> None:
        """Arm the question about `call` at `due`; None: `ARMED_AFTER` from now on, when it has just been painted."""
        if not call or call != self._shown_call:
            return
        now = self.clock()
        due = now + ARMED_AFTER if due is None else due
        self.armed = now >= due
        if not self.armed:
            self.set_timer(max(0.01, due - now), lambda: self._arm_at(call, due))
