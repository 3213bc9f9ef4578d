"""Boxes of coloured words above the main area: the keys, the question about a tool's call, the question on leaving."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from time import monotonic

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from voicechat.core.user_events import ToolAllowed, ToolDenied
from voicechat.core.view import ToolAsk
from voicechat.ui.bindings import ACTIONS, CHANGING, LEFT_GROUPS, RIGHT_GROUPS, keys_of, spoken
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Painted, Palette, Row, keys_of_app
from voicechat.ui.sanitise import clean
from voicechat.ui.wording import Keys, Release


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a line. `outside`: text that is not ours and keeps its alphabet."""

    text: str
    color: str = "foreground"
    bold: bool = False
    outside: bool = False
    hangs: bool = False
    """A cell that grows down: colours exchanged."""


Line = tuple[Word, ...]


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


class Box(Painted):
    """A titled box above the main area; it never reaches the deck."""

    def box_title(self) -> tuple[str, str]:
        """Left and right words of the title row."""
        raise NotImplementedError

    def box_lines(self, width: int) -> Sequence[Line]:
        raise NotImplementedError

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        left, right = self.box_title()
        title = Row(palette, width, "panel").own(f"  {left}", bold=True)
        rows = [title.end_with(title.part().own(f"{right}  ", "quiet"))]
        rows += [paint_line(palette, width, line, bg="surface") for line in self.box_lines(width)]
        return [*rows, *[Row(palette, width, "surface") for _ in range(max(0, height - len(rows)))]][:height]


KeyRows = Sequence[tuple[str, str]]
FILTERS = (
    ("FILTER", ""),
    ("word", "in summary or payload"),
    ("a,b  -a", "a or b, not a; blank is and"),
    ("type:", "response,in.speech*"),
    ("dir:", "in, out, local"),
    ("is:", "error vad delta audio tool mine"),
    ("", "unknown harmless marked"),
    ("id:", "any id; resp: item: call:"),
    ("turn:", "8"),
    ("after:", "4:06, or 30s ago; before:"),
    ("gap:", ">500ms, from the one before"),
    ("size:", ">4k on the wire"),
    (".field", ".usage.output_tokens>200"),
    ("group:", "off splits runs of deltas"),
    ("", ""),
    ("COLUMNS", ""),
    ("↓ ↑ ·", "server, ours, of this program"),
    ("◆ ✕", "voice detector, error"),
)
"""The filter language, beside the keys of the list."""
ALSO_QUITS = "quit · q q does too"
KNOWN: dict[Release, tuple[str, str, str]] = {
    "true": ("● ", "success", "Your terminal reports key release, so {} is a true hold."),
    "guessed": ("◉ ", "warning", "The end of a hold of {} is guessed, about 0.2 s late."),
    "remote": ("◉ ", "warning", "The end of a hold of {} is guessed over the network, about 0.4 s late."),
    "tap": ("◉ ", "warning", "This terminal does not repeat keys: tap {} on, tap it off."),
    "unknown": ("○ ", "quiet", "Whether this terminal reports key release is not known yet."),
}


def _columns(left: KeyRows, right: KeyRows, width: int, names: int = 12) -> list[Line]:
    """Two columns of keys, each with what it does; a group begins with its name and no words."""
    half = (width - 2) // 2
    lines: list[Line] = []
    for sides in zip_longest(left, right, fillvalue=("", "")):
        row: list[Word] = []
        for keys, words in sides:
            row.append(Word(f"  {keys}".ljust(names), "key" if words else "accent", True))
            row.append(Word(words.ljust(half - names)[: half - names], "quiet"))
        lines.append(tuple(row))
    return lines


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
        return "KEYS", f"{keys.of('back')} closes · {keys.of('commands')} every command by name"

    def box_lines(self, width: int) -> Sequence[Line]:
        """The table of actions as it is bound now."""
        if self.developer:
            return [(), *_columns(self._side(("EVENTS",)), FILTERS, width)]
        if self.replay:
            return self._of_replay(width)
        if self.read_only:
            return [(), *_columns(self._side(("LOOK", "LEAVE", "EVENTS")), FILTERS, width)]
        glyph, color, known = KNOWN[self.release]
        return [
            *_columns(self._side(LEFT_GROUPS), self._side(RIGHT_GROUPS), width, names=10),
            (),
            (Word(f"  {glyph}", color), Word(known.format(self.keys.of("ptt")))),
            (Word("    tmux passes no releases on: tap twice, or hold the badge with the mouse.", "quiet"),),
            (Word("  What the three lamps say", "accent", True),),
            (
                *(Word("  ● mic ", bold=True), Word("sound reaches us   ", "quiet"), Word("● sent ", bold=True)),
                *(Word("it leaves   ", "quiet"), Word("● heard ", bold=True), Word("the server reacts", "quiet")),
            ),
        ]

    def _of_replay(self, width: int) -> list[Line]:
        """How to move about in time, and what there is to look at."""
        moves = [
            ("REPLAY", ""),
            (self.keys.of("ptt"), "pause, and go on"),
            ("← →", "5 s back, 5 s on"),
            (", .", "event by event; Shift ← → too"),
            ("Home End", "the start, the end"),
            ("- +", "slower, faster"),
            ("click", "on the bar: go there"),
        ]
        own = (",", "End")
        looks = [
            (next((one for one in keys.split("  ") if one not in own), keys), words.replace(ALSO_QUITS, "leave"))
            for keys, words in self._side(("LOOK", "LEAVE"))
            if "again" not in words and "tape" not in words
        ]
        says = "  This is a recording: keys that change a talk do nothing here."
        return [*_columns(moves, looks, width), (), (Word(says, "quiet"),)]

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
                    words = ALSO_QUITS if action.id == "vc.quit" else action.words
                    rows.append((both if len(both) < 8 and keys[-1] != "+" else keys[0], words))
            if group == "WRITE":
                rows.append(("Enter", f"send · {self.keys.of('back')} back"))
        return rows


