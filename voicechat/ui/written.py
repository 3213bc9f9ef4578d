"""Markdown as a written answer uses it, read into lines whose every visible character knows its place in the source.

So the screen may hide marks and wrap code, and what is copied is still the source, character for character. HTML is
text like any other, a link is a label with its address behind it and never something to click. All pieces are bounded:
hostile text costs time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

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
            number = _table(lines, number, made)
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


def _table(lines: list[tuple[str, int]], number: int, made: list[Block]) -> int:
    """Head, delimiter and every line with a bar behind them. The number of the line behind it."""
    delimiter = [text for text, _ in _cells(*lines[number + 1])]
    rows, source = [], [_line(*lines[number]), _line(*lines[number + 1])]
    rows.append(_cells(*lines[number]))
    number += 2
    while number < len(lines) and "|" in lines[number][0]:
        rows.append(_cells(*lines[number]))
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


def _cells(line: str, at: int) -> list[tuple[str, int]]:
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
