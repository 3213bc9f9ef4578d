"""Where the lines go and where they come from: a descriptor that is read in a thread, a stream that may go away."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import TextIO

from voicechat.ui.plain.lines import Line

LONGEST = 32_000
"""Characters of one line; the engine takes no longer message."""
CHUNK = 65_536
COLORS = {"you": "33", "assistant": "36", "tool": "35", "state": "1", "warning": "1;33", "error": "1;31", "quiet": "2"}
BELL = "\a"


def read_lines(descriptor: int, on_line: Callable[[str], None], on_end: Callable[[], None]) -> threading.Thread:
    """Read lines in a daemon thread until the end.

    From the descriptor, because a daemon thread that waits inside `sys.stdin` holds its lock and makes the interpreter
    abort at exit.
    """

    def read() -> None:
        pending = b""
        while True:
            try:
                data = os.read(descriptor, CHUNK)
            except OSError:
                data = b""
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[: LONGEST * 4]
            for line in lines:
                on_line(_text(line))
        if pending:
            on_line(_text(pending))
        on_end()

    thread = threading.Thread(target=read, name="lines-in", daemon=True)
    thread.start()
    return thread


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:LONGEST]


def may_color(out: TextIO, environ: Mapping[str, str]) -> bool:
    """A terminal that knows colours, and a user who does not forbid them."""
    return out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


class Printer:
    """Writes lines. A reader that has gone away ends it quietly."""

    def __init__(self, out: TextIO, *, colors: bool) -> None:
        self._out = out
        self._colors = colors
        self.is_gone = False
        """Nobody reads any more."""

    def write(self, *lines: Line) -> None:
        """Print and flush: somebody is listening."""
        for line in lines:
            text = line.written()
            if self._colors and (color := COLORS.get(line.kind)):
                label, _, rest = text.partition("] ")
                text = f"\x1b[{color}m{label}]\x1b[0m {rest}"
            self._raw(f"{text}\n")

    def ring(self) -> None:
        """The terminal's bell."""
        self._raw(BELL)

    def _raw(self, text: str) -> None:
        if self.is_gone:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):
            self.is_gone = True
