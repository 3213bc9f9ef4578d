"""The lanes as rows of cells: levels as waves, spans as lines with their words, waits as brackets, an axis below.

One column is one step of time, and columns stand on an absolute grid, so what is drawn does not shimmer while it moves.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from rich.cells import cell_len, set_cell_size

from voicechat.ui.history import History, Levels, Mark, Span
from voicechat.ui.paint import Palette, Row, clock
from voicechat.ui.sanitise import clean

LABEL = 9
"""Columns of a lane's name and the blanks after it."""
STEPS = (0.03, 0.06, 0.125, 0.18, 0.25, 0.5, 1.0)
"""Seconds a column, from the closest zoom to the widest."""
QUIETEST, LOUDEST = -52.0, -10.0
"""dBFS drawn as nothing and as a full cell: speech lies in between."""
GOOD_WAIT, LONG_WAIT = 0.6, 1.0
"""Seconds up to which a wait for an answer is good, and from which it is a warning."""


@dataclass(frozen=True, slots=True)
class Look:
    """What part of the talk is in sight, and what is marked in it. Times are session seconds."""

    end: float
    """The right edge."""
    step: float = 0.125
    following: bool = True
    selected: float | None = None
    """The event under the cursor of the list."""
    span: tuple[float, float] | None = None
    """A stretch that was selected here."""
    hits: Sequence[float] = ()
    """Times of the events a filter shows, in order."""
    now: float | None = None
    """Where the talk is, if that is not the right edge: what lies beyond has not happened yet."""


