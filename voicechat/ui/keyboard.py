"""Key releases from terminals that can report them (the kitty keyboard protocol), and nothing that breaks elsewhere.

Textual asks for flags 1, 8 and 16 of the protocol but not for 2, "report event types", and its parser raises on such
reports. So a filter stands in front of it: it swallows releases, gives repeats the form Textual knows, and swallows the
answers to our own query. A terminal is believed by its answer only, never by its name.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from textual.driver import Driver
from textual.message import Message

Kind = Literal["press", "repeat", "release"]
REPORT_EVENT_TYPES = 2
REPORT_ALL_KEYS = 8
QUERY = f"\x1b[={REPORT_EVENT_TYPES};2u\x1b[?u\x1b[c"
"""Add flag 2 to the entry Textual has just pushed (its own pop undoes both), ask what is in force now, and ask for the
device attributes: every terminal answers those, so "no answer" is known at once and needs no timeout."""
PASTE_START, PASTE_END = "\x1b[200~", "\x1b[201~"

# CSI code[:shifted[:base]] ; modifiers[:type] [; text] final
_SEQUENCE = re.compile(
    r"\x1b\[(?:\?(?P<flags>\d{1,9})u"
    r"|(?P<attributes>\?[\d;]{0,40}c)"
    r"|(?P<code>\d{0,12})(?P<others>(?::\d*){0,2})"
    r"(?:;(?P<modifiers>\d{0,9})(?::(?P<type>\d{1,9}))?(?:;(?P<text>[\d:]{0,60}))?)?(?P<final>[u~ABCDEFHPQRS]))"
)
_UNFINISHED = re.compile(r"\x1b(?:\[\??[\d:;]{0,60}|\](?:1(?:1(?:;[^\x07\x1b]{0,60}\x1b?)?)?)?)\Z")
_COLOR_ANSWER = re.compile(r"\x1b\]11;[^\x07\x1b]{0,60}(?:\x07|\x1b\\)")
"""A late answer to the question of `terminal_colors`; it is nobody's key."""
_KINDS: dict[str | None, Kind] = {"2": "repeat", "3": "release"}


class KeyMoved(Message, bubble=False):
    """A key went down, repeated or came up; for the app alone. `key` is named as Textual names it."""

    def __init__(self, key: str, kind: Kind) -> None:
        super().__init__()
        self.key = key
        self.kind: Kind = kind


class KeyboardKnown(Message, bubble=False):
    """The terminal has answered. `flags` of the protocol are in force; None: it does not know the protocol."""

    def __init__(self, flags: int | None) -> None:
        super().__init__()
        self.flags = flags

    @property
    def reports_release(self) -> bool:
        """Flag 8 is needed too: without it Space is a plain byte that cannot be tied to its release."""
        wanted = REPORT_EVENT_TYPES | REPORT_ALL_KEYS
        return self.flags is not None and self.flags & wanted == wanted


class Typed(Struct, frozen=True):
    """Text for Textual's parser; `kind` says what a key in it is."""

    text: str
    kind: Kind = "press"


class Answered(Struct, frozen=True):
    flags: int


class Fence(Struct, frozen=True):
    """The answer that every terminal gives: what had not been answered before it never will be."""


Item = Typed | Answered | Fence


class SequenceFilter:
    """Decoded terminal input in, items out. Split sequences are kept until they are whole."""

    def __init__(self) -> None:
        self._carry = ""
        self._in_paste = False
        self.speaks_protocol = True
        """Until the fence says otherwise. Then a lone ESC is the Escape key and must not wait here."""

    @property
    def is_waiting(self) -> bool:
        return bool(self._carry)

    def flush(self) -> str:
        """Give up waiting: the kept half as it is."""
        carry, self._carry = self._carry, ""
        return carry

    def feed(self, data: str) -> Iterator[Item]:
        data, self._carry = self._carry + data, ""
        position = 0
        while position < len(data):
            if self._in_paste:
                text, position = self._paste(data, position)
                yield Typed(text)
                continue
            escape = data.find("\x1b", position)
            if escape != position:
                end = len(data) if escape < 0 else escape
                yield Typed(data[position:end])
                position = end
                continue
            item, position = self._sequence(data, position)
            if item is not None:
                yield item

    def _paste(self, data: str, position: int) -> tuple[str, int]:
        """Pasted text, its escapes removed: Textual would read them, and what follows, as keys."""
        end = data.find(PASTE_END, position)
        if end >= 0:
            self._in_paste = False
            return data[position:end].replace("\x1b", "") + PASTE_END, end + len(PASTE_END)
        keep = next((n for n in range(len(PASTE_END) - 1, 0, -1) if data.endswith(PASTE_END[:n])), 0)
        stop = max(position, len(data) - keep)
        self._carry = data[stop:]
        return data[position:stop].replace("\x1b", ""), len(data)

    def _sequence(self, data: str, position: int) -> tuple[Item | None, int]:
        """What begins with the ESC at `position`, and where to go on."""
        if data.startswith(PASTE_START, position):
            self._in_paste = True
            return Typed(PASTE_START), position + len(PASTE_START)
        match = _SEQUENCE.match(data, position)
        if match is not None:
            return self._item(match), match.end()
        if (color := _COLOR_ANSWER.match(data, position)) is not None:
            return None, color.end()
        rest = data[position:]
        if _UNFINISHED.match(rest) or (rest == "\x1b" and self.speaks_protocol):
            self._carry = rest
            return None, len(data)
        return Typed("\x1b"), position + 1

    def _item(self, match: re.Match[str]) -> Item:
        if match["flags"] is not None:
            self.speaks_protocol = True
            return Answered(int(match["flags"]))
        if match["attributes"] is not None:
            return Fence()
        if match["type"] is None and not match["others"]:
            return Typed(match[0])
        text = f";{match['text']}" if match["text"] else ""
        plain = f"\x1b[{match['code'] or 1};{match['modifiers'] or 1}{text}{match['final']}"
        return Typed(plain, _KINDS.get(match["type"], "press"))


def best_driver() -> type[Driver] | None:
    """Our driver; None (Textual's own) on Windows, by the user's choice, or if a private name it needs is gone."""
    if (
        sys.platform == "win32"
        or os.environ.get("TEXTUAL_DRIVER")
        or os.environ.get("TEXTUAL_DISABLE_KITTY_KEY") == "1"
    ):
        return None
    try:
        from voicechat.ui.keyboard_driver import EventTypeDriver
    except (ImportError, AttributeError):
        return None
    return EventTypeDriver