MOST_ROWS = 9
"""Rows of arguments; the transcript has them all."""
SMALL = 3
"""So many where the screen is low; then no row is left blank either."""
ANSWERS = (("y", "allow"), ("a", "always in this talk"), ("n", "no"))
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
        return "MAY THIS RUN?", f"1 of {len(self.asked)}" if len(self.asked) > 1 else ""

    def box_lines(self, width: int) -> Sequence[Line]:
        """The oldest question: who calls what, with which arguments, and the keys."""
        if not self.asked:
            return []
        rows = SMALL if self.app.size.height < 20 else MOST_ROWS
        head, body = question_lines(self.asked[0], width, rows)
        keys = self._keys(width)
        return [(), head, *body, (), keys, ()] if rows > SMALL else [head, *body, keys]

    def _keys(self, width: int) -> Line:
        """Dimmed before they answer; what is typed into has them first, and its own key closes it."""
        if not self.armed:
            choices = "   ".join(f"{key} {words}" for key, words in ANSWERS)
            return (Word("  "), Word("… ", "warning"), Word(f"{choices}   in a moment", "quiet"))
        back, has_keys = keys_of_app(self.app).of("back"), self.place == "consent"
        keys: list[Word] = [Word("  ")]
        if not has_keys:
            keys += [Word(back, "key", True), Word(" first, then  ", "quiet")]
        for key, words in ANSWERS:
            keys += [Word(key, "key", True), Word(f" {words}   ", "quiet")]
        return (*keys, Word(back, "key", True), Word(" no", "quiet")) if has_keys and width >= 60 else tuple(keys)


def question_lines(ask: ToolAsk, width: int, rows: int = MOST_ROWS) -> tuple[Line, list[Line]]:
    """Who calls what, and at most so many rows of the arguments; all of it cleaned."""
    name = clean(ask.name, one_line=True)[: max(8, width - 30)]
    place = f"at {clean(ask.server, one_line=True)}, called by the service" if ask.server else "on this computer"
    head: Line = (Word("  ▲ ", "warning", True), Word(name, "tool", True, outside=True))
    if cell_len(name) + cell_len(place) + 8 <= width:
        head = (*head, Word(f"  {place}", "quiet", outside=True))
    return head, [] if ask.arguments.strip() in ("", "{}") else _arguments(ask, width - 6, rows)


def pretty(text: str) -> str:
    """JSON over several lines, or the text as it is where it is none."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _arguments(ask: ToolAsk, width: int, rows: int) -> list[Line]:
    text = clean(pretty(ask.arguments))
    wrapped = [line.plain.rstrip() for line in Content(text).wrap(max(10, width))]
    if len(wrapped) > 2 and wrapped[0] == "{" and wrapped[-1] == "}":  # braces tell nothing here
        wrapped = [line.removeprefix("  ") for line in wrapped[1:-1]]
    lines: list[Line] = [(Word("    "), Word(line, outside=True)) for line in wrapped[:rows]]
    left = len(wrapped) - rows
    if left > 0 or ask.cut:
        more = f"{left} more line{'s' * (left > 1)}" if left > 0 else ""
        cut = f"{ask.cut} more characters" if ask.cut else ""
        told = " and ".join(part for part in (more, cut) if part)
        lines.append((Word(f"    … {told}" + (", all in its turn above" if width > 70 else ""), "warning"),))
    return lines


class QuitBox(Box):
    """Asked once when the microphone is open."""

    def box_title(self) -> tuple[str, str]:
        return "YOU ARE ON AIR", f"{keys_of_app(self.app).of('back')} stays"

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
                Word(keys.of("back"), "key", True),
                Word(" goes on talking", "quiet"),
            ),
        ]
