"""A written answer laid out: code on its own ground, lists, headings and small tables, all as text.

Laying out is pure and kept for each text and width; painting adds colours and, to every cell that shows a character of
the source, that character's place in it, so that the mouse selects the source and never our decoration.

Markdown as a written answer uses it, read into lines whose every visible character knows its place in the source.

So the screen may hide marks and wrap code, and what is copied is still the source, character for character. HTML is
text like any other, a link is a label with its address behind it and never something to click. All pieces are bounded:
hostile text costs time in proportion to its length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple

from rich.cells import split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip

from voicechat.ui.paint import Palette

DEEPEST = 3
"""Emphasis within emphasis."""
INLINE_UP_TO = 4_000
"""Characters of a line that is looked through for marks."""
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})[ \t]*([^`\n]{0,80})$")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"([ \t]{0,24})([-*+]|\d{1,9}[.)])[ \t]+(?=\S)")
_QUOTE = re.compile(r" {0,3}((?:>[ \t]?){1,8})")
_DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*){1,30}\|?[ \t]*$")
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<tick>`{1,3})(?!`)(?P<code>[^\n]{1,300}?)(?<!`)(?P=tick)(?!`)"
    r"|!?\[(?P<label>[^\[\]\n]{1,200})\]\((?P<url>(?:[^()\s]|\([^()\s]{0,100}\)){1,300}+)\)"
    r"|\*{3}(?![\s*])(?P<both>[^\n*]{1,300})(?<!\s)\*{3}(?!\*)"
    r"|(?P<strong>\*\*|(?<!\w)__)(?![\s*_])(?P<bold>[^\n]{1,300}?)(?<!\s)(?P=strong)(?![\w*])"
    r"|~~(?!\s)(?P<struck>[^\n]{1,300}?)(?<!\s)~~"
    r"|\*(?![\s*])(?P<slanted>[^\n]{1,300}?)(?<![\s*])\*(?!\*)"
    r"|(?<!\w)_(?![\s_])(?P<leaning>[^\n]{1,300}?)(?<![\s_])_(?!\w)"
)
_WORTH = re.compile(r"[`*_~|\[\\]|^ {0,3}(?:#|>|[-+] |\d+[.)] |---)", re.MULTILINE)
Kind = Literal["text", "code", "language", "rule"]


class Piece(NamedTuple):
    """Text that is shown, and where it stands in the source; `at` is -1 for what we have added.

    `look` is a set of letters: b bold, i italic, s struck, c code, h heading, u link, q quiet.
    """

    text: str
    at: int
    look: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """One line of the source as it is to be shown. Continuations of a wrapped line hang below the text."""

    kind: Kind
    pieces: tuple[Piece, ...] = ()
    lead: tuple[Piece, ...] = ()
    """What stands before the text: a bullet, a number, the rail of a quotation."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first is the head. `source` are the lines as they are, for a screen too narrow for columns."""

    rows: tuple[tuple[tuple[Piece, ...], ...], ...]
    is_right: tuple[bool, ...]
    source: tuple[Written, ...]


Block = Written | Table


def is_marked_up(text: str) -> bool:
    """Whether the text may hold any mark at all; most answers do not."""
    return _WORTH.search(text) is not None


@lru_cache(maxsize=128)
def blocks(text: str) -> tuple[Block, ...]:
    """The text, line by line. `text` must be clean."""
    lines = list(_with_offsets(text))
    made: list[Block] = []
    number = 0
    while number < len(lines):
        line, at = lines[number]
        if (fence := _FENCE.match(line)) is not None:
            number = _code(lines, number, fence, made)
        elif "|" in line and number + 1 < len(lines) and _DELIMITER.match(lines[number + 1][0]):
            number = _read_table(lines, number, made)
        else:
            made.append(_line(line, at))
            number += 1
    return tuple(made)


def _with_offsets(text: str) -> Iterator[tuple[str, int]]:
    at = 0
    for line in text.split("\n"):
        yield line, at
        at += len(line) + 1


