"""A written answer laid out: code on its own ground, lists, headings and small tables, all as text.

Laying out is pure and kept for each text and width; painting adds colours and, to every cell that shows a character of
the source, that character's place in it, so that the mouse selects the source and never our decoration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip

from voicechat.ui.paint import Palette
from voicechat.ui.written import Kind, Piece, Table, Written, blocks

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
