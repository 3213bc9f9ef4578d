"""What a terminal tells when it is asked: whether it is light or dark, before the screen takes it over.

OSC 11 asks for the background colour; the device attributes behind it are a fence that every terminal answers, so "no
answer" is known at once nearly everywhere. The question goes out first and the screen is loaded meanwhile, so waiting
costs nothing but on a slow line. What comes after the cap is swallowed by the keyboard's filter. Nothing of Textual is
loaded here: that is what the time is used for.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

CAP = 0.1
"""Seconds from the question to giving up."""
BACKGROUND = b"\x1b]11;?\x1b\\\x1b[c"
LONGEST_ANSWER = 4096
LIGHT_FROM = 0.5
"""Share of full brightness from which dark text is easier to read."""
_COLOR = re.compile(
    rb"\x1b\]11;(?:rgba?:(?P<parts>[0-9A-Fa-f]{1,4}(?:/[0-9A-Fa-f]{1,4}){2,3})|#(?P<hex>[0-9A-Fa-f]{6}))(?:\x07|\x1b\\)"
)
_FENCE = re.compile(rb"\x1b\[\?[\d;]{0,60}c")
_LIGHT_ANSI = {"7", "9", "10", "11", "12", "13", "14", "15"}
_waiting: list[TerminalQuestion] = []
"""The question that still keeps the terminal from echoing; the screen's driver takes the user's modes over from it."""


def is_light_color(answer: bytes) -> bool | None:
    """Whether the background in the terminal's answer is light; None when there is none that can be read."""
    match = _COLOR.search(answer)
    if match is None:
        return None
    if match["hex"]:
        red, green, blue = (int(match["hex"][n : n + 2], 16) / 255 for n in (0, 2, 4))
    else:
        parts = match["parts"].split(b"/")
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue >= LIGHT_FROM


def hint(environ: Mapping[str, str]) -> bool | None:
    """What `COLORFGBG` says (`0;15`: black on white); None without it."""
    _, separator, background = environ.get("COLORFGBG", "").rpartition(";")
    return background in _LIGHT_ANSI if separator and background.isdigit() else None


def may_ask(environ: Mapping[str, str]) -> bool:
    """A real terminal that will not print the question. GNU screen does not pass it on; tmux answers itself."""
    term = environ.get("TERM", "dumb")
    in_screen = bool(environ.get("STY")) or (term.startswith("screen") and not environ.get("TMUX"))
    if sys.platform == "win32" or term in ("dumb", "linux", "unknown") or in_screen or environ.get("CI"):
        return False
    if environ.get("TEXTUAL_DRIVER") or environ.get("TEXTUAL_DISABLE_KITTY_KEY") == "1":
        return False  # without our own driver a late answer would be typed into the app
    return sys.stdin.isatty() and sys.stdout.isatty()


class TerminalQuestion:
    """One question: asked when entered, given up when left. What waits for the answer waits until `cap` at most."""

    def __init__(
        self, environ: Mapping[str, str], *, wanted: bool = True, question: bytes = BACKGROUND, cap: float = CAP
    ) -> None:
        """`question` ends in the one for the device attributes; `cap`: seconds from it to giving up."""
        self._environ, self._question, self._cap = environ, question, cap
        self._wanted = wanted and may_ask(environ)
        self._modes: list[int | list[bytes | int]] | None = None
        self._asked_at = 0.0
        self._answer = b""

    def __enter__(self) -> TerminalQuestion:
        try:
            if self._wanted:
                self._ask()
            self._asked_at = time.monotonic()
        except BaseException:  # Ctrl+C before the block has begun, whose end would give it back
            self.give_back()
            raise
        return self

    def _ask(self) -> None:
        import termios

        self._in, out = sys.stdin.fileno(), sys.stdout.fileno()
        try:
            self._modes = termios.tcgetattr(self._in)
            quiet = termios.tcgetattr(self._in)
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._in, termios.TCSANOW, quiet)
            _waiting.append(self)
            os.write(out, self._question)
        except (OSError, termios.error):
            self.give_back()
            self._wanted = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_back()

    def answer(self) -> bytes:
        """All that the terminal said; empty where it was not asked, or said nothing."""
        if self._wanted:
            self._read()
            if _FENCE.search(self._answer):
                self.give_back()  # nothing more will come
        return self._answer

    def is_light(self) -> bool | None:
        """Whether the background is light, else the environment's hint; None when nothing is known."""
        known = is_light_color(self.answer())
        return hint(self._environ) if known is None else known

    def _read(self) -> None:
        ends = self._asked_at + self._cap
        while not _FENCE.search(self._answer) and len(self._answer) < LONGEST_ANSWER:
            left = max(0.0, ends - time.monotonic())
            try:
                ready, _, _ = select.select([self._in], [], [], left)
                data = os.read(self._in, 256) if ready else b""
            except OSError:
                return
            if not data:
                return
            self._answer += data

    def give_back(self) -> None:
        """The terminal as it was. May be called twice."""
        if self._modes is not None:
            import contextlib
            import termios

            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._in, termios.TCSANOW, self._modes)
        self._modes = None
        if self in _waiting:
            _waiting.remove(self)


def take_over_modes() -> list[int | list[bytes | int]] | None:
    """The user's own modes, for the driver that sets the terminal back at the end; None where nothing was changed.

    They are handed on, not set: an answer that comes in between would be echoed.
    """
    if not _waiting:
        return None
    waiting = _waiting.pop()
    modes, waiting._modes = waiting._modes, None
    return modes
