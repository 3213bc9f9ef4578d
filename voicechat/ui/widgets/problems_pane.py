"""What is wrong in this talk, in words: what happened and what cures it, open ones first, the worst of them on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from voicechat.engine.link import Evidence, Finding
from voicechat.ui.inspector.entries import session_time
from voicechat.ui.paint import Painted, Palette, Row, keys_of_app

GLYPHS = {"error": ("✕", "error"), "warning": ("▲", "warning"), "info": ("·", "quiet")}
WORST_FIRST = ("error", "warning", "info")
INDENT = 3
ROOMY = 10
"""Rows from which the chosen problem also tells its cause and when it was seen."""


@dataclass(frozen=True, slots=True)
class Line:
    """One painted line and the problem it belongs to."""

    row: Row
    id: str


def in_order(findings: tuple[Finding, ...]) -> list[Finding]:
    """Open before resolved, errors before warnings; within a kind in the order they were first seen."""
    return sorted(findings, key=lambda one: (one.resolved, WORST_FIRST.index(one.severity)))


class ProblemsPane(Painted, can_focus=True):
    """Takes the findings; posts the event that proves the chosen one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    findings: reactive[tuple[Finding, ...]] = reactive[tuple[Finding, ...]](())
    turns_spoken: reactive[int] = reactive(0)
    cursor: reactive[str] = reactive("")
    """`Finding.id` of the chosen one; empty: none yet."""

    class EvidenceWanted(Message):
        """The event is wanted that shows this problem."""

        def __init__(self, evidence: Evidence) -> None:
            super().__init__()
            self.evidence = evidence

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: list[str] = []
        """Which problem stands in which row."""
        self._looked_at: tuple[str, int] = ("", 0)
        """Whose evidence was shown last, and how many of it."""

    # the keyboard and the mouse
    def move(self, by: int) -> bool:
        """To the next (1) or previous (-1) problem; the first step chooses the first. False: there is none."""
        ids = [one.id for one in in_order(self.findings)]
        if not ids:
            return False
        if self.cursor not in ids:
            self.cursor = ids[0]
        else:
            self.cursor = ids[min(len(ids) - 1, max(0, ids.index(self.cursor) + by))]
        return True

    def action_move(self, by: int) -> None:
        self.move(by)

    def action_choose(self) -> None:
        """Show the event that proves it; again: the next one that does."""
        chosen = self.chosen
        if chosen is None or not chosen.evidence:
            return
        id, place = self._looked_at
        place = place % len(chosen.evidence) if id == chosen.id else 0
        self._looked_at = (chosen.id, place + 1)
        self.cursor = chosen.id
        self.post_message(self.EvidenceWanted(chosen.evidence[place]))

    def on_click(self, event: events.Click) -> None:
        id = self._shown[event.y] if event.y < len(self._shown) else ""
        if id and id == self.cursor:
            self.action_choose()
        elif id:
            self.cursor = id

    @property
    def chosen(self) -> Finding | None:
        """The one the cursor is on; before it was moved, the first."""
        ordered = in_order(self.findings)
        first = ordered[0] if ordered else None
        return next((one for one in ordered if one.id == self.cursor), first)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # painting
    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        lines = [line for one in in_order(self.findings) for line in self._told(palette, width, one, height >= ROOMY)]
        if not lines:
            return [self._title(palette, width), Row(palette, width).own(f"  {self._nothing()}", "quiet")]
        chosen = self.chosen
        mine = [y for y, line in enumerate(lines) if chosen is not None and line.id == chosen.id] if self.cursor else []
        room = height - 1
        top = max(0, mine[-1] - room + 1) if mine else 0
        top = min(top, mine[0]) if mine else 0
        self._shown = ["", *(line.id for line in lines[top : top + room])]
        return [self._title(palette, width), *(line.row for line in lines[top : top + room])]

    def _nothing(self) -> str:
        turns = self.turns_spoken
        return f"no problems seen in {turns} turn{'' if turns == 1 else 's'}" if turns else "no problems seen yet"

    def _title(self, palette: Palette, width: int) -> Row:
        row = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent").own("PROBLEMS", bold=True)
        unsolved = sum(not one.resolved for one in self.findings)
        row.own(f" {unsolved}" if self.findings else "", "foreground", bold=True)
        gone = len(self.findings) - unsolved
        row.own(f" · {gone} over" if gone else "", "quiet")
        right = row.part().own(
            f" {keys_of_app(self.app).of('problem')} next · Enter shows the event " if self.findings else "", "quiet"
        )
        return row.end_with(right) if row.cells + right.cells <= width else row

    def _told(self, palette: Palette, width: int, one: Finding, roomy: bool) -> list[Line]:
        is_here = one.id == self.cursor or (self.has_focus and one == self.chosen)
        glyph, color = GLYPHS[one.severity]
        ground = "cursor-line" if is_here else "background"
        parts = [(one.title, "quiet" if one.resolved else "foreground", not one.resolved)]
        if is_here and roomy and one.cause:
            parts.append((one.cause, "quiet", False))
        parts.append((f"over · {one.cure}" if one.resolved and one.cure else one.cure, "quiet", False))
        if is_here and roomy:
            parts.append((self._seen(one), "quiet", False))
        lines: list[Line] = []
        for text, shade, bold in parts:
            for words in Content(text).wrap(max(10, width - INDENT - 1)) if text else ():
                row = Row(palette, width, ground).own("▎" if is_here and self.has_focus else " ", "accent")
                row.own(f"{glyph} " if not lines else "  ", "quiet" if one.resolved else color, bold=True)
                lines.append(Line(row.spoken(words.plain.rstrip(), shade, bold=bold), one.id))
        return lines

    def _seen(self, one: Finding) -> str:
        times = [evidence.t for evidence in one.evidence if evidence.t is not None]
        if not times:
            return ""
        rest = len(one.evidence) - 1
        return f"seen at {session_time(times[0])}" + (f" and {rest} more" if rest else "")
