"""What the question about a tool's call says: name, place, arguments. Pure; every word from outside is cleaned."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from voicechat.core.view import ToolAsk
from voicechat.ui.cards import Line, Word
from voicechat.ui.sanitise import clean

MOST_ROWS = 9
"""Rows of arguments; the transcript has them all."""
SMALL = 3
"""So many where the screen is low; then no row is left blank either."""
KEYS = (("y", "allow"), ("a", "always in this talk"), ("n", "no"))


def pretty(text: str) -> str:
    """JSON over several lines, or the text as it is where it is none."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def consent_title(asked: Sequence[ToolAsk]) -> tuple[str, str]:
    """The title row: what is asked, and how many wait behind it."""
    more = f"1 of {len(asked)}" if len(asked) > 1 else ""
    return "MAY THIS RUN?", more


def consent_lines(
    asked: Sequence[ToolAsk],
    width: int,
    rows: int = MOST_ROWS,
    *,
    has_keys: bool = True,
    armed: bool = True,
    back: str = "Esc",
) -> list[Line]:
    """The oldest question: who calls what, with which arguments, and the keys.

    `has_keys`: they answer now; else something that is typed into has them, and `back` closes it first. `armed`: the
    question has stood long enough to be answered; before that its keys are shown dimmed.
    """
    ask = asked[0]
    name = clean(ask.name, one_line=True)[: max(8, width - 30)]
    place = f"at {clean(ask.server, one_line=True)}, called by the service" if ask.server else "on this computer"
    head: Line = (Word("  ▲ ", "warning", True), Word(name, "tool", True, outside=True))
    if cell_len(name) + cell_len(place) + 8 <= width:
        head = (*head, Word(f"  {place}", "quiet", outside=True))
    body = [] if ask.arguments.strip() in ("", "{}") else _arguments(ask, width - 6, rows)
    keys = _keys(width, back, has_keys=has_keys, armed=armed)
    return [(), head, *body, (), keys, ()] if rows > SMALL else [head, *body, keys]


def _keys(width: int, back: str, *, has_keys: bool, armed: bool) -> Line:
    if not armed:
        choices = "   ".join(f"{key} {words}" for key, words in KEYS)
        return (Word("  "), Word("… ", "warning"), Word(f"{choices}   in a moment", "quiet"))
    keys: list[Word] = [Word("  ")]
    if not has_keys:
        keys += [Word(back, "key", True), Word(" first, then  ", "quiet")]
    for key, words in KEYS:
        keys += [Word(key, "key", True), Word(f" {words}   ", "quiet")]
    keys += [Word(back, "key", True), Word(" no", "quiet")] if has_keys and width >= 60 else []
    return tuple(keys)


def _arguments(ask: ToolAsk, width: int, rows: int) -> list[Line]:
    text = clean(pretty(ask.arguments))
    wrapped = [line.plain.rstrip() for line in Content(text).wrap(max(10, width))]
    if len(wrapped) > 2 and wrapped[0] == "{" and wrapped[-1] == "}":  # braces tell nothing here
        wrapped = [line.removeprefix("  ") for line in wrapped[1:-1]]
    lines: list[Line] = [(Word("    "), Word(line, outside=True)) for line in wrapped[:rows]]
    left = len(wrapped) - rows
    if left > 0 or ask.cut:
        more = f"{left} more line{'s' * (left > 1)}" if left > 0 else ""
        cut = f"{ask.cut} more characters" if ask.cut else ""
        told = " and ".join(part for part in (more, cut) if part)
        lines.append((Word(f"    … {told}" + (", all in its turn above" if width > 70 else ""), "warning"),))
    return lines
