"""The cards of `?`: the keys of the talk, of the events and of a tape, and what the lamps say.

Pure: rows of keys in, lines of coloured words out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from voicechat.ui.cards import Line, Word
from voicechat.ui.wording import Release

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


def event_key_card(keys: KeyRows, width: int) -> list[Line]:
    """The card of `?` over the events: their keys, and what a filter may say."""
    half = (width - 2) // 2
    lines: list[Line] = [()]
    for sides in zip_longest(keys, FILTERS, fillvalue=("", "")):
        row: list[Word] = []
        for name, words in sides:
            color = "key" if words else "accent"
            row += [Word(f"  {name}".ljust(12), color, True), Word(words.ljust(half - 12)[: half - 12], "quiet")]
        lines.append(tuple(row))
    return lines


def replay_card(key: str, looking: KeyRows, width: int) -> list[Line]:
    """The card of `?` over a tape: how to move about in time, and what there is to look at."""
    moves = [
        ("REPLAY", ""),
        (key, "pause, and go on"),
        ("← →", "5 s back, 5 s on"),
        (", .", "event by event; Shift ← → too"),
        ("Home End", "the start, the end"),
        ("- +", "slower, faster"),
        ("click", "on the bar: go there"),
    ]
    own = (",", "End")
    looks = [
        (next((one for one in keys.split("  ") if one not in own), keys), words.replace("quit · q q does too", "leave"))
        for keys, words in looking
        if "again" not in words and "tape" not in words
    ]
    half = (width - 2) // 2
    lines: list[Line] = []
    for sides in zip_longest(moves, looks, fillvalue=("", "")):
        row: list[Word] = []
        for keys, words in sides:
            row += [Word(f"  {keys}".ljust(12), "key" if words else "accent", True)]
            row += [Word(words.ljust(half - 12)[: half - 12], "quiet")]
        lines.append(tuple(row))
    return [*lines, (), (Word("  What was said is said: other keys only tell that this is a replay.", "quiet"),)]


def key_card(left: KeyRows, right: KeyRows, release: Release, key: str, width: int) -> list[Line]:
    """The card of `?`: two columns of keys, what is known of the keyboard, and what the lamps say."""
    half = (width - 2) // 2
    lines: list[Line] = []
    for sides in zip_longest(left, right, fillvalue=("", "")):
        row: list[Word] = []
        for keys, words in sides:
            if words:
                row += [Word(f"  {keys}".ljust(10), "key", True), Word(words.ljust(half - 10)[: half - 10], "quiet")]
            else:
                row.append(Word(f"  {keys}".ljust(half), "accent", True))
        lines.append(tuple(row))
    known = {
        "true": ("● ", "success", f"Your terminal reports key release, so {key} is a true hold."),
        "guessed": ("◉ ", "warning", f"The end of a hold of {key} is guessed, about 0.2 s late."),
        "remote": ("◉ ", "warning", f"The end of a hold of {key} is guessed over the network, about 0.4 s late."),
        "tap": ("◉ ", "warning", f"This terminal does not repeat keys: tap {key} on, tap it off."),
        "unknown": ("○ ", "quiet", "Whether this terminal reports key release is not known yet."),
    }[release]
    return [
        *lines,
        (),
        (Word(f"  {known[0]}", known[1]), Word(known[2])),
        (Word("    tmux passes no releases on: tap twice, or hold the badge with the mouse.", "quiet"),),
        (Word("  What the three lamps say", "accent", True),),
        (
            *(Word("  ● mic ", bold=True), Word("sound reaches us   ", "quiet"), Word("● sent ", bold=True)),
            *(Word("it leaves   ", "quiet"), Word("● heard ", bold=True), Word("the server reacts", "quiet")),
        ),
    ]
