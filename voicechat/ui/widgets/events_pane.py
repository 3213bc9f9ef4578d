"""`F2`: the list of events, its filter, and the details of the one under the cursor.

For the rest of the screen an event is named by the engine's number (`Entry.seq`).

One event in full: what it means, its facts, where it leads, and its JSON.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Hashable
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from voicechat.engine.link import Batch
from voicechat.journal.entry import Entry
from voicechat.ui.inspector.details import (
    Excerpt,
    Line,
    Link,
    LinkName,
    as_json,
    as_python,
    describe,
    excerpt,
    json_lines,
    links_of,
    step_along,
    title_of,
)
from voicechat.ui.inspector.entries import EventStore, parsed, session_time
from voicechat.ui.inspector.query import BadTerm, parse
from voicechat.ui.paint import LineView, Palette, Row, keys_of_app
from voicechat.ui.widgets.event_list import EventList
from voicechat.ui.widgets.filter_line import DEFAULT_FILTER, NO_LOCAL, WITH_LOCAL, FilterLine
from voicechat.ui.widgets.pane import PaneTitle
from voicechat.ui.wording import grouped

MARGIN = 2


class DetailText(LineView):
    """What is said about the event. Only rows in sight are painted: a session of 20 kB takes 0.1 s as one `Static`."""

    class LinkChosen(Message):
        """A click on a link."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._own = self._links = 0
        """How many of the first lines are our own words, and how many of those are links."""

    def put(self, own: list[Line], links: int, payload: list[Line], *, home: bool) -> None:
        """Other lines; `home` begins at the top."""
        self._lines, self._own, self._links = own + payload, len(own), links
        self.forget_lines()
        self.count_lines(len(self._lines))
        if home:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh()

    def line_key(self, place: int) -> Hashable:
        return place

    def make_line(self, place: int, palette: Palette, width: int) -> Strip:
        row = Row(palette, width).to(MARGIN)
        for text, style in self._lines[place] if place < len(self._lines) else ():
            shade = style.rpartition("$")[2] or "foreground"
            row.spoken(palette.glyphs(text) if place < self._own else text, shade, bold="bold" in style)
        return row.strip()

    def on_click(self, event: events.Click) -> None:
        number = event.y + self.scroll_offset.y + 1
        if number <= self._links:
            self.post_message(self.LinkChosen(number))


