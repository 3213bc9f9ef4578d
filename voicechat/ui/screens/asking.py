"""The part of the talk screen that asks about calls of tools: which are open, and which got their word already."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import var

from voicechat.core.view import ToolAsk
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.drawers import DrawersScreen


class AskingScreen(DrawersScreen):
    """Keys nearer than the app's own y, a and n, and out of their way while nothing is asked (`check_action`)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "app.consent('once')", "allow", show=False),
        Binding("a", "app.consent('always')", "always", show=False),
        Binding("n", "app.consent('no')", "no", show=False),
    ]
    asked: var[tuple[ToolAsk, ...]] = var[tuple[ToolAsk, ...]](())
    """Calls of tools that wait for the user's word."""

    def __init__(self) -> None:
        super().__init__()
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
        return f"May {clean(self.asked[0].name, one_line=True)} run? y allow · a always · n no" if self.asked else ""

    def show_last(self) -> None:
        """What a tiny screen has room for; the talk screen knows it."""
        raise NotImplementedError

    def watch_asked(self) -> None:
        """Other keys work while a tool waits for its word."""
        if self.is_mounted:
            if self.size_class == "tiny":
                self.show_last()
            self.refresh_place()
