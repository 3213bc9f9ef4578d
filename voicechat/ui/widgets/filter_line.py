"""`/`: the filter of the event list, applied while it is typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from voicechat.ui.inspector.query import LONGEST, BadTerm, Query, parse
from voicechat.ui.paint import keys_of_app, palette_of
from voicechat.ui.sanitise import clean, safe

NO_LOCAL = "-dir:local"
WITH_LOCAL = "-is:audio"
DEFAULT_FILTER = f"{WITH_LOCAL} {NO_LOCAL}"
"""Audio is nine events in ten and says nothing in words; what this program saw and did would bury the API's events."""
QUIET_FOR = 0.1
"""Seconds without a key before the filter is applied."""
EARLIER_KEPT = 50
_NAME = re.compile(r"(?<!\S)-?(?:[a-z]+:|\.[\w.\[\]]+(?=[<>=!~]))|(?<!\S)-(?=\S)")


class TermColors(Highlighter):
    """Names of fields in the accent colour."""

    def __init__(self, color: Callable[[], str]) -> None:
        self._color = color

    def highlight(self, text: Text) -> None:
        style = Style(color=self._color())
        for found in _NAME.finditer(text.plain):
            text.stylize(style, *found.span())


class FilterField(Input):
    """One line of text; what is pasted becomes one, too."""

    def on_focus(self) -> None:
        """What is typed next is a term of its own; the others stay.

        Replacing all of them, as text that is selected would be, takes the filter of the start along, and audio buries
        what was looked for. The mouse puts the cursor elsewhere right after this.
        """
        if self.value and not self.value.endswith(" "):
            with self.prevent(Input.Changed):
                self.value += " "
        self.cursor_position = len(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        self.insert_text_at_cursor(clean(event.text, one_line=True).strip())
        event.stop()
        event.prevent_default()


class FilterLine(Horizontal):
    """Sign, field, and what is wrong with it or what the keys do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(1)", show=False),
        Binding("down", "recall(-1)", show=False),
    ]

    class Asked(Message):
        """A filter that can be read. Nothing is sent for one that cannot: the last good one stays in force."""

        def __init__(self, query: Query) -> None:
            super().__init__()
            self.query = query

    class Left(Message):
        """The keyboard goes back to the list."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.applied = DEFAULT_FILTER
        """The filter in force."""
        self.start = DEFAULT_FILTER
        """What is left of it when it is cleared: with local events or without."""
        self.trouble = ""
        """Why what stands in the field is not in force."""
        self._earlier: list[str] = []
        self._back = 0
        self._typed = ""
        self._timer: Timer | None = None
        colors = TermColors(lambda: palette_of(self.app).hex("accent"))
        self.field = FilterField(
            DEFAULT_FILTER, id="filter-field", max_length=LONGEST, select_on_focus=False, highlighter=colors
        )
        """The text field; made here, since a screen that closes at once composes nothing and is still asked."""

    def compose(self) -> ComposeResult:
        yield Static("", id="filter-sign", markup=False)
        yield self.field
        yield Static("", id="filter-hint", markup=False)

    def on_mount(self) -> None:
        """Sign and hint, unless the screen closes before it was composed."""
        if self.query("#filter-hint"):
            self.query_one("#filter-sign", Static).update(safe(" / "))
            self._say()

    @property
    def is_typing(self) -> bool:
        return self.field.has_focus

    @property
    def is_default(self) -> bool:
        return self.applied in (DEFAULT_FILTER, WITH_LOCAL) and not self.trouble

    def put(self, text: str) -> None:
        self._remember(self.applied)
        self._write(clean(text, one_line=True)[:LONGEST])
        self.field.cursor_position = len(self.field.value)
        self._apply()

    def clear(self) -> None:
        self.put(self.start)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(QUIET_FOR, self._apply)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._apply()
        if not self.trouble:
            self._remember(self.applied)
            self.post_message(self.Left())

    def action_recall(self, by: int) -> None:
        """Up: earlier filters; down: later ones, and what was being typed last."""
        if self._back == 0:
            self._typed = self.field.value
        self._back = min(max(0, self._back + by), len(self._earlier))
        self.field.value = self._earlier[-self._back] if self._back else self._typed
        self.field.cursor_position = len(self.field.value)

    def on_descendant_focus(self) -> None:
        self._back = 0
        self._say()

    def on_descendant_blur(self) -> None:
        """What was typed counts, and what cannot be read goes."""
        self._apply()
        self.trouble = ""
        self._write(self.applied)
        self._say()

    def _apply(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self.field.value.strip()
        query = parse(text)
        self.trouble = clean(query.reason, one_line=True) if isinstance(query, BadTerm) else ""
        if isinstance(query, Query) and text != self.applied:
            self.applied = text
            self.post_message(self.Asked(query))
        self._say()

    def _write(self, text: str) -> None:
        with self.prevent(Input.Changed):
            self.field.value = text

    def _remember(self, text: str) -> None:
        if text and text != DEFAULT_FILTER:
            self._earlier = [*[other for other in self._earlier if other != text], text][-EARLIER_KEPT:]
        self._back = 0

    def _say(self) -> None:
        hint = self.query_one("#filter-hint", Static)
        keys = keys_of_app(self.app)
        if self.trouble:
            words = f" ✕ {self.trouble} "
        else:
            words = f" ↑ earlier · {keys.of('back')} clears " if self.is_typing else f" {keys.of('help')} filters "
        hint.update(safe(palette_of(self.app).glyphs(words)))
        hint.set_class(bool(self.trouble), "-bad")
