"""A payload as lines of coloured pieces, without the noise of quotation marks, folded and bounded.

A string that could be taken for something else (a number, `true`, nothing, blanks at an edge) keeps its quotes, so that
colour alone never tells what a value is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from voicechat.ui.sanitise import show

Piece = tuple[str, str]
"""Text, and the theme's name of its colour."""
LONGEST_PAYLOAD = 64 * 1024
"""Characters of one payload that are shown."""
LONGEST_STRING = 240
"""Characters of one string, unless it is unfolded."""
DEEPEST = 60
STEP = 2
_LIKE_OTHER = re.compile(r"\s|.*\s$|$|[-+\d.\[\]{}]+$|(true|false|null|NaN|-?Infinity)$|[-+]?[\d.]+([eE][-+]?\d+)?$")


def json_lines(payload: str, width: int, *, unfolded: bool = False) -> list[list[Piece]]:
    """At most 64 kB of a payload over lines of this width; what is left out is counted. Text that is no JSON stays."""
    try:
        value = json.loads(payload, strict=False)
    except (ValueError, RecursionError):
        return _capped(_wrapped([("", "")], show(payload[: 2 * LONGEST_PAYLOAD]), "foreground", width), len(payload))
    lines = _of_value(value, [], 0, max(16, width), unfolded)
    if isinstance(value, dict):  # braces around everything say nothing
        lines = _members(value, 0, max(16, width), unfolded)
    return _capped(lines, len(payload))


def _capped(lines: Iterator[list[Piece]], size: int) -> list[list[Piece]]:
    taken: list[list[Piece]] = []
    characters = 0
    for line in lines:
        taken.append(line)
        characters += sum(len(text) for text, _ in line)
        if characters > LONGEST_PAYLOAD:
            return [*taken, [(f"… the rest of {size} characters is in the copy", "quiet")]]
    return taken


def _of_value(value: object, before: list[Piece], indent: int, width: int, unfolded: bool) -> Iterator[list[Piece]]:
    """Lines of a value whose first one begins with `before`."""
    match value:
        case dict() | list() if not value:
            yield [*before, ("{}" if isinstance(value, dict) else "[]", "quiet")]
        case dict() | list() if indent >= DEEPEST * STEP:
            yield [*before, ("… deeper", "quiet")]
        case dict():
            yield [*before, ("{", "quiet")]
            yield from _members(value, indent + STEP, width, unfolded)
            yield [(" " * indent + "}", "quiet")]
        case list():
            yield [*before, ("[", "quiet")]
            for item in value:
                yield from _of_value(item, [(" " * (indent + STEP), "quiet")], indent + STEP, width, unfolded)
            yield [(" " * indent + "]", "quiet")]
        case str():
            yield from _of_text(value, before, width, unfolded)
        case bool() | None:
            yield [*before, (json.dumps(value), "tool")]
        case _:
            yield [*before, (json.dumps(value), "you")]


def _members(value: dict[str, object], indent: int, width: int, unfolded: bool) -> Iterator[list[Piece]]:
    for name, member in value.items():
        key = (" " * indent + show(name)[:200], "assistant")
        yield from _of_value(member, [key, ("  ", "quiet")], indent, width, unfolded)


def _of_text(value: str, before: list[Piece], width: int, unfolded: bool) -> Iterator[list[Piece]]:
    folded = len(value) > LONGEST_STRING and not unfolded
    text = show(value[:LONGEST_STRING] if folded else value[:LONGEST_PAYLOAD])
    yield from _wrapped(before, f'"{text}"' if _LIKE_OTHER.match(value) else text, "foreground", width)
    if folded:
        indent = " " * (len(before[0][0]) - len(before[0][0].lstrip()) + STEP)
        yield [(f"{indent}… {len(value) - LONGEST_STRING} characters more", "quiet")]


def _wrapped(before: list[Piece], text: str, color: str, width: int) -> Iterator[list[Piece]]:
    """Text after a beginning; what does not fit goes on below its first column where that leaves room."""
    column = cell_len("".join(piece for piece, _ in before))
    if column > width // 2:
        column = min(column, STEP + len(before[0][0]) - len(before[0][0].lstrip()))
    used = cell_len("".join(piece for piece, _ in before))
    lead = before
    for paragraph in text.split("\n"):
        first, rest = _split_at(paragraph, max(8, width - used))
        yield [*lead, (first, color)]
        lead, used = [(" " * column, "quiet")], column
        while rest:
            part, rest = _split_at(rest, max(8, width - column))
            yield [*lead, (part, color)]


def wrapped(text: str, color: str, width: int, indent: int = 0) -> list[list[Piece]]:
    """A sentence over lines of this width."""
    return list(_wrapped([(" " * indent, "quiet")], text, color, width))


def _split_at(text: str, room: int) -> tuple[str, str]:
    """The part that fits, at a blank if one is near the end."""
    if cell_len(text) <= room:
        return text, ""
    head = chop_cells(text[: room + 1], room)[0]
    blank = head.rfind(" ")
    end = blank + 1 if blank > len(head) * 2 // 3 else len(head)
    return text[:end], text[end:]
