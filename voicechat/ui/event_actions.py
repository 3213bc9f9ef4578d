"""What the keys of the developer view do with the list of events. They do nothing while the talk is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual.app import App

from voicechat.ui.inspector.words import grouped
from voicechat.ui.screens.talk import TalkScreen

if TYPE_CHECKING:
    from voicechat.ui.widgets.events_pane import EventsPane


class EventActions(App[int]):
    """The actions of the event list, its filter and its details."""

    talk: TalkScreen

    @property
    def events_pane(self) -> EventsPane | None:
        """The list, where it is shown."""
        return self.talk.inspector if self.talk.shows_events else None

    def notice(self, words: str) -> None:
        """Say what has just been done."""
        raise NotImplementedError

    def action_find(self) -> None:
        """Type a filter; from the talk the list opens for it."""
        if self.events_pane is None:
            self.talk.show_events(True)
        if self.events_pane is not None:
            self.events_pane.find()

    def action_freeze(self) -> None:
        """Stand still, or follow again."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_freeze()

    def action_same_id(self) -> None:
        """Only what belongs to the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.same_id()

    def action_zoom(self, by: int) -> None:
        """The timeline closer (1) or wider (-1)."""
        self.talk.zoom(by)

    def action_problem(self, by: int) -> None:
        """To the next (1) or previous (-1) problem."""
        self.talk.next_problem(by)

    def action_mark(self) -> None:
        """Mark the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_mark()

    def action_time_reference(self) -> None:
        """Count times from the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_reference()

    def action_gaps(self) -> None:
        """Times since the line above in place of times since the start, and back."""
        if self.events_pane is not None:
            events = self.events_pane.events
            events.gap_first = not events.gap_first

    def action_follow_link(self, number: int) -> None:
        """To the event that a link leads to."""
        if self.events_pane is not None:
            self.events_pane.follow_link(number)

    def action_step(self, by: Literal[1, -1]) -> None:
        """Along the same response, item or call."""
        if self.events_pane is not None:
            self.events_pane.step(by)

    def action_jump_back(self) -> None:
        """To where the last jump began."""
        if self.events_pane is not None:
            self.events_pane.jump_back()

    def action_copy_event(self, form: Literal["json", "python"]) -> None:
        """The event under the cursor."""
        text = self.events_pane.copied(form) if self.events_pane is not None else ""
        if text:
            self.copy_to_clipboard(text)
            self.notice(f"event copied as {'JSON' if form == 'json' else 'Python'}")

    def action_copy_tape(self) -> None:
        """The marked events, else those the filter shows."""
        copy = self.events_pane.tape() if self.events_pane is not None else None
        if copy is not None and copy.text:
            self.copy_to_clipboard(copy.text)
            whole = "" if copy.events == copy.wanted else f"newest of {grouped(copy.wanted)} "
            self.notice(f"{grouped(copy.events)} {whole}events copied as a tape")
