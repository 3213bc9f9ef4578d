"""The developer view: who stands where, who has the keyboard, and what one pane tells another.

Normal and wide screens show transcript, events and what lies below them at once; on a compact one they share one
place, and the one with the keyboard has it (its *face*). The timeline stands above the deck at every size.

The panes are made after the first frame (a tenth of a second nobody should wait for); what comes before is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from voicechat.core.view import MicView
from voicechat.engine.link import Batch, Jumped, Meters
from voicechat.ui.screens.slices import SlicesScreen
from voicechat.ui.sizes import SizeClass, size_class
from voicechat.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from voicechat.ui.widgets.events_pane import EventsPane
    from voicechat.ui.widgets.problems_pane import ProblemsPane
    from voicechat.ui.widgets.timeline import Timeline

Face = Literal["transcript", "list", "details", "problems"]
FACES: tuple[Face, ...] = ("transcript", "list", "details", "problems")
DEVELOPER_CLASSES = frozenset({*(f"-face-{face}" for face in FACES), "-details"})
"""Classes of the screen that tell the style sheet what stands in a place that is shared."""


class DeveloperScreen(SlicesScreen):
    """The part of the screen that looks at events. `TalkScreen` composes it and owns the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_pane(1)", show=False),
        Binding("shift+tab", "next_pane(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.is_built = False
        """The panes that are not part of the first frame are there."""
        self._is_building = False
        self._early: list[Batch] = []
        """Events that came before the list was there."""
        self._wishes: list[Callable[[], object]] = []
        """Views that were asked for before they were there."""
        self.shows_events = False
        """The developer view has the main area."""
        self.face: Face = "list"
        self._tinted_for = ""
        """The filter whose hits the timeline shows."""
        self._details_come_with_size = False
        """Nobody asked for the details; they are there because the screen is wide."""

    @cached_property
    def problems(self) -> ProblemsPane:
        """What went wrong."""
        from voicechat.ui.widgets.problems_pane import ProblemsPane

        return ProblemsPane()

    @cached_property
    def inspector(self) -> EventsPane:
        """The events, and below them details and problems."""
        from voicechat.ui.widgets.events_pane import EventsPane

        return EventsPane(self.problems)

    @cached_property
    def timeline(self) -> Timeline:
        """The lanes above the deck."""
        from voicechat.ui.widgets.timeline import Timeline

        return Timeline()

    def build(self) -> None:
        """Make the panes that are not part of the first frame, once."""
        if not self._is_building:
            self._is_building = True
            self.place_panes()
            self.call_after_refresh(self._begin_panes)

    def place_panes(self) -> None:
        """`TalkScreen` knows where they stand."""
        raise NotImplementedError

    def when_built(self, wish: Callable[[], object]) -> None:
        """Do this as soon as the panes are there."""
        self._wishes.append(wish)
        self.call_later(self.build)

    def _begin_panes(self) -> None:
        """They are mounted, children and all: from here on they are told what happens."""
        self.is_built = True
        early, self._early = self._early, []
        for batch in early:
            self.take_batch(batch)
        self.fit_details()
        self.rearrange()
        wishes, self._wishes = self._wishes, []
        for wish in wishes:
            wish()

    def rearrange(self) -> None:
        """Show what the state says; `TalkScreen` knows how."""
        raise NotImplementedError

    def focus_transcript(self) -> None:
        """The keyboard's home."""
        raise NotImplementedError

    # what comes in
    def take_state(self, t: float, mic: MicView, meters: Meters) -> None:
        """Every report of the engine, also those that the screen does not show for lack of time."""
        if self.is_built:
            self.timeline.take_state(t, mic, meters)

    def take_batch(self, batch: Batch) -> None:
        """New events."""
        if not self.is_built:
            self._early.append(batch)
            return
        self.inspector.take(batch)
        self.timeline.take_rows(batch.rows)

    def jump_panes(self, jumped: Jumped) -> None:
        """The list forgets what is void; the timeline is told of the stretch that nobody watched."""
        if not self.is_built:
            if jumped.anew:
                self._early.clear()
            self.when_built(lambda: self.timeline.jump(jumped))
            return
        if jumped.anew:
            self.inspector.begin_anew()
        self.timeline.jump(jumped)

    def advance_timeline(self) -> None:
        """With each state that is shown: one frame for deck and timeline."""
        if self.is_built:
            self._mark_selected()
            self.timeline.advance()

    def _mark_selected(self) -> None:
        """While the list follows nothing is selected: the newest event is where now is."""
        listed = self.inspector.events
        entry = None if listed.follow else listed.current_entry
        self.timeline.selected = entry.t if entry is not None else None
        if self._tinted_for != self.inspector.filter.applied:
            self._tinted_for = self.inspector.filter.applied
            self.timeline.refresh()

    # what is shown
    @property
    def size_class(self) -> SizeClass:
        """Of the whole screen."""
        return size_class(*self.app.size)

    def developer_classes(self) -> set[str]:
        """For the style sheet, while this view is shown."""
        return {f"-face-{self.face}", *(["-details"] if self.inspector.detail.display else [])}

    def show_events(self, wanted: bool) -> None:
        """The developer view, or back to the talk."""
        if not self.is_built:
            if wanted:
                self.when_built(lambda: self.show_events(True))
            return
        self.shows_events = wanted
        self.face = "list"
        if wanted:
            self.inspector.flush()
            self.fit_details()
        self.rearrange()
        if wanted:
            self.inspector.events.focus()
        else:
            self.focus_transcript()

    def fit_details(self) -> None:
        """Wide screens have room for the details at all times; elsewhere they are there when they were asked for."""
        if not self.is_built:
            return
        detail, is_wide = self.inspector.detail, self.size_class == "wide"
        if is_wide and self.shows_events and not detail.display:
            self._details_come_with_size = True
            self.inspector.show_details(True)
        elif not is_wide and self._details_come_with_size:
            self._details_come_with_size = False
            if not detail.text.has_focus:
                self.inspector.show_details(False)

    def close_developer(self) -> bool:
        """Close one thing of this view; False: nothing but the view itself is left."""
        if self.timeline.release():
            self.inspector.release_span()
        elif self.size_class == "compact" and self.face in ("transcript", "problems"):
            self.turn_to(self.inspector.events)
        elif self.size_class == "wide" and self.inspector.detail.text.has_focus:
            self.inspector.events.focus()
        elif self.size_class == "wide" and self.inspector.filter.is_default and not self.inspector.filter.is_typing:
            return False
        else:
            return self.inspector.close_one(keep_details=self.size_class == "wide")
        return True

    # the keyboard
    def stops(self) -> list[Widget]:
        """Where Tab goes: transcript, events, filter, details, problems, timeline, drawer."""
        pane, transcript = self.inspector, self.query_one(Transcript)
        wanted: list[Widget] = [transcript.turn_list] if transcript.display else []
        wanted += [pane.events, pane.filter.field]
        wanted += [pane.detail.text] if pane.detail.display else []
        if self.size_class != "normal" or not pane.detail.display:
            wanted.append(self.problems)
        return [*wanted, self.timeline, *self._drawers()]

    def _drawers(self) -> list[Widget]:
        """What is open above the main area and takes keys."""
        boxes = [child for child in self.query_one("#main").children if child.id != "talk" and child.display]
        able = [[part for part in box.query("*").results(Widget) if part.can_focus and part.display] for box in boxes]
        return [
            box if box.can_focus else parts[0] for box, parts in zip(boxes, able, strict=True) if box.can_focus or parts
        ]

    def action_next_pane(self, by: int) -> None:
        """The keyboard to the next pane; outside the developer view, to the next widget."""
        stops = self.stops() if self.shows_events else []
        here = next((place for place, stop in enumerate(stops) if stop is self.focused), None)
        if here is None:
            self.focus_next() if by > 0 else self.focus_previous()
        else:
            self.turn_to(stops[(here + by) % len(stops)])

    def turn_to(self, pane: Widget) -> None:
        """Show a pane and give it the keyboard."""
        self._turn_face(pane)
        self.call_after_refresh(self.set_focus, pane)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane with the keyboard is the one a compact screen shows."""
        if self.shows_events:
            self._turn_face(event.widget)

    def _turn_face(self, widget: Widget) -> None:
        face = self._face_of(widget)
        if face is not None and face != self.face:
            self.face = face
            self.rearrange()

    def _face_of(self, widget: Widget) -> Face | None:
        from voicechat.ui.widgets.detail_pane import DetailPane
        from voicechat.ui.widgets.event_list import EventList
        from voicechat.ui.widgets.filter_line import FilterLine
        from voicechat.ui.widgets.problems_pane import ProblemsPane

        for ancestor in widget.ancestors_with_self:
            match ancestor:
                case Transcript():
                    return "transcript"
                case EventList() | FilterLine():
                    return "list"
                case DetailPane():
                    return "details"
                case ProblemsPane():
                    return "problems"
                case _:
                    pass
        return None

    # what the panes say
    def on_events_pane_details_shown(self) -> None:
        """They came or went: on a compact screen in place of the list, on a normal one in place of the problems."""
        shown = bool(self.inspector.detail.display)
        if self.size_class == "compact" and self.shows_events and (shown or self.face == "details"):
            self.turn_to(self.inspector.detail.text if shown else self.inspector.events)
        self.rearrange()

    def on_event_list_selected(self) -> None:
        """The mark on the timeline goes along."""
        self._mark_selected()

    def on_timeline_picked(self, message: Timeline.Picked) -> None:
        """The event nearest to a moment."""
        self.inspector.select_time(message.t)
        self._mark_selected()

    def on_timeline_span_chosen(self, message: Timeline.SpanChosen) -> None:
        """Only what happened there."""
        self.inspector.show_span(message.start, message.end)
        self.call_after_refresh(self._mark_selected)

    def on_problems_pane_evidence_wanted(self, message: ProblemsPane.EvidenceWanted) -> None:
        """To the event that shows a problem, and what it says."""
        if not self.shows_events:
            self.show_events(True)
        if not self.inspector.select_seq(message.evidence.seq):
            return
        if message.evidence.t is not None:
            self.timeline.show_moment(message.evidence.t)
        self.inspector.show_details(True)
        self._mark_selected()
        if self.size_class != "wide":  # the details stand where the problems stood
            self.turn_to(self.inspector.detail.text if self.size_class == "compact" else self.inspector.events)

    # keys that work anywhere in this view
    def zoom(self, by: int) -> None:
        """The timeline, closer (1) or wider (-1)."""
        if self.shows_events:
            self.timeline.zoom(by)

    def next_problem(self, by: int) -> None:
        """The next (1) or previous (-1) problem; in sight on every size."""
        if self.shows_events and self.problems.move(by):
            if self.size_class == "normal" and self.inspector.detail.display:
                self.inspector.show_details(False)
            self.turn_to(self.problems)
