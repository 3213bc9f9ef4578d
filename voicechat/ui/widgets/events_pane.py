"""`F2`: the list of events, and beside or below it the payload of the one that was asked for."""

from __future__ import annotations

import json

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from voicechat.engine.link import Batch, EventRow
from voicechat.ui.paint import Painted, Palette, Row, palette_of
from voicechat.ui.sanitise import show
from voicechat.ui.widgets.event_list import EventList, session_time

LONGEST_PAYLOAD = 64 * 1024
"""Characters of one payload that are shown."""


class PaneTitle(Painted):
    """One row: name, counts, and what the list does."""

    left: reactive[tuple[str, str]] = reactive(("", ""))
    right: reactive[str] = reactive("")
    focused_pane: reactive[bool] = reactive(False)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """The row."""
        row = Row(palette, width, "panel").own("▎" if self.focused_pane else " ", "accent")
        row.own(f"{self.left[0]} ", bold=True).spoken(self.left[1], "quiet")
        right = row.part().own(f" {self.right} ", "quiet")
        return [row.cut_to(width - right.cells).end_with(right)]


def pretty(payload: str) -> str:
    """JSON over lines, as it is read by people; text that is none stays. Everything odd in it is made visible."""
    try:
        text = json.dumps(json.loads(payload, strict=False), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = payload
    cut = f"\n… {len(text) - LONGEST_PAYLOAD} characters more" if len(text) > LONGEST_PAYLOAD else ""
    return "\n".join(show(line) for line in text[:LONGEST_PAYLOAD].split("\n")) + cut


def payload_content(palette: Palette, payload: str) -> Content:
    """Keys in the assistant's colour, numbers in yours."""
    lines = []
    for line in pretty(payload).split("\n"):
        name, colon, value = line.partition(": ")
        if colon and name.lstrip().startswith('"'):
            color = palette.hex("you" if value[:1].isdigit() or value[:1] == "-" else "foreground")
            key = Content.styled(name.replace('"', ""), palette.hex("assistant"))
            lines.append(Content.assemble(key, "  ", Content(value.rstrip(",")).stylize(color)))
        else:
            lines.append(Content(line.rstrip(",")).stylize(palette.hex("quiet")))
    return Content("\n").join(lines)


class EventsPane(Container):
    """List and payload."""

    def compose(self) -> ComposeResult:
        """The payload stays hidden until asked for."""
        with Container(id="listed"):
            yield PaneTitle(id="list-title")
            yield EventList(id="event-list")
        with Container(id="payload"):
            yield PaneTitle(id="payload-title")
            with VerticalScroll(id="payload-scroll"):
                yield Static("", id="payload-text", markup=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.dropped = 0

    def on_mount(self) -> None:
        """Nothing chosen yet."""
        self.query_one("#payload").display = False
        self._retitle()

    @property
    def events(self) -> EventList:
        """The list."""
        return self.query_one(EventList)

    def take(self, batch: Batch) -> None:
        """New rows; `dropped` ones were too many for the link."""
        self.dropped += batch.dropped
        self.events.append(batch.rows)

    def on_event_list_moved(self) -> None:
        """Counts and following."""
        self._retitle()

    def _retitle(self) -> None:
        events = self.events
        lost = f" · {self.dropped} not kept" if self.dropped else ""
        title = self.query_one("#list-title", PaneTitle)
        title.left = ("EVENTS", f"{events.arrived:,}{lost}".replace(",", " "))
        title.right = "▾ following" if events.follow else f"‖ {events.below} newer · End"
        title.focused_pane = events.has_focus

    def on_event_list_chosen(self, message: EventList.Chosen) -> None:
        """Show the payload."""
        message.stop()
        self.show_payload(message.row)

    def show_payload(self, row: EventRow) -> None:
        """The payload of one row in its pane."""
        self.query_one("#payload").display = True
        title = self.query_one("#payload-title", PaneTitle)
        title.left = (show(row.type), f" {session_time(row.t)}   {row.size} bytes")
        title.right = "Esc closes"
        text = payload_content(palette_of(self.app), row.payload or "{}")
        self.query_one("#payload-text", Static).update(text)
        self.query_one("#payload-scroll").scroll_home(animate=False)

    def close_payload(self) -> bool:
        """Hide it; False: it was not open."""
        payload = self.query_one("#payload")
        was_open, payload.display = bool(payload.display), False
        return was_open
