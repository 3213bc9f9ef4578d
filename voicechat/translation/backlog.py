"""Which lines are translated, and in which order. Pure.

A line is whole or it is not: the user's once it was transcribed, an answer's once its sound has ended or was cut. Of a
cut answer only what was heard is a line (R10).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicechat.core.view import TurnView

Side = Literal["you", "assistant"]
MOST_WAITING = 8
"""Lines of one side; a conversation that is further ahead is not caught up with."""
LOOKED_AT = 32
"""The newest turns; what is older does not change any more."""
MOST_KNOWN = 256
SETTLED_AFTER = 0.4
"""Seconds for which the words of a cut answer must stand: the service's word on what was heard comes after the cut."""
UNIMPORTANT = 16
"""Characters; "yes, of course" explains itself, so it goes first when there is no time for everything."""


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one turn."""

    key: str
    side: Side
    text: str


def line_of(turn: TurnView) -> Line | None:
    """The turn's line; None while it may still change, and for what nobody said or heard."""
    if turn.partial or turn.who not in ("you", "assistant") or not _has_words(turn.text):
        return None
    return Line(turn.key, "you" if turn.who == "you" else "assistant", turn.text.strip())


def is_awaited(turns: Sequence[TurnView]) -> bool:
    """Whether a translation is still to come; a whole line gets one, or the word that it will have none."""
    return any(turn.translation is None and line_of(turn) is not None for turn in turns[-LOOKED_AT:])


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


class Fresh:
    """Finds the lines that are new, or whose words have changed since."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._settling: dict[str, tuple[str, float]] = {}

    def of(self, turns: Sequence[TurnView], now: float) -> list[Line]:
        """New lines in display order. `now`: seconds on any steady clock."""
        found = []
        for turn in turns[-LOOKED_AT:]:
            line = line_of(turn)
            if line is None or self._known.get(line.key) == line.text or not self._stands(turn, line, now):
                continue
            self._known[line.key] = line.text
            found.append(line)
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return found

    @property
    def is_settling(self) -> bool:
        """Something waits for time alone."""
        return bool(self._settling)

    def _stands(self, turn: TurnView, line: Line, now: float) -> bool:
        if not turn.cut_by:
            return True
        text, since = self._settling.get(line.key, ("", now))
        if text != line.text:
            self._settling[line.key] = (line.text, now)
            return False
        if now - since < SETTLED_AFTER:
            return False
        del self._settling[line.key]
        return True


class Backlog:
    """The lines of one side that wait, oldest first, at most `MOST_WAITING`."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._lines: deque[Line] = deque()

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: Line) -> Line | None:
        """Add a line; newer words of one that waits take its place. What had to be dropped for it."""
        for place, waiting in enumerate(self._lines):
            if waiting.key == line.key:
                self._lines[place] = line
                return None
        self._lines.append(line)
        if len(self._lines) <= self._most:
            return None
        short = next((one for one in self._lines if len(one.text) < UNIMPORTANT and one is not line), None)
        dropped = short or self._lines[0]
        self._lines.remove(dropped)
        return dropped

    def take(self) -> Line | None:
        """The next one."""
        return self._lines.popleft() if self._lines else None

    def clear(self) -> tuple[Line, ...]:
        """Everything that waited."""
        lines = tuple(self._lines)
        self._lines.clear()
        return lines
