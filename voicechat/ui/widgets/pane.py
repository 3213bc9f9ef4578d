"""What several panes are made of: the title row, and Textual's list of options with a cursor that stays at its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from voicechat.ui.paint import Painted, Palette, Row, palette_of

CURSOR = "▸ "


class PaneTitle(Painted):
    """One row: name, counts, and what the pane does."""

    left: reactive[tuple[str, str]] = reactive(("", ""))
    right: reactive[str] = reactive("")
    focused_pane: reactive[bool] = reactive(False)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        row = Row(palette, width, "panel").own("▎" if self.focused_pane else " ", "accent")
        row.spoken(f"{self.left[0]} ", bold=True).spoken(palette.glyphs(self.left[1]), "quiet")
        keys = self.right.split(" · ") if self.right else []
        while len(keys) > 1 and row.cells + len(" · ".join(keys)) + 2 > width:
            keys.pop()  # the title is never cut for a key
        right = row.part().own(f" {' · '.join(keys)} " if keys else "", "quiet")
        return [row.cut_to(width - right.cells).end_with(right)]


class Choice(NamedTuple):
    """One option of a list. Without a key it is a title, which the cursor passes over.

    Two options may have one key: devices of one name are one wish.
    """

    key: str
    prompt: Content


class PickList(OptionList):
    """The cursor stays with the key of its option, whatever comes and goes around it."""

    def __init__(self, choices: Callable[[], Sequence[Choice]], *, id: str | None = None) -> None:
        """`choices` makes the options for the present width; it is asked at every `refill`."""
        super().__init__(id=id)
        self._choices = choices
        self._shown: list[Choice] = []
        self._is_asked = False
        self._placed = ""
        """Key of the option where the cursor was put here; the user has moved it if it is elsewhere."""
        self.start = ""
        """Key of the option where the cursor is at first; the first one where there is none."""

    @property
    def room(self) -> int:
        """Columns of an option."""
        return max(1, self.scrollable_content_region.width - len(CURSOR))

    @property
    def current(self) -> str:
        """Key of the option with the cursor."""
        return "" if self.highlighted is None else self._shown[self.highlighted].key

    def move_to(self, key: str) -> None:
        keys = [known.key for known in self._shown]
        if key and key in keys:
            self.highlighted = keys.index(key)

    def refill(self) -> None:
        """Ask for the options, once for all that changes together."""
        self._is_asked = self._is_asked or self.call_later(self._refill)

    def _refill(self) -> None:
        self._is_asked = False
        before, current = self._shown, self.current
        self._shown = list(self._choices())
        if [choice.key for choice in before] != [choice.key for choice in self._shown]:
            self.set_options(Option("", disabled=not choice.key) for choice in self._shown)
            self.action_first()
            self.move_to(self.start)
            if current == self._placed:
                self._placed = self.current
            else:
                self.move_to(current)
        sign = palette_of(self.app).glyphs(CURSOR)
        for place, (option, choice) in enumerate(zip(self.options, self._shown, strict=True)):
            first = Content.styled(sign, "bold $accent") if place == self.highlighted else Content(" " * len(CURSOR))
            prompt = first + Content(f"\n{' ' * len(CURSOR)}").join(choice.prompt.split("\n"))
            if not isinstance(option.prompt, Content) or not option.prompt.is_same(prompt):
                self.replace_option_prompt_at_index(place, prompt)

    def on_resize(self) -> None:
        self.refill()

    def watch_highlighted(self, highlighted: int | None) -> None:
        """The cursor has a sign, for eyes without colours."""
        super().watch_highlighted(highlighted)
        self.refill()
