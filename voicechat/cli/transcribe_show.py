"""What stands on stderr while recordings are written down: one line that is rewritten, or a bar for each of many.

Nothing of it where stderr is no terminal, or where quiet was asked for; sentences about failures come in any case.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from voicechat.transcription.transcript import clock
from voicechat.transcription.writing import Progress
from voicechat.ui.sanitise import clean

_EVERY = 0.08
"""Seconds between two rewritings."""


class Show(Protocol):
    """What is told while it runs."""

    def changed(self, index: int, progress: Progress) -> None: ...
    def ended(self, index: int) -> None: ...
    def say(self, sentence: str) -> None: ...


class Silent:
    """Sentences only."""

    def changed(self, index: int, progress: Progress) -> None:
        """Nothing is shown."""

    def ended(self, index: int) -> None:
        """Nothing is shown."""

    def say(self, sentence: str) -> None:
        print(clean(sentence), file=sys.stderr, flush=True)


class OneLine:
    """The end of what is being heard, on a line that is rewritten."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written_at = 0.0
        self._is_shown = False

    def changed(self, index: int, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._written_at >= _EVERY:
            self._written_at = now
            self.line(line_of(progress, shutil.get_terminal_size().columns))

    def words(self, text: str) -> None:
        """The newest words alone, as much of them as fits."""
        room, words = shutil.get_terminal_size().columns - 2, clean(text, one_line=True)
        self.line(words if len(words) <= room else f"…{words[len(words) - room + 1 :]}")

    def line(self, text: str) -> None:
        """Rewrite the line."""
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()
        self._is_shown = bool(text)

    def ended(self, index: int) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Leave the terminal as it was."""
        if self._is_shown:
            self.line("")

    def say(self, sentence: str) -> None:
        self.wipe()
        print(clean(sentence), file=self._stream, flush=True)


def line_of(progress: Progress, width: int) -> str:
    """Position, length, and as much of the newest words as fits."""
    where = clock(progress.sent) + (f" / {clock(progress.total)}" if progress.total else "")
    room = max(0, width - len(where) - 4)
    words = clean(progress.partial, one_line=True)
    shown = words if len(words) <= room else f"…{words[len(words) - room + 1 :]}" if room > 1 else ""
    return f"{where}  {shown}" if shown else where


@contextlib.contextmanager
def show_for(names: list[str], *, quiet: bool) -> Iterator[Show]:
    """What fits the terminal and the number of recordings."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
    elif len(names) == 1:
        line = OneLine(sys.stderr)
        try:
            yield line
        finally:
            line.wipe()
    else:
        from voicechat.cli.transcribe_bars import many_bars

        bars, told = many_bars(names)
        with bars:
            yield told