def _code(lines: list[tuple[str, int]], number: int, fence: re.Match[str], made: list[Block]) -> int:
    """A fenced block up to its end, or the end of the text. The number of the line behind it."""
    indent, mark, language = len(fence[1]), fence[2], fence[3].strip()
    at = lines[number][1]
    word = language.split()[0] if language else ""
    made.append(Written("language", (Piece(word or "code", at + fence.start(3) if word else -1, "q"),)))
    end = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
    number += 1
    while number < len(lines):
        line, at = lines[number]
        number += 1
        if end.match(line):
            break
        cut = min(indent, len(line) - len(line.lstrip(" ")))
        made.append(Written("code", (Piece(line[cut:], at + cut, "c"),)))
    return number


def _line(line: str, at: int) -> Written:
    if _RULE.match(line):
        return Written("rule", (Piece(line, at, "q"),))
    if (heading := _HEADING.match(line)) is not None:
        text = line[heading.end() :].rstrip().rstrip("#").rstrip() or line
        start = heading.end() if text != line else 0
        return Written("text", tuple(_inline(text, at + start, "h")))
    if (quote := _QUOTE.match(line)) is not None:
        depth = quote[1].count(">")
        return Written(
            "text", tuple(_inline(line[quote.end() :], at + quote.end(), "q")), (Piece("▎ " * depth, -1, "q"),)
        )
    if (item := _ITEM.match(line)) is not None:
        indent = min(12, len(item[1].expandtabs(4)))
        bullet = Piece("•", -1, "q") if item[2] in "-*+" else Piece(item[2], at + item.start(2), "q")
        lead = (Piece(" " * indent, -1), bullet, Piece(" ", -1))
        return Written("text", tuple(_inline(line[item.end() :], at + item.end(), "")), lead)
    return Written("text", tuple(_inline(line, at, "")))


def _inline(text: str, at: int, look: str, depth: int = 0) -> Iterator[Piece]:
    """Marks within a line, hidden; what they mean as a look."""
    position = 0
    for match in _INLINE.finditer(text) if len(text) <= INLINE_UP_TO and depth <= DEEPEST else ():
        if match.start() > position:
            yield Piece(text[position : match.start()], at + position, look)
        yield from _marked(match, at, look, depth)
        position = match.end()
    if position < len(text):
        yield Piece(text[position:], at + position, look)


def _marked(match: re.Match[str], at: int, look: str, depth: int) -> Iterator[Piece]:
    if match["escaped"]:
        yield Piece(match["escaped"], at + match.start("escaped"), look)
    elif match["code"]:
        yield Piece(match["code"], at + match.start("code"), look + "c")
    elif match["label"]:
        yield from _inline(match["label"], at + match.start("label"), look + "u", depth + 1)
        if match["url"] != match["label"]:
            yield Piece(" (", -1, look + "q")
            yield Piece(match["url"], at + match.start("url"), look + "q")
            yield Piece(")", -1, look + "q")
    else:
        name = next(n for n in ("both", "bold", "struck", "slanted", "leaning") if match[n])
        added = {"both": "bi", "bold": "b", "struck": "s"}.get(name, "i")
        yield from _inline(match[name], at + match.start(name), look + added, depth + 1)


def _read_table(lines: list[tuple[str, int]], number: int, made: list[Block]) -> int:
    """Head, delimiter and every line with a bar behind them. The number of the line behind it."""
    delimiter = [text for text, _ in _read_cells(*lines[number + 1])]
    rows, source = [], [_line(*lines[number]), _line(*lines[number + 1])]
    rows.append(_read_cells(*lines[number]))
    number += 2
    while number < len(lines) and "|" in lines[number][0]:
        rows.append(_read_cells(*lines[number]))
        source.append(_line(*lines[number]))
        number += 1
    made.append(
        Table(
            tuple(
                tuple(tuple(_inline(text, at, "b" if not index else "")) for text, at in row[: len(delimiter)])
                for index, row in enumerate(rows)
            ),
            tuple(cell.endswith(":") and not cell.startswith(":") for cell in delimiter),
            tuple(source),
        )
    )
    return number


