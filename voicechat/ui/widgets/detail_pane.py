"""One event in full: what it means, its facts, where it leads, and its JSON."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from voicechat.ui.inspector.describing import Description, describe, title_of
from voicechat.ui.inspector.entries import EventStore
from voicechat.ui.inspector.json_lines import Piece, json_lines
from voicechat.ui.inspector.links import Link, LinkName, links_of
from voicechat.ui.paint import Painted, Palette, Row, keys_of_app, palette_of
from voicechat.ui.widgets.line_view import LineView

MARGIN = 2
NOTHING = Description([], {})


class PaneTitle(Painted):
    """One row: name, counts, and what the pane does."""

    left: reactive[tuple[str, str]] = reactive(("", ""))
    right: reactive[str] = reactive("")
    focused_pane: reactive[bool] = reactive(False)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """The row."""
        row = Row(palette, width, "panel").own("▎" if self.focused_pane else " ", "accent")
        row.spoken(f"{self.left[0]} ", bold=True).spoken(palette.glyphs(self.left[1]), "quiet")
        right = row.part().own(f" {self.right} " if self.right else "", "quiet")
        return [row.cut_to(width - right.cells).end_with(right)]


class DetailText(LineView):
    """The lines, painted as they come into sight."""

    class LinkChosen(Message):
        """A click on a link."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[list[Piece]] = []
        self._link_rows: dict[int, int] = {}

    def put(self, lines: list[list[Piece]], link_rows: dict[int, int], *, home: bool) -> None:
        """Other lines; `home` begins at the top."""
        self._lines, self._link_rows = lines, link_rows
        self.forget_lines()
        self.count_lines(len(lines))
        if home:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh()

    def line_key(self, place: int) -> Hashable:
        """Lines change all at once."""
        return place

    def make_line(self, place: int, palette: Palette, width: int) -> Strip:
        """One line, from a margin on."""
        row = Row(palette, width).to(MARGIN)
        for text, color in self._lines[place] if place < len(self._lines) else ():
            row.spoken(text, color, bold=color == "key")
        return row.strip()

    def on_click(self, event: events.Click) -> None:
        """A link is followed."""
        number = self._link_rows.get(event.y + self.scroll_offset.y)
        if number is not None:
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
        """Title over text."""
        yield PaneTitle(id="detail-title")
        yield DetailText(id="detail-text")

    @property
    def text(self) -> DetailText:
        """What has the keyboard when this pane has it."""
        return self.query_one(DetailText)

    def show(self, seq: int | None) -> None:
        """The event with this number; None: nothing is selected."""
        is_other = seq != self.seq
        self.seq = seq
        if is_other:
            self.unfolded = False
        self._make(home=is_other)

    def refresh_run(self) -> None:
        """The run in hand may have grown."""
        run = self.store.run(self.seq) if self.seq is not None else None
        if run is not None and run.count != self._run_of:
            self._make(home=False)

    def toggle_fold(self) -> None:
        """Long strings in full, or folded."""
        self.unfolded = not self.unfolded
        self._make(home=False)

    def along(self) -> Link | None:
        """The response, item or call that is stepped along."""
        ways = [link for link in self.links if link.is_a_way]
        return next((link for link in ways if link.name == self.way), ways[0] if ways else None)

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._make(home=False)

    def on_descendant_focus(self) -> None:
        """The title carries the mark of the keyboard."""
        self.query_one("#detail-title", PaneTitle).focused_pane = True

    def on_descendant_blur(self) -> None:
        """And loses it."""
        self.query_one("#detail-title", PaneTitle).focused_pane = False

    def _make(self, *, home: bool) -> None:
        title = self.query_one("#detail-title", PaneTitle)
        entry = self.store.entry(self.seq) if self.seq is not None else None
        if entry is None:
            self.links = ()
            title.left, title.right = ("DETAILS", ""), ""
            gone = "nothing selected" if self.seq is None else "this event is no longer kept"
            self.text.put([[(gone, "quiet")]], {}, home=True)
            return
        self.links = links_of(self.store, entry.seq)
        run = self.store.run(entry.seq)
        self._run_of = run.count if run is not None else 0
        width = self.size.width - 2 * MARGIN
        told = describe(self.store, entry, self.links, width)
        told_json = json_lines(self.store.payload(entry.seq) or "{}", width, unfolded=self.unfolded)
        lines = [*self._glyphs(told.lines), *self._glyphs(told_json, only="quiet")]
        name, id = title_of(entry)
        title.left = (name, f" {id}" if id else "")
        title.right = self._keys(width)
        self.text.put(lines, told.link_rows, home=home)

    def _glyphs(self, lines: Sequence[Sequence[Piece]], only: str = "") -> list[list[Piece]]:
        """Our own words in the alphabet that can be drawn; those of a payload are left as they came."""
        glyphs = palette_of(self.app).glyphs
        return [[(text if only and color != only else glyphs(text), color) for text, color in line] for line in lines]

    def _keys(self, width: int) -> str:
        along = self.along()
        keys = keys_of_app(self.app)
        steps = f"{keys.of('step_back')} {keys.of('step')}"
        parts = [f"{steps} along the {along.name}"] if along is not None else []
        if width >= 60:
            parts = [f"{keys.of('copy')} copy", f"{keys.of('same_id')} same id", *parts]
        return " · ".join([*parts, f"{keys.stop} closes"])