class DetailPane(Container):
    """Title and text of one event of the store."""

    def __init__(self, store: EventStore, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.store = store
        self.seq: int | None = None
        """The store's number of the event shown."""
        self.links: tuple[Link, ...] = ()
        self.unfolded = False
        self.way: LinkName = "response"
        """Along which of its ids `<` and `>` step, where the event has it."""
        self._run_of = 0

    def compose(self) -> ComposeResult:
        yield PaneTitle(id="detail-title")
        yield DetailText(id="detail-text")

    @property
    def text(self) -> DetailText:
        return self.query_one(DetailText)

    def show(self, seq: int | None) -> None:
        """The event with this number; None: nothing is selected."""
        is_other = seq != self.seq
        self.seq = seq
        if is_other:
            self.unfolded = False
        self._make(home=is_other)

    def refresh_run(self) -> None:
        run = self.store.run(self.seq) if self.seq is not None else None
        if run is not None and run.count != self._run_of:
            self._make(home=False)

    def toggle_fold(self) -> None:
        self.unfolded = not self.unfolded
        self._make(home=False)

    def along(self) -> Link | None:
        """The response, item or call that is stepped along."""
        ways = [link for link in self.links if link.is_a_way]
        return next((link for link in ways if link.name == self.way), ways[0] if ways else None)

    def on_resize(self) -> None:
        self._make(home=False)

    def on_descendant_focus(self) -> None:
        self.query_one("#detail-title", PaneTitle).focused_pane = self.text.has_focus

    on_descendant_blur = on_descendant_focus

    def _make(self, *, home: bool) -> None:
        title = self.query_one("#detail-title", PaneTitle)
        entry = self.store.entry(self.seq) if self.seq is not None else None
        if entry is None:
            self.links = ()
            title.left, title.right = ("DETAILS", ""), ""
            gone = "nothing selected" if self.seq is None else "this event is no longer kept"
            self.text.put([[(gone, "$quiet")]], 0, [], home=True)
            return
        self.links = links_of(self.store, entry.seq)
        run = self.store.run(entry.seq)
        self._run_of = run.count if run is not None else 0
        width = self.size.width - 2 * MARGIN - 1
        told = describe(self.store, entry, self.links, width)
        payload = json_lines(self.store.payload(entry.seq) or "{}", width, unfolded=self.unfolded)
        name, id = title_of(entry)
        title.left = (name, f" {id}" if id else "")
        title.right = self._keys(width)
        self.text.put(told, len(self.links), payload, home=home)

    def _keys(self, width: int) -> str:
        along = self.along()
        keys = keys_of_app(self.app)
        steps = f"{keys.of('step_back')} {keys.of('step')}"
        parts = [f"{steps} along the {along.name}"] if along is not None else []
        if width >= 60:
            parts = [f"{keys.of('copy')} copy", f"{keys.of('same_id')} same id", *parts]
        return " · ".join([f"{keys.of('back')} closes", *parts])


SLICE = 100
"""Events taken in at once (half a millisecond); a key pressed meanwhile waits no longer than that."""
DETAILS_AFTER = 0.05
"""Seconds between a move of the cursor and its details, so that a held key only moves the cursor."""
DETAILS_EVERY = 0.25
"""The same while the list follows: nobody reads ten events a second."""
JUMPS_KEPT = 100
_PLAIN_ID = re.compile(r"[\w.\-]+")
_SPAN_TERM = re.compile(r"(?<!\S)-?(?:after|before):\S*")


class EventsPane(Container):
    """List and details over one store."""

    class DetailsShown(Message):
        """The details appeared or went."""

    def __init__(self, *beside: Widget, id: str | None = None) -> None:
        """`beside`: what shares the place below the list with the details."""
        super().__init__(id=id)
        self._beside = beside
        self.store = EventStore()
        self.dropped = 0
        """Rows that the link had no room for."""
        self._waiting: deque[Entry] = deque()
        self._takes_in = False
        self._details_timer: Timer | None = None
        self._jumped_from: deque[int] = deque(maxlen=JUMPS_KEPT)

    def compose(self) -> ComposeResult:
        with Container(id="listed"):
            yield PaneTitle(id="list-title")
            yield FilterLine(id="filter-line")
            yield EventList(self.store, id="event-list")
        with Container(id="below"):
            yield DetailPane(self.store, id="details")
            yield from self._beside

    def on_mount(self) -> None:
        """Nothing chosen yet; the filter of the start is in force."""
        self.show_details(False)
        self._ask(DEFAULT_FILTER)
        self._retitle()

    @property
    def events(self) -> EventList:
        return self.query_one(EventList)

    @property
    def detail(self) -> DetailPane:
        return self.query_one(DetailPane)

    @property
    def filter(self) -> FilterLine:
        return self.query_one(FilterLine)

    # what comes in
    def take(self, batch: Batch) -> None:
        """New rows; `dropped` ones were too many for the link."""
        self.dropped += batch.dropped
        self._waiting.extend(batch.rows)
        if not self._takes_in:
            self._takes_in = self.call_later(self._take_in)

    async def _take_in(self) -> None:
        for _ in range(20):  # then other messages of this widget have their turn
            if not self._waiting:
                break
            self.store.add([self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))])
            await asyncio.sleep(0)  # keys first
        self._takes_in = bool(self._waiting) and self.call_later(self._take_in)

    def begin_anew(self) -> None:
        self._waiting.clear()
        self.store.clear()
        self.events.begin_anew()
        self._retitle()

    def flush(self) -> None:
        self.store.add(self._waiting)
        self._waiting.clear()
        self.events.flush()

    # where to look (for timeline, problems, numbers)
    def set_filter(self, text: str) -> None:
        """Show what this filter wants; the one before can be recalled with the up key."""
        self.filter.put(text)

    def select_seq(self, seq: int) -> bool:
        """Put the cursor on the event with the engine's number; filters that hide it fall. False: not kept."""
        self.flush()
        number = self.store.number_of(seq)
        return number is not None and self._go_to(number)

    def select_item(self, item_id: str, *, is_cut: bool) -> bool:
        """The cursor on what cut this item's answer short, else on its first event; filters that hide it fall."""
        self.flush()
        lines = self.store.lines_with("item", item_id)
        if not lines:
            return False
        later = self.store.entries[lines[0] - self.store.base :] if is_cut else []
        cut = next((entry.seq for entry in later if entry.kind.type == "answer.interrupted"), lines[0])
        return self._go_to(cut)

    def select_time(self, t: float) -> None:
        nearest = self.events.shown.nearest(t)
        if nearest is not None:
            self.events.go_to(nearest)

    def show_span(self, start: float, end: float) -> None:
        """Only what happened between two moments, of what the filter wants anyway."""
        rest = " ".join(_SPAN_TERM.sub("", self.filter.applied).split())
        self.set_filter(f"{rest} after:{session_time(max(0.0, start))} before:{session_time(max(0.0, end))}".strip())

    def release_span(self) -> None:
        self.set_filter(" ".join(_SPAN_TERM.sub("", self.filter.applied).split()))

    def hits(self, start: float = float("-inf"), end: float = float("inf")) -> list[float]:
        """When the lines happened that a filter of the user's found, between two moments; none without such a one."""
        return [] if self.filter.is_default else self.events.shown.times(start, end)

    # keys
    @property
    def hides_local(self) -> bool:
        return NO_LOCAL in self.filter.applied

    def toggle_local(self) -> None:
        """Show what this program saw and did between the API's events, or hide it again."""
        others = self.filter.applied.replace(NO_LOCAL, "").strip()
        self.filter.start = WITH_LOCAL if self.hides_local else DEFAULT_FILTER
        self.set_filter(others if self.hides_local else f"{others} {NO_LOCAL}")

    def same_id(self) -> None:
        entry = self.events.current_entry
        if entry is None:
            return
        ids = [id for id in (entry.refs.response, entry.refs.item, entry.refs.call) if _PLAIN_ID.fullmatch(id)]
        if not ids:
            own = parsed(self.store.payload(entry.seq)).get("event_id")
            ids = [own] if isinstance(own, str) and _PLAIN_ID.fullmatch(own) else []
        if ids:
            self.events.go_to(entry.seq)  # the list turns around it
            self.set_filter(f"{self.filter.start} id:{','.join(ids)}")

    def follow_link(self, number: int) -> None:
        """To what link `number` (from 1) of the event under the cursor leads to."""
        links = self._links()
        if not 1 <= number <= len(links):
            return
        link = links[number - 1]
        if link.is_a_way:
            self.detail.way = link.name
        current = self.events.current
        self._jump_to(link.last if link.is_a_way and current == link.first else link.first)

    def step(self, by: Literal[1, -1]) -> None:
        current = self.events.current
        self._links()
        along: Link | None = self.detail.along()
        if along is not None and current is not None:
            self._jump_to(step_along(along, current, by), remember=False)

    def jump_back(self) -> None:
        while self._jumped_from:
            if self._go_to(self._jumped_from.pop()):
                return

    def copied(self, form: Literal["json", "python"]) -> str:
        """The event under the cursor as text; empty where there is none."""
        current = self.events.current
        if current is None:
            return ""
        return as_json(self.store, current) if form == "json" else as_python(self.store, current)

    def tape(self) -> Excerpt:
        lines = sorted(self.events.marked) or self.events.shown.rows
        return excerpt(self.store, lines, grouped=self.events.shown.query.grouped)

    def choose(self) -> None:
        """Enter: show the details; once they are shown, the keyboard goes there, and then unfolds long strings."""
        detail = self.detail
        if not detail.display:
            self.show_details(True)
        elif detail.text.has_focus:
            detail.toggle_fold()
        else:
            detail.text.focus()

    def show_details(self, wanted: bool) -> None:
        if bool(self.detail.display) != wanted:
            self.detail.display = wanted
            self.post_message(self.DetailsShown())
        if wanted:
            self._show_selected()

    def close_one(self, *, keep_details: bool = False) -> bool:
        """Leave the field, close the details or drop the filter; False: there was nothing to close."""
        if self.filter.is_typing:
            self.filter.clear()
            self.events.focus()
        elif self.detail.display and not keep_details:
            self.show_details(False)
            self.events.focus()
        elif not self.filter.is_default:
            self.filter.clear()
        else:
            return False
        return True

    def _links(self) -> tuple[Link, ...]:
        """Those of the event under the cursor, whether its details are in sight or not."""
        current = self.events.current
        if self.detail.seq != current:
            self.detail.show(current)
        return self.detail.links

    def _jump_to(self, seq: int, *, remember: bool = True) -> None:
        current = self.events.current
        if remember and current is not None and current != seq:
            self._jumped_from.append(current)
        self._go_to(seq)

    def _go_to(self, seq: int) -> bool:
        """The cursor on a store number; filters that hide it fall, the one of the start last."""
        if self.events.go_to(seq):
            return True
        for wider in (DEFAULT_FILTER, WITH_LOCAL, ""):
            self.filter.put(wider)
            self._ask(wider)  # at once: the message of the filter line comes too late for what follows
            if self.events.go_to(seq):
                return True
        return False

    def _ask(self, text: str) -> None:
        query = parse(text)
        if not isinstance(query, BadTerm):
            self.events.ask(query)

    # what the parts say
    def on_filter_line_asked(self, message: FilterLine.Asked) -> None:
        message.stop()
        if message.query != self.events.shown.asked:
            self.events.ask(message.query)

    def on_filter_line_left(self, message: FilterLine.Left) -> None:
        message.stop()
        self.events.focus()

    def on_event_list_changed(self, message: EventList.Changed) -> None:
        message.stop()
        self._retitle()
        if self.detail.display and not self.events.follow:
            self.detail.refresh_run()

    def on_event_list_selected(self) -> None:
        """Details follow the cursor, a moment later."""
        if self.detail.display and self._details_timer is None:
            after = DETAILS_EVERY if self.events.follow else DETAILS_AFTER
            self._details_timer = self.set_timer(after, self._show_selected)

    def on_event_list_chosen(self, message: EventList.Chosen) -> None:
        message.stop()
        self.choose()

    def on_detail_text_link_chosen(self, message: DetailText.LinkChosen) -> None:
        message.stop()
        self.follow_link(message.number)

    def _show_selected(self) -> None:
        if self._details_timer is not None:
            self._details_timer.stop()
            self._details_timer = None
        if self.detail.display:
            self.detail.show(self.events.current)

    def _retitle(self) -> None:
        events, title = self.events, self.query_one("#list-title", PaneTitle)
        parts = [f"{grouped(len(events.shown.rows))} shown", f"{grouped(len(self.store))} kept"]
        if events.marked:
            parts.append(f"{len(events.marked)} marked")
        if self.dropped:
            parts.append(f"{grouped(self.dropped)} not kept")
        if events.reference is not None:
            parts.append(f"times from {session_time(events.reference)}")
        title.left = ("EVENTS", " · ".join(parts))
        keys = keys_of_app(self.app)
        frozen = f"‖ frozen · {grouped(events.newer)} newer · {keys.of('follow')}"
        state = f"▾ following · {keys.of('freeze')} freezes" if events.follow else frozen
        title.right = f"{state} · {keys.of('local')} {'shows' if self.hides_local else 'hides'} local events"
        title.focused_pane = events.has_focus or self.filter.is_typing