def _read_cells(line: str, at: int) -> list[tuple[str, int]]:
    """What stands between the bars, with its place."""
    cells = []
    start = 0
    for match in re.finditer(r"(?<!\\)\||$", line):
        cell = line[start : match.start()]
        stripped = cell.strip()
        is_edge = not stripped and (start == 0 or match.start() == len(line))
        if not is_edge:
            cells.append((stripped, at + start + len(cell) - len(cell.lstrip())))
        start = match.end()
    return cells


TAB = 4
GUTTER = "│ "
GOES_ON = "│›"
"""Before code that did not fit into one row."""
NARROWEST = 8
COLUMN_GAP = " │ "
GROUND: dict[Kind, str] = {"code": "surface", "language": "surface"}


class Cell(NamedTuple):
    """One character as the terminal counts it. `at` is its place in the source, -1 for none."""

    text: str
    width: int
    at: int
    look: str


class Shown(NamedTuple):
    """One row of the screen."""

    kind: Kind
    cells: tuple[Cell, ...]


@lru_cache(maxsize=256)
def laid_out(text: str, width: int) -> tuple[Shown, ...]:
    """The rows of a clean text at a width. Every row is at most `width` cells."""
    rows: list[Shown] = []
    for block in blocks(text):
        rows += _table(block, width) if isinstance(block, Table) else _rows(block, width)
    return tuple(rows)


def _rows(line: Written, width: int) -> Iterator[Shown]:
    if line.kind == "rule":
        yield Shown("rule", tuple(Cell("─", 1, -1, "q") for _ in range(min(width, 24))))
        return
    if line.kind in ("code", "language"):
        content = list(_cells(line.pieces))
        for number, part in enumerate(_hard(content, max(1, width - 3))):
            gutter = GUTTER if not number else GOES_ON
            yield Shown(line.kind, (*(Cell(c, 1, -1, "q") for c in gutter), *part))
        return
    lead = tuple(_cells(line.lead))
    hang = sum(cell.width for cell in lead)
    if hang > width - NARROWEST:
        lead, hang = (), 0
    below = lead if line.lead and line.lead[0].text.startswith("▎") else (Cell(" ", 1, -1, ""),) * hang
    for number, part in enumerate(_soft(list(_cells(line.pieces)), width - hang)):
        yield Shown("text", (*(lead if not number else below), *part))


def _cells(pieces: Iterable[Piece]) -> Iterator[Cell]:
    """Pieces as single cells; a tab is four blanks of one place."""
    for piece in pieces:
        text = piece.text
        if text.isascii() and "\t" not in text:
            yield from (Cell(c, 1, -1 if piece.at < 0 else piece.at + n, piece.look) for n, c in enumerate(text))
            continue
        for start, end, width in split_graphemes(text)[0]:
            at = -1 if piece.at < 0 else piece.at + start
            if text[start] == "\t":
                yield from (Cell(" ", 1, at, piece.look) for _ in range(TAB))
            else:
                yield Cell(text[start:end], width, at, piece.look)


def _hard(cells: list[Cell], width: int) -> Iterator[tuple[Cell, ...]]:
    """Cut wherever the row is full; an empty line is a row too."""
    row: list[Cell] = []
    used = 0
    for cell in cells:
        if used + cell.width > width and row:
            yield tuple(row)
            row, used = [], 0
        row.append(cell)
        used += cell.width
    yield tuple(row)


def _soft(cells: list[Cell], width: int) -> Iterator[tuple[Cell, ...]]:
    """Cut behind the last blank that fits, else wherever the row is full."""
    start = 0
    while True:
        used, end, blank = 0, start, -1
        while end < len(cells) and used + cells[end].width <= width:
            used += cells[end].width
            end += 1
            if cells[end - 1].text == " ":
                blank = end
        if end >= len(cells):
            yield tuple(cells[start:])
            return
        if cells[end].text == " ":
            blank = end + 1  # the blank at the edge is not shown
        stop = blank if blank > start else max(end, start + 1)
        yield tuple(_trimmed(cells[start : min(stop, max(end, start + 1))]))
        start = stop


def _trimmed(cells: list[Cell]) -> list[Cell]:
    while cells and cells[-1].text == " ":
        cells = cells[:-1]
    return cells


