"""A comparison as it reads in a terminal of 80 columns: like a diff, and coloured like one where colours may be.

Colour never stands alone: what only a has is in `[-...-]` or behind `-`, what only b has in `{+...+}` or behind `+`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from voicechat.journal.comparing import Comparison, Pair, Timing, Words
from voicechat.journal.page import title_of
from voicechat.journal.past_talk import PastTalk
from voicechat.journal.texts import NOTHING, clock
from voicechat.ui.sanitise import clean

WIDTH = 80
COLORS = {"a": "31", "b": "32", "head": "36", "quiet": "2", "mark": "33", "bold": "1"}
LABEL = 11
"""Columns of `  assistant` and its like."""
MOST_SAME = 2
"""Lines of words that did not change; they are only there to tell which turn it is."""


class Lines:
    """Makes lines, coloured or plain."""

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def paint(self, words: str, look: str) -> str:
        """Some words in a colour."""
        return f"\x1b[{COLORS[look]}m{words}\x1b[0m" if self._colors and look in COLORS and words else words

    def wrapped(self, label: str, parts: Iterable[tuple[str, str]]) -> Iterator[str]:
        """(word, look) one after the other, within the width, under each other behind the label."""
        line, used, prefix = "", LABEL + 1, f"{label:<{LABEL}} "
        for word, look in parts:
            size = cell_len(word)
            if line and used + 1 + size > WIDTH:
                yield prefix + line
                line, used, prefix = "", LABEL + 1, " " * (LABEL + 1)
            line += (" " if line else "") + self.paint(word, look)
            used += size + 1
        if line:
            yield prefix + line


def in_words(a: PastTalk, b: PastTalk, comparison: Comparison, names: tuple[str, str], *, colors: bool) -> str:
    """Both talks, then everything that differs, then one line that sums up."""
    lines = Lines(colors=colors)
    told = [
        lines.paint(_about("--- ", names[0], a), "a"),
        lines.paint(_about("+++ ", names[1], b), "b"),
        *_configuration(comparison, lines),
        *_findings(comparison, lines),
        *_pairs(comparison.pairs, lines),
        "",
        *(lines.paint(line, "bold") for line in textwrap.wrap(summed_up(comparison), WIDTH)),
    ]
    return "\n".join(told)


def summed_up(comparison: Comparison) -> str:
    """`3 turns compared · 1 only in b · 2 say something else`."""
    turns = comparison.pairs[1:]
    both = [pair for pair in turns if pair.a is not None and pair.b is not None]
    counts = (
        (sum(pair.b is None for pair in turns), "only in a"),
        (sum(pair.a is None for pair in turns), "only in b"),
        (sum(_says_else(pair) for pair in both), "with other words"),
        (sum(bool(pair.missing or pair.extra) for pair in comparison.pairs), "with other events"),
        (sum(any(one.differs for one in pair.timings) for pair in both), "with other timings"),
        (sum(pair.cut_a != pair.cut_b for pair in both), "cut otherwise"),
        (len(comparison.configuration), "of the configuration"),
        (len(comparison.findings_a) + len(comparison.findings_b), "of the findings"),
    )
    compared = f"{len(both)} turn{'' if len(both) == 1 else 's'} compared"
    differing = [f"{count} {what}" for count, what in counts if count]
    return " · ".join([compared, *(differing or ["equal"])])


def _about(sign: str, name: str, talk: PastTalk) -> str:
    story = talk.story
    turns = sum(line.who == "you" for line in story.lines)
    counted = f"{turns} turn{'' if turns == 1 else 's'}"
    parts = [name, title_of(talk), story.model, story.voice, clock(talk.length), counted]
    told = clean(" · ".join(dict.fromkeys(filter(None, parts))), one_line=True)
    return sign + textwrap.shorten(told, WIDTH - len(sign), placeholder="…")


def _configuration(comparison: Comparison, lines: Lines) -> Iterator[str]:
    if comparison.configuration:
        yield from ("", lines.paint("@@ configuration @@", "head"))
    for name, a, b in comparison.configuration:
        for sign, value, look in (("-", a, "a"), ("+", b, "b")):
            if value:
                yield lines.paint(_cut(f"{sign} {name}  {value}"), look)


def _findings(comparison: Comparison, lines: Lines) -> Iterator[str]:
    if comparison.findings_a or comparison.findings_b:
        yield from ("", lines.paint("@@ findings @@", "head"))
    yield from (lines.paint(f"- {code}", "a") for code in comparison.findings_a)
    yield from (lines.paint(f"+ {code}", "b") for code in comparison.findings_b)


def _pairs(pairs: Sequence[Pair], lines: Lines) -> Iterator[str]:
    equal: list[Pair] = []
    for pair in pairs:
        if pair.is_equal and not pair.moved:
            equal.append(pair)
            continue
        yield from _equal(equal, lines)
        equal = []
        yield from ("", lines.paint(f"@@ {_place(pair)} @@", "head"))
        yield from _alone(pair, lines) if pair.a is None or pair.b is None else _differences(pair, lines)
    yield from _equal(equal, lines)


def _equal(pairs: Sequence[Pair], lines: Lines) -> Iterator[str]:
    numbers = [pair.number_a for pair in pairs if pair.number_a]
    if numbers:
        which = f"turn {numbers[0]}" if len(numbers) == 1 else f"turns {numbers[0]} to {numbers[-1]}"
        yield from ("", lines.paint(f"   {which}: equal", "quiet"))


def _place(pair: Pair) -> str:
    if pair.number_a == 0:
        return "before the first turn"
    times = [
        f"{side} {number} at {clock(one.t)}"
        for side, number, one in (("a", pair.number_a, pair.a), ("b", pair.number_b, pair.b))
        if one is not None
    ]
    if len(times) == 1:
        return f"turn {times[0]}, only there"
    return f"turn {' · '.join(times)}"


def _alone(pair: Pair, lines: Lines) -> Iterator[str]:
    exchange, look, sign = (pair.a, "a", "-") if pair.a is not None else (pair.b, "b", "+")
    for line in exchange.lines if exchange is not None else ():
        words = [(word, look) for word in clean(line.text or NOTHING, one_line=True).split()]
        yield from lines.wrapped(f"{sign} {line.who}", words)


def _differences(pair: Pair, lines: Lines) -> Iterator[str]:
    yield from _words("you", pair.you, lines)
    yield from _words("assistant", pair.assistant, lines)
    if any(timing.differs for timing in pair.timings):
        yield f"  {'seconds':<22}{'a':>8}{'b':>9}"
        yield from (_timing(timing, lines) for timing in pair.timings)
    if pair.cut_a != pair.cut_b:
        yield f"  {'cut by':<22}{pair.cut_a or '—':>8}  {pair.cut_b or '—'}"
    events = (("- events", pair.missing, "a"), ("+ events", pair.extra, "b"))
    for label, changed, look in events:
        told = [(f"{name}{f' ×{count}' if count > 1 else ''},", look) for name, count in changed]
        yield from lines.wrapped(label, _without_last_comma(told))
    moved = [(f"{name},", "quiet") for name in pair.moved]
    yield from lines.wrapped("~ in other", [("order:", "quiet"), *_without_last_comma(moved)] if moved else [])


def _without_last_comma(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*told[:-1], (told[-1][0].rstrip(","), told[-1][1])] if told else []


def _words(who: str, parts: tuple[Words, ...], lines: Lines) -> Iterator[str]:
    if all(part.kind == "same" for part in parts):
        shown = [(word, "quiet") for part in parts for word in clean(part.text, one_line=True).split()]
        wrapped = list(lines.wrapped(f"  {who}", shown))
        yield from wrapped[:MOST_SAME]
        if len(wrapped) > MOST_SAME:
            yield " " * (LABEL + 1) + lines.paint("…", "quiet")
        return
    yield from lines.wrapped(f"  {who}", _marked(parts))


def _marked(parts: tuple[Words, ...]) -> Iterator[tuple[str, str]]:
    for part in parts:
        words = clean(part.text, one_line=True).split()
        opening, closing = {"a": ("[-", "-]"), "b": ("{+", "+}")}.get(part.kind, ("", ""))
        for place, word in enumerate(words):
            first = opening if place == 0 else ""
            last = closing if place == len(words) - 1 else ""
            yield f"{first}{word}{last}", part.kind


def _timing(timing: Timing, lines: Lines) -> str:
    a, b = ("—" if at is None else f"{at:.2f}" for at in (timing.a, timing.b))
    row = f"  {timing.name:<22}{a:>8}{b:>9}"
    if not timing.differs:
        return row
    if timing.a is None or timing.b is None:
        return row + lines.paint("   ▲", "mark")
    by = timing.b - timing.a
    return row + lines.paint(f"   {'▲' if by > 0 else '▼'} {by:+.2f}", "mark")


def _says_else(pair: Pair) -> bool:
    return any(part.kind != "same" for part in (*pair.you, *pair.assistant))


def _cut(line: str) -> str:
    line = clean(line, one_line=True)
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
