"""`?`: the keys that work here, from the table of actions as it is bound now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from voicechat.ui.bindings import ACTIONS, CHANGING, LEFT_GROUPS, RIGHT_GROUPS, keys_of, spoken
from voicechat.ui.paint import Line, palette_of, styled
from voicechat.ui.screens.overlays import Overlay
from voicechat.ui.widgets.footer import Foot
from voicechat.ui.widgets.pane import PaneTitle
from voicechat.ui.wording import release_words

KeyRows = Sequence[tuple[str, str]]
FILTERS = (
    ("FILTER", ""),
    ("word", "in summary or payload"),
    ("a,b  -a", "a or b, not a; blank is and"),
    ("type:", "response,in.speech*"),
    ("dir:", "in, out, local"),
    ("is:", "error vad delta tool mine"),
    ("", "audio unknown marked"),
    ("", "harmless"),
    ("id:", "any id; resp: item: call:"),
    ("turn:", "8"),
    ("after:", "4:06, or 30s ago; before:"),
    ("gap:", ">500ms, from the one before"),
    ("size:", ">4k on the wire"),
    (".field", ".usage.output_tokens>200"),
    ("group:", "off splits runs of deltas"),
    ("", ""),
    ("COLUMNS", ""),
    ("↓ ↑ ·", "server, ours, this program"),
    ("◆ ✕", "voice detector, error"),
)
"""The filter language, beside the keys of the list."""
ALSO_QUITS = "quit; q twice does too"
INSTEAD: Line = (("    Or tap it twice instead of holding it, or hold the badge with the mouse.", "$quiet"),)
SIGNS: list[Line] = [
    (("  SIGNS", "bold $accent"),),
    *(
        ((f"  {sign:20}", "bold"), (words, "$quiet"))
        for sign, words in (
            ("mic ─ sent ─ heard", "sound comes in, it is sent, the server reacts"),
            ("● ◉ ○ ✕", "yes · waiting, not in force yet · no · broken, error"),
            ("◆ 1.9 s ◇", "the server heard your voice begin and end"),
            ("+412 ms  ▲ +1.61 s", "until you heard the answer; ▲ slow, or a warning"),
            ("╳", "an answer was cut short, and by whom"),
            ("━━│━━", "│ the lowest level the server has reacted to"),
        )
    ),
]
"""What stands in talk and deck."""
WIDTH = 84


class HelpScreen(Overlay):
    """A card over the main area."""

    place = "help"

    def compose(self) -> ComposeResult:
        with Vertical(id="keys"):
            title, keys = PaneTitle(), self.talk.keys
            title.left = (" KEYS", "")
            title.right = f"{keys.of('back')} closes · {keys.of('commands')} every command by name"
            yield title
            with VerticalScroll():
                yield Static()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()  # a low screen has no room for every key
        self.watch(self.talk, "release", self._fill)

    def _fill(self) -> None:
        palette = palette_of(self.app)
        lines = self._lines(min(WIDTH, self.app.size.width))
        self.query_one(Static).update(Content("\n").join(styled(palette, *line) for line in lines))

    on_resize = _fill

    def _lines(self, width: int) -> list[Line]:
        talk = self.talk
        if talk.developer.is_shown:
            return [*_columns(self._side(("EVENTS",)), FILTERS, width), (), *self._of_talk(width)]
        if talk.query_one(Foot).replay:
            return self._of_replay(width)
        if talk.read_only:
            return [(), *_columns(self._side(("LOOK", "LEAVE", "EVENTS")), FILTERS, width)]
        return self._of_talk(width)

    def _of_talk(self, width: int) -> list[Line]:
        release = self.talk.release
        is_exact = release in ("true", "unknown")
        known = release_words(release, self.talk.keys.of("ptt")) or "whether key releases are reported is not known yet"
        keys = _columns(self._side(LEFT_GROUPS), self._side(RIGHT_GROUPS), width, names=10)
        told: Line = (("  ● ", "$success") if is_exact else ("  ◉ ", "$warning"), f"In this terminal: {known}.")
        return [*keys, (), told, *([] if is_exact else [INSTEAD]), *SIGNS]

    def _of_replay(self, width: int) -> list[Line]:
        """How to move about in time, and what there is to look at."""
        moves = [
            ("REPLAY", ""),
            (self.talk.keys.of("ptt"), "pause, and go on"),
            ("← →", "5 s back, 5 s on"),
            (", .", "event by event; Shift ← → too"),
            ("Home End", "the start, the end"),
            ("- +", "slower, faster"),
            ("click", "on the bar: go there"),
        ]
        own = (",", "End")
        looks = [
            (next((one for one in keys.split(" or ") if one not in own), keys), words.replace(ALSO_QUITS, "leave"))
            for keys, words in self._side(("LOOK", "LEAVE"))
            if "again" not in words and "tape" not in words
        ]
        says = "  This is a recording: keys that change a talk do nothing here."
        return [*_columns(moves, looks, width), (), ((says, "$quiet"),)]

    def _side(self, groups: tuple[str, ...]) -> list[tuple[str, str]]:
        """Keys and words of one column; a group begins with its name and no words."""
        rows: list[tuple[str, str]] = []
        for group in groups:
            rows += [("", ""), (group, "")] if rows else [(group, "")]
            for action in ACTIONS:
                if self.talk.read_only and action.id in CHANGING:
                    continue
                keys = [spoken(key) for key in keys_of(action.id, self.talk.keymap).split(",") if key]
                if action.group == group and keys:
                    both = " or ".join(keys[:2])
                    words = ALSO_QUITS if action.id == "vc.quit" else action.words
                    rows.append((both if len(both) < 8 and keys[-1] != "+" else keys[0], words))
            if group == "WRITE":
                rows.append(("Enter", f"send · {self.talk.keys.of('back')} back"))
        return rows


def _columns(left: KeyRows, right: KeyRows, width: int, names: int = 12) -> list[Line]:
    """Two columns of keys, each with what it does; a group begins with its name and no words."""
    half = (width - 2) // 2
    lines: list[Line] = []
    for sides in zip_longest(left, right, fillvalue=("", "")):
        row: list[tuple[str, str]] = []
        for keys, words in sides:
            row.append((f"  {keys}".ljust(names), "bold $key" if words else "bold $accent"))
            row.append((words.ljust(half - names)[: half - names], "$quiet"))
        lines.append(tuple(row))
    return lines
