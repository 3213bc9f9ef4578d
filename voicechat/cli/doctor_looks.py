"""How `voicechat doctor` looks: one line a fact, a mark and a word before it, the cure below it. Nothing is framed.

Colour only repeats what mark and words say (NO_COLOR and pipes get the same text), and every mark has an ASCII twin.
What a report must not hold when it is pasted in public (keys, names of the user and of private computers) is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TextIO

from rich.console import Console
from rich.text import Text

from voicechat.journal.secrets_scan import KEY, LOOKS_SECRET
from voicechat.ui.paint import to_ascii
from voicechat.ui.sanitise import clean

Mark = Literal["good", "care", "bad", "fact"]

_GLYPHS: dict[Mark, str] = {"good": "●", "care": "▲", "bad": "✕", "fact": "·"}
_COLOURS: dict[Mark, str] = {"good": "green", "care": "yellow", "bad": "red", "fact": "none"}
_LABEL = 13
_BAR = 30
WIDEST = 92
"""Columns a sentence may take: longer lines are hard to read."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    mark: Mark
    text: str
    cure: str = ""
    """The next step; empty where none is needed."""


class Page:
    def __init__(self, file: TextIO, *, ascii_only: bool) -> None:
        self.console = Console(file=file, highlight=False, emoji=False, markup=False)
        self._ascii = ascii_only
        self._width = min(self.console.width, WIDEST)

    def checks(self, checks: Iterable[Check]) -> None:
        for check in checks:
            self._row(check)
        self.console.print()

    def verdict(self, mark: Mark, line: str, more: Iterable[Check]) -> None:
        """The one line that answers, in bold; further reasons stand above it, so that it is the last."""
        for check in more:
            self._row(check)
        self._sentence(mark, line, bold=True)

    def say(self, text: str) -> None:
        self.console.print(self._text(text), width=self._width)

    def progress(self, doing: str, share: float, left: float) -> Text:
        """The line that is redrawn while a test runs."""
        done = round(share * _BAR)
        bar = "━" * done + "╌" * (_BAR - done)
        return self._text(f"{doing:<24} {bar} {left:4.0f} s left")

    def _row(self, check: Check) -> None:
        line = Text.assemble(
            (self._glyph(check.mark), _COLOURS[check.mark]),
            " ",
            (f"{check.name:<{_LABEL}}", "dim" if check.mark == "fact" else ""),
        )
        self._beside(line, self._text(check.text))
        if check.cure:
            self._beside(Text(" " * (_LABEL + 2)), self._text(f"→ {check.cure}"))

    def _sentence(self, mark: Mark, line: str, *, bold: bool) -> None:
        self._beside(
            Text.assemble((self._glyph(mark), _COLOURS[mark]), " "),
            self._text(line, f"{'bold ' if bold else ''}{_COLOURS[mark]}"),
        )

    def _beside(self, head: Text, body: Text) -> None:
        """`body` wrapped beside `head`, which stands on its first line only."""
        room = max(20, self._width - head.cell_len)
        for number, part in enumerate(body.wrap(self.console, room)):
            part.rstrip()
            if number == 0:
                self.console.print(Text.assemble(head, part), soft_wrap=True)
            else:
                self.console.print(Text.assemble(" " * head.cell_len, part), soft_wrap=True)

    def _glyph(self, mark: Mark) -> str:
        return to_ascii(_GLYPHS[mark]) if self._ascii else _GLYPHS[mark]

    def _text(self, text: str, style: str = "") -> Text:
        """Names of devices come from outside, so everything is cleaned."""
        cleaned = clean(text, one_line=True)
        return Text(to_ascii(cleaned) if self._ascii else cleaned, style=style)


def worst(checks: Iterable[Check]) -> Mark:
    marks = {check.mark for check in checks}
    return "bad" if "bad" in marks else "care" if "care" in marks else "good"


_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
_SHORTEST_NAME = 3
"""A shorter name of a user or computer is part of too many words."""


@dataclass(frozen=True, slots=True)
class Redactor:
    secrets: tuple[str, ...] = ()
    home: str = ""
    user: str = ""
    hosts: tuple[str, ...] = ()
    """This computer's names, and the host of a service that only this user knows."""

    def text(self, text: str) -> str:
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_NAME:
                text = text.replace(secret, KEY)
        text = LOOKS_SECRET.sub(KEY, _IN_ADDRESS.sub("[user]@", text))
        if len(self.home) > 1:
            text = text.replace(self.home, "~")
        for host in sorted(self.hosts, key=len, reverse=True):
            text = _word(host, "[host]", text)
        return _word(self.user, "[user]", text)

    def checks(self, checks: Iterable[Check]) -> list[Check]:
        return [replace(each, text=self.text(each.text), cure=self.text(each.cure)) for each in checks]


def _word(name: str, instead: str, text: str) -> str:
    if len(name) < _SHORTEST_NAME or name.lower() in ("localhost", "root", "local"):
        return text
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", instead, text, flags=re.IGNORECASE)
