"""The question about a tool's call. It takes no focus: talking and typing go on beneath it."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from voicechat.core.user_events import ToolAllowed, ToolDenied
from voicechat.core.view import ToolAsk
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import keys_of_app, palette_of, styled
from voicechat.ui.sanitise import clean
from voicechat.ui.widgets.pane import PaneTitle

MOST_ROWS = 9
"""Rows of arguments; the transcript has them all."""
SMALL = 3
"""So many where the screen is low; then no row is left blank either."""
ANSWERS = (("y", "allow"), ("a", "always in this talk"), ("n", "no"))
ARMED_AFTER = 0.5
"""Seconds for which a new question takes no answer: a key that was already on its way must not run code."""


class ConsentBox(Vertical):
    """Calls of tools that wait for an answer, the oldest first."""

    asked: reactive[tuple[ToolAsk, ...]] = reactive[tuple[ToolAsk, ...]](())
    place: reactive[str] = reactive("consent")
    """What has the keyboard."""
    armed: reactive[bool] = reactive(False)
    """The question has been on the screen for `ARMED_AFTER`, and a key answers it."""

    class Changed(Message):
        """Another question, none any more, or a key answers now."""

    def __init__(self) -> None:
        super().__init__()
        self.clock: Callable[[], float] = monotonic
        self._shown_call = ""
        self._decided: set[str] = set()
        """Calls that were answered, which a state from before the answer may still ask about."""

    def compose(self) -> ComposeResult:
        yield PaneTitle()
        yield Static()

    def take(self, asked: tuple[ToolAsk, ...]) -> None:
        self._decided &= {ask.call_id for ask in asked}
        self.asked = tuple(ask for ask in asked if ask.call_id not in self._decided)

    def answer(self, word: str) -> None:
        """Answer the oldest call that waits, which leaves the screen at once. A key that comes too early is ignored."""
        if not self.asked or not self.armed:
            return
        ask, *rest = self.asked
        self._decided.add(ask.call_id)
        self.asked = tuple(rest)
        act = ToolDenied(ask.call_id) if word == "no" else ToolAllowed(ask.call_id, word == "always")
        self.post_message(UserDid(act))

    @property
    def in_one_line(self) -> str:
        keys = "y allow · a always · n no" if self.armed else "…"
        return f"May {clean(self.asked[0].name, one_line=True)} run? {keys}" if self.asked else ""

    def watch_asked(self) -> None:
        call = self.asked[0].call_id if self.asked else ""
        if call != self._shown_call:
            self._shown_call, self.armed = call, False
            self.call_after_refresh(self._arm_at, call, None)
        self._changed()

    def watch_armed(self) -> None:
        self._changed()

    def _changed(self) -> None:
        self.fill()
        if self.is_attached:
            self.post_message(self.Changed())

    def _arm_at(self, call: str, due: float | None) -> None:
        """Arm the question about `call` at `due`; None: `ARMED_AFTER` from now on, when it has just been painted."""
        if not call or call != self._shown_call:
            return
        now = self.clock()
        due = now + ARMED_AFTER if due is None else due
        self.armed = now >= due
        if not self.armed:
            self.set_timer(max(0.01, due - now), lambda: self._arm_at(call, due))

    def fill(self) -> None:
        """The question as it fits the screen; the screen asks before it lays out another size."""
        self.set_class(bool(self.asked), "-asking")
        if self.asked and self.is_mounted:
            width, height = self.app.size
            title, count, rows = self.query_one(PaneTitle), len(self.asked), SMALL if height < 20 else MOST_ROWS
            title.left, title.right = (" ALLOW THIS TOOL?", ""), f"1 of {count}" if count > 1 else ""
            question = self._question(self.asked[0], width, rows)
            blank = "\n" if rows > SMALL else ""
            keys = self._keys(width)
            self.query_one(Static).update(Content(blank) + question + "\n" + blank + keys + blank)

    watch_place = on_mount = fill

    def _question(self, ask: ToolAsk, width: int, rows: int) -> Content:
        """Who calls what, and at most so many rows of the arguments."""
        palette, name = palette_of(self.app), clean(ask.name, one_line=True)[: max(8, width - 30)]
        head = styled(palette, ("  ▲ ", "bold $warning"), Content.styled(name, "bold $tool"))
        place = clean(f"at {ask.server}, called by the service" if ask.server else "on this computer", one_line=True)
        if head.cell_length + len(place) + 4 <= width:
            head += Content.styled(f"  {place}", "$quiet")
        lines = [] if ask.arguments.strip() in ("", "{}") else Content(clean(pretty(ask.arguments))).wrap(width - 6)
        if len(lines) > 2 and lines[0].plain == "{" and lines[-1].plain == "}":  # braces tell nothing here
            lines = [line[2:] if line.plain.startswith("  ") else line for line in lines[1:-1]]
        made = [head, *(Content("    ") + line for line in lines[:rows])]
        left = len(lines) - rows
        if left > 0 or ask.cut:
            more = f"{left} more line{'s' * (left > 1)}" if left > 0 else ""
            told = " and ".join(part for part in (more, f"{ask.cut} more characters" if ask.cut else "") if part)
            where = ", all in its turn above" if width > 70 else ""
            made.append(styled(palette, (f"    … {told}{where}", "$warning")))
        return Content("\n").join(made)

    def _keys(self, width: int) -> Content:
        """Dimmed before they answer; what is typed into has them first, and its own key closes it."""
        palette, back = palette_of(self.app), keys_of_app(self.app).of("back")
        if not self.armed:
            choices = "   ".join(f"{key} {words}" for key, words in ANSWERS)
            return styled(palette, "  ", ("… ", "$warning"), (f"{choices}   in a moment", "$quiet"))
        has_keys = self.place == "consent"
        words = [] if has_keys else [(back, "bold $key"), (" first, then  ", "$quiet")]
        for key, answer in (*ANSWERS, *([(back, "no")] if has_keys and width >= 60 else [])):
            words += [(key, "bold $key"), (f" {answer}   ", "$quiet")]
        return styled(palette, "  ", *words)


def pretty(text: str) -> str:
    """JSON over several lines, or the text as it is where it is none."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
