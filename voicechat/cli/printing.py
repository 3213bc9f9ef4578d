"""How commands print: data on stdout, sentences and progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from voicechat.ui.sanitise import clean

EVERY = 0.5
"""Seconds between two words of progress; ten times as long where no terminal shows them."""


def print_json(value: object, default: Callable[[Any], Any] | None = None) -> None:
    """One line of data on stdout, at once: a reader may be waiting for it."""
    print(json.dumps(value, ensure_ascii=False, default=default), flush=True)


def answer(plain: object, words: str, *, as_json: bool) -> None:
    """The same for programs or for people."""
    print_json(plain) if as_json else print(words)


def note(sentence: str) -> None:
    print(clean(sentence, one_line=True), file=sys.stderr, flush=True)


def say(sentence: str) -> None:
    """A sentence of the program's own."""
    note(f"voicechat: {sentence}")


def progress(after: float = 0.0) -> Callable[..., None]:
    """What tells how far something is, `is_last` the last time; a terminal shows it in one line that is written again.

    Nothing is told in the first `after` seconds.
    """
    began = last = time.monotonic()
    is_screen = sys.stderr.isatty()

    def tell(told: str, is_last: bool = False) -> None:
        nonlocal last
        now = time.monotonic()
        if is_last or (now - began >= after and now - last >= (EVERY if is_screen else 10 * EVERY)):
            last = now
            shown, end = (f"{told}\x1b[K", "\n" if is_last else "\r") if is_screen else (told, "\n")
            print(shown, end=end, file=sys.stderr, flush=True)

    return tell


def columns(rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), right: Collection[int] = ()) -> Iterator[str]:
    """A line for each row, every column as wide as its widest cell, below names and a rule; empty ones are left out."""
    table = [[clean(cell, one_line=True) for cell in row] for row in [*([head] if head else []), *rows]]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for number, row in enumerate(table):
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        yield "  ".join(cells).rstrip()
        if head and not number:
            yield "  ".join("-" * width for width in widths if width)
