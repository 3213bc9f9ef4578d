"""Cards as widgets: one centred over the empty transcript, and boxes that float above it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from rich.cells import cell_len
from textual.message import Message
from textual.reactive import reactive

from voicechat.core.user_events import ToolAllowed, ToolDenied
from voicechat.core.view import ToolAsk
from voicechat.ui.bindings import ACTIONS, CHANGING, LEFT_GROUPS, RIGHT_GROUPS, keys_of, spoken
from voicechat.ui.cards import (
    MOST_ROWS,
    SMALL,
    CardFacts,
    CardName,
    Line,
    Word,
    choose,
    consent_lines,
    consent_title,
    event_key_card,
    key_card,
    lines_of,
    replay_card,
)
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Painted, Palette, Row, keys_of_app
from voicechat.ui.sanitise import clean
from voicechat.ui.wording import Keys, Release

WIDEST = 76
"""Cells a card's line has at most."""


def paint_line(palette: Palette, width: int, line: Line, *, left: int = 0, bg: str = "background") -> Row:
    row = Row(palette, width, bg).to(left)
    for word in line:
        if word.hangs and not palette.ascii_only:
            row.spoken(word.text, bg, bg=word.color)
        elif word.outside:
            row.spoken(word.text, word.color, bold=word.bold)
        else:
            row.own(word.text, word.color, bold=word.bold)
    return row


class Card(Painted):
    """Chooses its card from the facts; centred when it has the place to itself.

    The facts change with every clock of the view, the card hardly ever: only another one is painted.
    """

    facts: reactive[CardFacts] = reactive(CardFacts(), repaint=False)
    _told: Sequence[Line] | None = None

    def watch_facts(self) -> None:
        """Paint what reads differently now."""
        lines = lines_of(self.name_now, self.facts, WIDEST) if self.display else None
        if lines != self._told:
            self._told = lines
            self.refresh()

    @property
    def name_now(self) -> CardName:
        return choose(self.facts)

    def rows_needed(self, width: int) -> int:
        return len(lines_of(self.name_now, self.facts, width - 4)) + 2

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        wide = min(WIDEST, width - 4)
        lines = (self._told if wide == WIDEST else None) or lines_of(self.name_now, self.facts, wide)
        widest = max((sum(cell_len(word.text) for word in line) for line in lines), default=0)
        left = max(1, (width - widest) // 2)
        blank = max(0, (height - len(lines)) // 2)
        return [Row(palette, width)] * blank + [paint_line(palette, width, line, left=left) for line in lines]


class Box(Painted):
    """A titled box above the main area; it never reaches the deck."""

    def box_title(self) -> tuple[str, str]:
        raise NotImplementedError

    def box_lines(self, width: int) -> Sequence[Line]:
        raise NotImplementedError

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        left, right = self.box_title()
        title = Row(palette, width, "panel").own(f"  {left}", bold=True)
        rows = [title.end_with(title.part().own(f"{right}  ", "quiet"))]
        rows += [paint_line(palette, width, line, bg="surface") for line in self.box_lines(width)]
        return [*rows, *[Row(palette, width, "surface") for _ in range(max(0, height - len(rows)))]][:height]


class KeyCard(Box):
    """`?`: every key."""

    keymap: reactive[dict[str, str]] = reactive[dict[str, str]]({})
    release: reactive[Release] = reactive[Release]("unknown")
    keys: reactive[Keys] = reactive(Keys())
    read_only: reactive[bool] = reactive(False)
    """The screen of a read-only viewer: only the keys that look."""
    replay: reactive[bool] = reactive(False)
    """The keys of a talk that comes from a tape."""
    developer: reactive[bool] = reactive(False)
    """The keys of the event list and its filter, in place of those of the talk."""

    def box_title(self) -> tuple[str, str]:
        keys = keys_of_app(self.app)
        return "KEYS", f"{keys.stop} closes · {keys.of('commands')} every command by name"

    def box_lines(self, width: int) -> Sequence[Line]:
        if self.developer:
            return event_key_card(self._side(("EVENTS",)), width)
        if self.replay:
            return replay_card(self.keys.talk, self._side(("LOOK", "LEAVE")), width)
        if self.read_only:
            return event_key_card(self._side(("LOOK", "LEAVE", "EVENTS")), width)
        sides = [self._side(groups) for groups in (LEFT_GROUPS, RIGHT_GROUPS)]
        return key_card(sides[0], sides[1], self.release, self.keys.talk, width)

    def _side(self, groups: tuple[str, ...]) -> list[tuple[str, str]]:
        """Keys and words of one column; a group begins with its name and no words."""
        rows: list[tuple[str, str]] = []
        for group in groups:
            rows += [("", ""), (group, "")] if rows else [(group, "")]
            for action in ACTIONS:
                if self.read_only and action.id in CHANGING:
                    continue
                keys = [spoken(key) for key in keys_of(action.id, self.keymap).split(",") if key]
                if action.group == group and keys:
                    both = "  ".join(keys[:2])
                    words = "quit · q q does too" if action.id == "vc.quit" else action.words
                    rows.append((both if len(both) < 8 and keys[-1] != "+" else keys[0], words))
            if group == "WRITE":
                rows.append(("Enter", f"send · {self.keys.stop} back"))
        return rows


ARMED_AFTER = 0.5
"""Seconds for which a new question takes no answer: a key that was already on its way must not run code."""


class ConsentBox(Box):
    """Calls of tools that wait for an answer. It takes no focus: talking and typing go on beneath it."""

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
        if self.is_attached:
            self._fit()
            self.post_message(self.Changed())

    def watch_armed(self) -> None:
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

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if self.asked:
            self.styles.height = len(self.box_lines(self.app.size.width)) + 1
        self.set_class(bool(self.asked), "-asking")

    def box_title(self) -> tuple[str, str]:
        return consent_title(self.asked)

    def box_lines(self, width: int) -> Sequence[Line]:
        rows = SMALL if self.app.size.height < 20 else MOST_ROWS
        if not self.asked:
            return []
        return consent_lines(
            self.asked, width, rows, has_keys=self.place == "consent", armed=self.armed, back=keys_of_app(self.app).stop
        )


class QuitBox(Box):
    """Asked once when the microphone is open."""

    def box_title(self) -> tuple[str, str]:
        return "YOU ARE ON AIR", f"{keys_of_app(self.app).stop} stays"

    def box_lines(self, width: int) -> Sequence[Line]:
        keys = keys_of_app(self.app)
        return [
            (),
            (Word("  Quit all the same? The session ends and the microphone closes."),),
            (),
            (
                Word(f"  {keys.of('fold')}", "key", True),
                Word(" or ", "quiet"),
                Word(keys.of("quit"), "key", True),
                Word(" quits   ", "quiet"),
                Word(keys.stop, "key", True),
                Word(" goes on talking", "quiet"),
            ),
        ]