def _table(table: Table, width: int) -> Iterator[Shown]:
    """Columns if they fit; else the lines as they were written."""
    columns = len(table.is_right)
    grid = [[list(_cells(row[n])) if n < len(row) else [] for n in range(columns)] for row in table.rows]
    widths = [max(sum(cell.width for cell in row[n]) for row in grid) for n in range(columns)]
    if sum(widths) + len(COLUMN_GAP) * (columns - 1) > width:
        for line in table.source:
            yield from _rows(line, width)
        return
    for number, row in enumerate(grid):
        made: list[Cell] = []
        for n, content in enumerate(row):
            blanks = [Cell(" ", 1, -1, "")] * (widths[n] - sum(cell.width for cell in content))
            made += [Cell(c, 1, -1, "q") for c in COLUMN_GAP] if n else []
            made += [*blanks, *content] if table.is_right[n] else [*content, *blanks]
        yield Shown("text", tuple(made))
        if not number:
            under = "─┼─".join("─" * w for w in widths)
            yield Shown("text", tuple(Cell(c, 1, -1, "q") for c in under))


# painting
class Places:
    """Offsets in the source as lines and columns, which is how a selection counts."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(n + 1 for n, c in enumerate(text) if c == "\n")]

    def of(self, at: int) -> tuple[int, int]:
        """Column and line."""
        line = bisect_right(self._starts, at) - 1
        return at - self._starts[line], line


def block_strips(
    text: str, palette: Palette, width: int, selection: Selection | None, selected: Style | None
) -> list[Strip]:
    """The rows as strips of exactly `width` cells. `text` must be clean."""
    places = Places(text)
    return [_strip(row, palette, width, places, selection, selected) for row in laid_out(text, width)]


def _strip(
    row: Shown, palette: Palette, width: int, places: Places, selection: Selection | None, selected: Style | None
) -> Strip:
    ground = GROUND.get(row.kind, "background")
    segments: list[Segment] = []
    used = 0
    for look, follows in groupby(row.cells, key=lambda cell: (cell.look, cell.at < 0)):
        cells = list(follows)
        style = _style(look[0], palette, ground)
        for part in [cells] if look[1] else _consecutive(cells):
            shown = "".join(cell.text for cell in part)
            own = palette.glyphs(shown) if part[0].at < 0 else shown
            if part[0].at < 0:
                segments.append(Segment(own, style))
            else:
                segments += _selectable(own, part[0].at, style, places, selection, selected)
        used += sum(cell.width for cell in cells)
    segments.append(Segment(" " * max(0, width - used), palette.style(bg=ground)))
    return Strip(segments)


def _consecutive(cells: list[Cell]) -> Iterator[list[Cell]]:
    """Cells that follow each other in the source too."""
    run = [cells[0]]
    for cell in cells[1:]:
        if cell.at == run[-1].at + len(run[-1].text):
            run.append(cell)
        else:
            yield run
            run = [cell]
    yield run


def _selectable(
    text: str, at: int, style: Style, places: Places, selection: Selection | None, selected: Style | None
) -> Iterator[Segment]:
    """A stretch of the source in one style, with its place; what is selected stands out."""
    column, line = places.of(at)
    span = selection.get_span(line) if selection is not None and selected is not None else None
    begin, end = (0, 0) if span is None else (span[0] - column, len(text) if span[1] < 0 else span[1] - column)
    begin, end = max(0, min(begin, len(text))), max(0, min(end, len(text)))
    for start, stop, marked in ((0, begin, False), (begin, max(begin, end), True), (max(begin, end), len(text), False)):
        if start < stop:
            look = style + selected if marked and selected is not None else style
            yield Segment(text[start:stop], look + Style.from_meta({"offset": (column + start, line)}))


def _style(look: str, palette: Palette, ground: str) -> Style:
    """Colours and weights; without colours weight and frame still tell."""
    color = "quiet" if "q" in look else "assistant" if "h" in look else "foreground"
    paper = "surface" if "c" in look and ground == "background" else ground
    style = palette.style(color, paper, bold="b" in look or "h" in look, strike="s" in look)
    if "i" in look or "u" in look:
        style += Style(italic="i" in look or None, underline="u" in look or None)
    return style


def height_of(text: str, width: int) -> int:
    """Rows."""
    return max(1, len(laid_out(text, width)))
