"""What a terminal shows after a stream of bytes: the cells as text, without colours.

Enough of a VT for what Textual writes: cursor moves, erasing, wide characters; everything else is skipped.
"""

from __future__ import annotations

import codecs
import re

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-9:;<=>?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]P^_X](?:[^\x07\x1b]|\x1b(?!\\))*(?:\x07|\x1b\\)"
    r"|\x1b[()#%].|\x1b[^\[\]P^_X()#%]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])"
    r"|(?P<text>[^\x00-\x1f]+)",
    re.DOTALL,
)


class VirtualScreen:
    """`feed` it bytes in pieces of any size; `rows` is what is shown."""

    def __init__(self, columns: int, rows: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """A new size; the program is expected to paint all of it again."""
        self.columns, self.height = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0

    @property
    def rows(self) -> list[str]:
        """Text of every row; a wide character takes its two columns as one character."""
        return ["".join(row) for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def feed(self, data: bytes) -> None:
        """Take what was written to the terminal."""
        text = self._rest + self._decoder.decode(data)
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                break
            position = match.end()
            if match["text"]:
                self._put(match["text"])
            elif match["control"]:
                self._control(match["control"])
            elif match["final"]:
                self._sequence(match["final"], match["parameters"])
        self._rest = text[position:]

    def _put(self, text: str) -> None:
        for char in text:
            width = cell_len(char)
            if width == 0 or self._y >= self.height:
                continue
            if self._x + width <= self.columns:
                self._cells[self._y][self._x : self._x + width] = [char] + [""] * (width - 1)
                self._x += width

    def _control(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\n":
            self._y = min(self.height - 1, self._y + 1)
        elif char == "\b":
            self._x = max(0, self._x - 1)

    def _sequence(self, final: str, parameters: str) -> None:
        if parameters[:1] in ("<", "=", ">", "?"):
            return
        numbers = [int(part) if part.isdecimal() else 0 for part in parameters.split(";")]
        count = max(1, numbers[0])
        match final:
            case "H" | "f":
                column = numbers[1] if len(numbers) > 1 else 1
                self._move(max(1, column) - 1, count - 1)
            case "G":
                self._move(count - 1, self._y)
            case "d":
                self._move(self._x, count - 1)
            case "A" | "B":
                self._move(self._x, self._y + (count if final == "B" else -count))
            case "C" | "D":
                self._move(self._x + (count if final == "C" else -count), self._y)
            case "J" | "K":
                self._erase(final, numbers[0])
            case "X":
                self._blank(self._y, self._x, self._x + count)

    def _move(self, x: int, y: int) -> None:
        self._x, self._y = min(max(0, x), self.columns - 1), min(max(0, y), self.height - 1)

    def _erase(self, final: str, part: int) -> None:
        before, behind = part in (1, 2, 3), part in (0, 2, 3)
        self._blank(self._y, 0 if before else self._x, self.columns if behind else self._x + 1)
        for y in range(self.height) if final == "J" else ():
            if (before and y < self._y) or (behind and y > self._y):
                self._blank(y, 0, self.columns)

    def _blank(self, y: int, start: int, end: int) -> None:
        end = min(end, self.columns)
        self._cells[y][start:end] = [" "] * (end - start)