class Cells:
    """A line of single cells that becomes a row, neighbours of one look together."""

    def __init__(self, count: int) -> None:
        self.text = [" "] * count
        self.colors = ["rule"] * count
        self.behind = [""] * count
        """The colour behind a cell; empty: the row's."""

    def put(self, place: int, text: str, color: str) -> None:
        """Write over what is there; what would stand outside is cut."""
        for i, character in enumerate(text, place):
            if 0 <= i < len(self.text):
                self.text[i], self.colors[i] = character, color

    def fill(self, start: int, end: int, glyph: str, color: str) -> None:
        """From `start` up to `end`, both may lie outside."""
        start, end = max(0, start), min(len(self.text), end)
        if end > start:
            self.text[start:end] = [glyph] * (end - start)
            self.colors[start:end] = [color] * (end - start)

    def words(self, start: int, end: int, text: str, color: str) -> bool:
        """Into the middle of a stretch in sight, with a blank on both sides; not at all where they do not fit."""
        start, end = max(0, start), min(len(self.text), end)
        length = len(text)
        if not text or length + 6 > end - start or any(cell_len(character) != 1 for character in text):
            return False
        self.put(start + (end - start - length - 2) // 2, f" {text} ", color)
        return True

    def is_free(self, start: int, end: int) -> bool:
        return all(cell == " " for cell in self.text[max(0, start) : max(0, end)])

    def guides(self, columns: Sequence[int]) -> Cells:
        """A dotted line down through what is empty."""
        for column in columns:
            if 0 <= column < len(self.text) and self.text[column] == " ":
                self.text[column], self.colors[column] = "┊", "rule"
        return self

    def onto(self, row: Row, selected: tuple[int, int] | None = None) -> Row:
        """After what is already in the row; a selected stretch has another ground."""
        looks = list(zip(self.colors, self.behind, strict=True))
        if selected is not None:
            start, end = max(0, selected[0]), max(0, selected[1])
            looks[start:end] = [_selected(*look) for look in looks[start:end]]
        for look, places in groupby(range(len(looks)), looks.__getitem__):
            row.own("".join(self.text[place] for place in places), look[0], bg=look[1])
        return row


def _selected(color: str, behind: str) -> tuple[str, str]:
    ground = "cursor-line"
    return (ground if color == "background" else color), behind or ground


def timeline_rows(history: History, look: Look, voice: str, palette: Palette, width: int, height: int) -> list[Row]:
    """The lanes top to bottom: you, vad, mic, reply, the assistant, waits; the axis from 7 rows on, and both voices
    mirrored over two rows from 9 on."""
    frame = Frame(look, width)
    double = height >= 9
    you = Wave(frame, history.you, history.sent, "you")
    other = Wave(frame, history.assistant, None, "assistant")
    lanes = [("you", "you", you.up(palette))]
    if double:
        lanes.append(("", "you", you.down(palette)))
    lanes += [
        ("vad", "quiet", _vad(history, frame)),
        ("mic", "quiet", _mic(history, frame, voice)),
        ("reply", "quiet", _reply(history, frame)),
        (voice, "assistant", other.up(palette)),
    ]
    if double:
        lanes.append(("", "assistant", other.down(palette)))
    lanes.append(("waits", "quiet", _waits(history, frame)))
    guides = [frame.column(m.at) for m in marks_in(history, frame) if m.kind in ("started", "stopped")]
    rows = [labelled(palette, width, name, color, cells.guides(guides), frame) for name, color, cells in lanes]
    if height >= 7:
        rows.append(labelled(palette, width, "", "quiet", _axis(frame), frame))
    return rows[:height]


class Frame:
    """Columns for times, behind the names of the lanes. The last one is the column in which `look.end` lies."""

    def __init__(self, look: Look, width: int) -> None:
        self.look = look
        self.count = count = max(1, width - LABEL)
        self.step = look.step
        self.first = math.floor(look.end / look.step + 1e-9) - count + 1

    def column(self, at: float) -> int:
        """May lie outside."""
        return math.floor(at / self.step + 1e-9) - self.first

    def time(self, column: int) -> float:
        return (self.first + column) * self.step

    @property
    def start(self) -> float:
        return self.time(0)

    @property
    def end(self) -> float:
        return self.time(self.count)

    @property
    def selected(self) -> tuple[int, int] | None:
        span = self.look.span
        return None if span is None else (self.column(span[0]), self.column(span[1]) + 1)


def level_of(decibels: float) -> int:
    """0 to 8."""
    if decibels <= QUIETEST:
        return 0
    return max(1, min(8, round((decibels - QUIETEST) / (LOUDEST - QUIETEST) * 8)))


def labelled(palette: Palette, width: int, name: str, color: str, cells: Cells, frame: Frame) -> Row:
    label = clean(name, one_line=True)
    label = set_cell_size(label, LABEL - 2) if cell_len(label) > LABEL - 2 else label
    row = Row(palette, width).own(" " * (LABEL - 2 - cell_len(label))).spoken(label, color).own("  ")
    return cells.onto(row, frame.selected)


class Wave:
    """One voice as heights, 0 to 8 a column. What a closed mic heard is drawn in the colour of rules."""

    def __init__(self, frame: Frame, levels: Levels, sent: Levels | None, color: str) -> None:
        self.heights = _heights(levels, frame)
        self.colors = [color] * frame.count
        if sent is not None:
            self.colors = [color if went else "rule" for went in _heights(sent, frame)]

    def up(self, palette: Palette) -> Cells:
        """Standing on the lower edge of the row."""
        cells = Cells(len(self.heights))
        cells.text = [palette.levels[height] for height in self.heights]
        cells.colors = self.colors.copy()
        return cells

    def down(self, palette: Palette) -> Cells:
        """Hanging from the upper edge: the upward glyphs with the colours exchanged. ASCII has none and stays empty."""
        cells = Cells(len(self.heights))
        if palette.ascii_only:
            return cells
        for place, (height, color) in enumerate(zip(self.heights, self.colors, strict=True)):
            if height == 8:
                cells.text[place], cells.colors[place] = "█", color
            elif height:
                cells.text[place] = palette.levels[8 - height]
                cells.colors[place], cells.behind[place] = "background", color
        return cells


def _heights(levels: Levels, frame: Frame) -> list[int]:
    times = (frame.time(column) for column in range(frame.count))
    return [level_of(levels.loudest(at, at + frame.step)) if at >= 0 else 0 for at in times]


def marks_in(history: History, frame: Frame) -> list[Mark]:
    marks = history.marks
    first = bisect_left(marks, frame.start, key=lambda mark: mark.at)
    last = bisect_left(marks, frame.end, key=lambda mark: mark.at)
    return marks[first:last]


def _ends(span: Span, history: History, frame: Frame) -> tuple[int, int]:
    """First column, and one past the last; a span that goes on reaches to now."""
    end = span.end if span.end is not None else history.now
    return frame.column(span.start), max(frame.column(end), frame.column(span.start) + 1)


def _vad(history: History, frame: Frame) -> Cells:
    cells = Cells(frame.count)
    for span in history.vad.between(frame.start, frame.end):
        start, end = _ends(span, history, frame)
        cells.fill(start, end, "─", "you")
        if span.end is not None:
            cells.words(start, end, f"{span.end - span.start:.1f} s", "quiet")
    for mark in marks_in(history, frame):
        glyph = {"started": "◆", "stopped": "◇", "committed": "↑"}.get(mark.kind)
        column = frame.column(mark.at)
        if glyph and not (mark.kind == "committed" and not cells.is_free(column, column + 1)):
            cells.put(column, glyph, "you")
        elif glyph:
            cells.put(column + 1, glyph, "you")
    return cells


def _mic(history: History, frame: Frame, voice: str) -> Cells:
    cells = Cells(frame.count)
    for span in history.mic.between(frame.start, frame.end):
        start, end = _ends(span, history, frame)
        if span.kind == "open":
            cells.fill(start, end, "━", "success")
        else:
            cells.fill(start, end, "╌", "rule")
            reason = span.words.partition(",")[0].replace("assistant", voice)
            if not cells.words(start, end, f"closed: {reason}", "quiet"):
                cells.words(start, end, reason, "quiet")
    return cells


def _reply(history: History, frame: Frame) -> Cells:
    cells = Cells(frame.count)
    errors = [frame.column(mark.at) for mark in marks_in(history, frame) if mark.kind == "error"]
    for span in history.reply.between(frame.start, frame.end):
        start, end = _ends(span, history, frame)
        match span.kind:
            case "waiting":
                cells.fill(start, end, "┄", "warning")
            case "generating":
                cells.fill(start, end, "━", "assistant")
                cells.words(*_longest_between(errors, start, end), span.words, "foreground")
            case _:
                cells.fill(start, end, "─", "assistant")
                if span.end is not None:
                    cells.put(end - 1, "╸", "assistant")
                cells.words(*_longest_between(errors, start, end), "playing out", "quiet")
    for mark in marks_in(history, frame):
        column = frame.column(mark.at)
        if mark.kind == "cut":
            cells.put(column, "╳ cut", "mic-live")
        elif mark.kind == "failed":
            cells.put(column, f"✕ {mark.words}", "error")
        elif mark.kind == "error":
            cells.put(column, "✕", "error")
    return cells


def _longest_between(columns: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The longest part of a stretch with none of these columns in it: a mark must not stand in the middle of words."""
    edges = [start, *(column for column in columns if start < column < end), end]
    return max(pairwise(edges), key=lambda part: part[1] - part[0])


def _waits(history: History, frame: Frame) -> Cells:
    cells = Cells(frame.count)
    first = bisect_left(history.waits, frame.start - 10.0, key=lambda span: span.start)
    waits = history.waits[first:]
    for place, span in enumerate(waits):
        start, end = frame.column(span.start), frame.column(span.end or span.start)
        if start >= frame.count:
            break
        room = frame.column(waits[place + 1].start) - start if place + 1 < len(waits) else frame.count
        seconds = (span.end or span.start) - span.start
        if span.kind == "silence":
            text, color = f"┗ silent in {seconds * 1000:.0f} ms", "mic-live"
            if len(text) >= room:
                text = f"┗ {seconds * 1000:.0f} ms"
        else:
            bracket = "┗" + "━" * max(0, end - start - 1) + "┛"
            warning = seconds > LONG_WAIT
            color = "success" if seconds <= GOOD_WAIT else "warning" if warning else "foreground"
            text = f"{bracket} {'▲ ' if warning else ''}{seconds * 1000:.0f} ms"
        if cells.is_free(start - 1, start + len(text) + 1):
            cells.put(start, text, color)
    return cells


def _axis(frame: Frame) -> Cells:
    cells = Cells(frame.count)
    now = frame.count - 1 if frame.look.now is None else min(frame.column(frame.look.now), frame.count - 1)
    cells.fill(frame.column(0.0), now + 1, "─", "rule")
    every = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300) if s / frame.step >= 14), 600)
    second = math.ceil(frame.start / every) * every
    while frame.column(second) <= now:
        column, label = frame.column(second), "┬" + clock(second)
        if second >= 0 and column + len(label) < (now - 3 if frame.look.following else frame.count):
            cells.put(column, label, "quiet")
        second += every
    first = bisect_left(frame.look.hits, frame.start)
    for at in frame.look.hits[first : bisect_left(frame.look.hits, frame.end)]:
        column = frame.column(at)
        if cells.text[column] == "─":
            cells.put(column, "╵", "accent")
    if frame.look.following:
        cells.put(max(now, 3) - 3, " now", "foreground")
    if frame.look.selected is not None:
        cells.put(frame.column(frame.look.selected), "▲", "accent")
    return cells
