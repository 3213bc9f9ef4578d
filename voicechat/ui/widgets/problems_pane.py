"""What is wrong in this talk, in words: what happened and what cures it, open ones first, the worst of them on top."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from voicechat.insight.records import Evidence, Finding
from voicechat.ui.inspector.entries import session_time
from voicechat.ui.paint import hanging, keys_of_app, palette_of, styled
from voicechat.ui.sanitise import clean
from voicechat.ui.widgets.pane import Choice, PaneTitle, PickList

GLYPHS = {"error": ("✕", "$error"), "warning": ("▲", "$warning"), "info": ("·", "$quiet")}
WORST_FIRST = ("error", "warning", "info")
ROOMY = 10
"""Rows from which the chosen problem also tells its cause and when it was seen."""


def in_order(findings: tuple[Finding, ...]) -> list[Finding]:
    """Open before resolved, errors before warnings; within a kind in the order they were first seen."""
    return sorted(findings, key=lambda one: (one.resolved, WORST_FIRST.index(one.severity)))


class ProblemsPane(Vertical):
    """Takes the findings; posts the event that proves the chosen one."""

    findings: reactive[tuple[Finding, ...]] = reactive[tuple[Finding, ...]](())
    turns_spoken: reactive[int] = reactive(0)

    class EvidenceWanted(Message):
        """The event is wanted that shows this problem."""

        def __init__(self, evidence: Evidence) -> None:
            super().__init__()
            self.evidence = evidence

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.listed = PickList(self._choices)
        self._looked_at: tuple[str, int] = ("", 0)
        """Whose evidence was shown last, and how many of it."""

    def compose(self) -> ComposeResult:
        yield PaneTitle()
        yield self.listed

    def _changed(self) -> None:
        self.listed.refill()

    watch_findings = watch_turns_spoken = on_mount = on_resize = on_descendant_focus = on_descendant_blur = _changed

    def move(self, by: int) -> bool:
        """To the next (1) or previous (-1) problem; the first step goes to the pane. False: there is none."""
        if self.findings and self.listed.has_focus:
            self.listed.action_cursor_down() if by > 0 else self.listed.action_cursor_up()
        return bool(self.findings)

    def on_option_list_option_selected(self) -> None:
        """Show the event that proves it; again: the next one that does."""
        chosen = next((one for one in self.findings if one.id == self.listed.current), None)
        if chosen is None or not chosen.evidence:
            return
        id, place = self._looked_at
        place = place % len(chosen.evidence) if id == chosen.id else 0
        self._looked_at = (chosen.id, place + 1)
        self.post_message(self.EvidenceWanted(chosen.evidence[place]))

    def _choices(self) -> list[Choice]:
        title, palette = self.query_one(PaneTitle), palette_of(self.app)
        unsolved, turns = sum(not one.resolved for one in self.findings), self.turns_spoken
        gone = len(self.findings) - unsolved
        counts = f"{unsolved} open{f' · {gone} resolved' if gone else ''}" if self.findings else ""
        title.left, title.focused_pane = ("PROBLEMS", counts), self.listed.has_focus
        keys = f"{keys_of_app(self.app).of('problem')} next · Enter shows the event"
        title.right = keys if self.findings else ""
        if not self.findings:
            seen = f"no problems seen in {turns} turn{'' if turns == 1 else 's'}" if turns else "no problems seen yet"
            return [Choice("", styled(palette, (seen, "$quiet")))]
        return [Choice(one.id, self._prompt(one)) for one in in_order(self.findings)]

    def _prompt(self, one: Finding) -> Content:
        glyph, color = GLYPHS[one.severity]
        has_all = one.id == self.listed.current and self.listed.has_focus and self.size.height >= ROOMY
        parts = [(one.title, "$quiet" if one.resolved else "bold"), (one.cause if has_all else "", "$quiet")]
        parts += [(f"resolved · {one.cure}" if one.resolved and one.cure else one.cure, "$quiet")]
        parts += [(self._seen(one) if has_all else "", "$quiet")]
        text = Content("\n").join(Content.styled(clean(words), style) for words, style in parts if words)
        sign = (f"{glyph} ", f"bold {'$quiet' if one.resolved else color}")
        return hanging(styled(palette_of(self.app), sign), text, self.listed.room)

    def _seen(self, one: Finding) -> str:
        times = [evidence.t for evidence in one.evidence if evidence.t is not None]
        if not times:
            return ""
        rest = len(one.evidence) - 1
        return f"seen at {session_time(times[0])}" + (f" and {rest} more" if rest else "")
