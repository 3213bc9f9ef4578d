"""The developer view: who stands where, who has the keyboard, and what one pane tells another.

Normal and wide screens show transcript, events and what lies below them at once; on a compact one they share one
place, and the one with the keyboard has it (its *face*). The timeline stands above the deck at every size.

The panes are made after the first frame (a tenth of a second); what comes before is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from textual.widget import Widget

from voicechat.core.view import MicView, TurnView
from voicechat.engine.link import Batch, Jumped, Meters
from voicechat.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from voicechat.ui.screens.talk import TalkScreen
    from voicechat.ui.widgets.events_pane import EventsPane
    from voicechat.ui.widgets.problems_pane import ProblemsPane
    from voicechat.ui.widgets.ribbon import Ribbon
    from voicechat.ui.widgets.timeline import Timeline

Face = Literal["transcript", "list", "details", "problems"]
FACES: dict[str | None, Face] = {"said": "transcript", "listed": "list", "details": "details", "problems": "problems"}
"""The containers of what takes turns on a compact screen."""
DEVELOPER_CLASSES = frozenset({*(f"-face-{face}" for face in FACES.values()), "-details"})
"""Classes of the screen that tell the style sheet what stands in a place that is shared."""


class Developer:
    """The panes that look at events, and which of them a talk screen shows."""

    def __init__(self, screen: TalkScreen) -> None:
        self.screen = screen
        self.is_built = False
        """The panes that are not part of the first frame are there."""
        self._is_building = False
        self._early: list[Batch] = []
        """Events that came before the list was there."""
        self._when_built: list[Callable[[], object]] = []
        """Views that were asked for before they were there."""
        self.is_shown = False
        """The developer view has the main area."""
        self.face: Face = "list"
        self._tinted_for = ""
        """The filter whose hits the timeline shows."""
        self._details_come_with_size = False
        """The details are there because the screen is wide, not because they were opened."""

    @cached_property
    def problems(self) -> ProblemsPane:
        from voicechat.ui.widgets.problems_pane import ProblemsPane

        return ProblemsPane(id="problems")

    @cached_property
    def inspector(self) -> EventsPane:
        from voicechat.ui.widgets.events_pane import EventsPane

        return EventsPane(self.problems)

    @cached_property
    def timeline(self) -> Timeline:
        from voicechat.ui.widgets.timeline import Timeline

        return Timeline()

    @cached_property
    def ribbon(self) -> Ribbon:
        from voicechat.ui.widgets.ribbon import Ribbon

        return Ribbon(self.timeline)

    def build(self) -> None:
        """Make the panes that are not part of the first frame, once."""
        if not self._is_building:
            self._is_building = True
            self.screen.place_panes()
            self.screen.call_after_refresh(self._begin_panes)

    def when_built(self, action: Callable[[], object]) -> None:
        self._when_built.append(action)
        self.screen.call_later(self.build)

    def _begin_panes(self) -> None:
        """They are mounted, children and all: from here on they are told what happens."""
        self.is_built = True
        early, self._early = self._early, []
        for batch in early:
            self.take_batch(batch)
        self.fit_details()
        self.screen.rearrange()
        waiting, self._when_built = self._when_built, []
        for action in waiting:
            action()

    # what comes in
    def take_state(self, t: float, mic: MicView, meters: Meters) -> None:
        """Every report of the engine, also those that the screen does not show for lack of time."""
        if self.is_built:
            self.timeline.take_state(t, mic, meters)

    def take_batch(self, batch: Batch) -> None:
        if not self.is_built:
            self._early.append(batch)
            return
        self.inspector.take(batch)
        self.timeline.take_rows(batch.rows)

    def jump(self, jumped: Jumped) -> None:
        """The list forgets what is void; the timeline is told of the stretch that nobody watched."""
        if not self.is_built:
            if jumped.anew:
                self._early.clear()
            self.when_built(lambda: self.timeline.jump(jumped))
            return
        if jumped.anew:
            self.inspector.begin_anew()
        self.timeline.jump(jumped)

    def advance(self) -> None:
        """With each state that is shown: one frame for deck and timeline."""
        if self.is_built:
            self.mark_selected()
            self.timeline.advance()
            self.ribbon.advance()

    def mark_selected(self) -> None:
        """While the list follows nothing is selected: the newest event is where now is."""
        listed = self.inspector.events
        entry = None if listed.follow else listed.current_entry
        self.timeline.selected = entry.t if entry is not None else None
        if self._tinted_for != self.inspector.filter.applied:
            self._tinted_for = self.inspector.filter.applied
            self.timeline.refresh()

    def classes(self) -> set[str]:
        return {f"-face-{self.face}", *(["-details"] if self.inspector.detail.display else [])}

    def show(self, wanted: bool) -> None:
        if not self.is_built:
            if wanted:
                self.when_built(lambda: self.show(True))
            return
        self.is_shown = wanted
        self.face = "list"
        if wanted:
            self.inspector.flush()
            self.fit_details()
        self.screen.rearrange()
        if wanted:
            self.inspector.events.focus()
        else:
            self.screen.focus_transcript()

    def fit_details(self) -> None:
        """Wide screens have room for the details at all times; elsewhere they are there when they were asked for."""
        if not self.is_built:
            return
        detail, is_wide = self.inspector.detail, self.screen.size_class == "wide"
        if is_wide and self.is_shown and not detail.display:
            self._details_come_with_size = True
            self.inspector.show_details(True)
        elif not is_wide and self._details_come_with_size:
            self._details_come_with_size = False
            if not detail.text.has_focus:
                self.inspector.show_details(False)

    def close(self) -> bool:
        """Close one thing of this view; False: nothing but the view itself is left."""
        if self.timeline.release():
            self.inspector.release_span()
        elif self.screen.size_class == "compact" and self.face in ("transcript", "problems"):
            self.turn_to(self.inspector.events)
        elif self.screen.size_class == "wide" and self.inspector.detail.text.has_focus:
            self.inspector.events.focus()
        elif (
            self.screen.size_class == "wide"
            and self.inspector.filter.is_default
            and not self.inspector.filter.is_typing
        ):
            return False
        else:
            return self.inspector.close_one(keep_details=self.screen.size_class == "wide")
        return True

    # the keyboard
    def stops(self) -> list[Widget]:
        """Where Tab goes: transcript, events, filter, details, problems, timeline."""
        pane, transcript = self.inspector, self.screen.query_one(Transcript)
        wanted: list[Widget] = [transcript.turn_list] if transcript.display else []
        wanted += [pane.events, pane.filter.field]
        wanted += [pane.detail.text] if pane.detail.display else []
        if self.screen.size_class != "normal" or not pane.detail.display:
            wanted.append(self.problems.listed)
        return [*wanted, self.timeline]

    def next_pane(self, by: int) -> None:
        """The keyboard to the next pane; outside the developer view, to the next widget."""
        stops = self.stops() if self.is_shown else []
        here = next((place for place, stop in enumerate(stops) if stop is self.screen.focused), None)
        if here is None:
            self.screen.focus_next() if by > 0 else self.screen.focus_previous()
        else:
            self.turn_to(stops[(here + by) % len(stops)])

    def turn_to(self, pane: Widget) -> None:
        self._turn_face(pane)
        self.screen.call_after_refresh(self.screen.set_focus, pane)

    def pane_focused(self, widget: Widget) -> None:
        if self.is_shown:
            self._turn_face(widget)

    def _turn_face(self, widget: Widget) -> None:
        face = next((FACES[one.id] for one in widget.ancestors_with_self if one.id in FACES), None)
        if face is not None and face != self.face:
            self.face = face
            self.screen.rearrange()

    # what the panes say
    def details_shown(self) -> None:
        """They came or went: on a compact screen in place of the list, on a normal one in place of the problems."""
        shown = bool(self.inspector.detail.display)
        if self.screen.size_class == "compact" and self.is_shown and (shown or self.face == "details"):
            self.turn_to(self.inspector.detail.text if shown else self.inspector.events)
        self.screen.rearrange()

    def show_event(self, seq: int | None = None, turn: TurnView | None = None) -> None:
        """To the event with the engine's number, or to what cut a turn short, else to its first one; with details."""
        if not self.is_built:
            self.when_built(lambda: self.show_event(seq, turn))
            return
        if not self.is_shown:
            self.show(True)
        is_found = turn is not None and self.inspector.select_item(turn.item_id, is_cut=bool(turn.cut_by))
        is_found = is_found or (seq is not None and self.inspector.select_seq(seq))
        entry = self.inspector.events.current_entry if is_found else None
        if entry is None:
            return
        self.timeline.show_moment(entry.t)
        self.inspector.show_details(True)
        self.mark_selected()
        if self.screen.size_class != "wide":  # the details stand where the problems stood
            self.turn_to(self.inspector.detail.text if self.screen.size_class == "compact" else self.inspector.events)

    # keys that work anywhere in this view
    def zoom(self, by: int) -> None:
        if self.is_shown:
            self.timeline.zoom(by)

    def next_problem(self, by: int) -> None:
        """The next (1) or previous (-1) problem; in sight on every size."""
        if self.is_shown and self.problems.move(by):
            if self.screen.size_class == "normal" and self.inspector.detail.display:
                self.inspector.show_details(False)
            self.turn_to(self.problems.listed)

    @property
    def shown_pane(self) -> EventsPane | None:
        return self.inspector if self.is_shown else None

    def find(self) -> None:
        """Type a filter; from the talk the list opens for it."""
        if not self.is_shown:
            self.show(True)
        if (pane := self.shown_pane) is not None:
            pane.filter.field.focus()
