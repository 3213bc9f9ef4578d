"""The lanes as rows of cells: levels as waves, spans as lines with their words, waits as brackets, an axis below.

One column is one step of time, and columns stand on an absolute grid, so what is drawn does not shimmer while it moves.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from voicechat.ui.paint import Palette, Row, clock
from voicechat.ui.timeline.history import History, Levels, Mark, Span

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


class Cells:
    """A line of single cells that becomes a row, neighbours of one colour together."""

    def __init__(self, count: int) -> None:
        self.text = [" "] * count
        self.colors = ["rule"] * count

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
        length = cell_len(text)
        if not text or length != len(text) or length + 6 > end - start:
            return False
        self.put(start + (end - start - length - 2) // 2, f" {text} ", color)
        return True

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing stands there."""
        return all(cell == " " for cell in self.text[max(0, start) : max(0, end)])

    def onto(self, row: Row, selected: tuple[int, int] | None = None) -> Row:
        """After what is already in the row."""
        place = 0
        while place < len(self.text):
            end = place + 1
            inside = selected is not None and selected[0] <= place < selected[1]
            while (
                end < len(self.text)
                and self.colors[end] == self.colors[place]
                and (selected is not None and selected[0] <= end < selected[1]) == inside
            ):
                end += 1
            row.own("".join(self.text[place:end]), self.colors[place], bg="cursor-line" if inside else "")
            place = end
        return row


def timeline_rows(history: History, look: Look, voice: str, palette: Palette, width: int, height: int) -> list[Row]:
    """The lanes top to bottom: you, vad, mic, reply, the assistant, waits; the axis from 7 rows on, and both voices
    mirrored over two rows from 9 on."""
    frame = Frame(look, max(1, width - LABEL))
    double = height >= 9
    vad, mic, reply = _vad(history, frame), _mic(history, frame, voice), _reply(history, frame)
    guides = [frame.column(m.at) for m in _marks(history, frame) if m.kind in ("started", "stopped")]
    for lane in (mic, reply):
        _guide(lane, guides)
    rows = [_row(palette, width, "you", "you", _wave(history.you, history.sent, frame, palette, "you"), frame)]
    if double:
        rows.append(_down(palette, width, "", history.you, history.sent, frame, "you", mirrored=True))
    rows += [
        _row(palette, width, "vad", "quiet", vad, frame),
        _row(palette, width, "mic", "quiet", mic, frame),
        _row(palette, width, "reply", "quiet", reply, frame),
    ]
    if double:
        up = _wave(history.assistant, None, frame, palette, "assistant")
        rows.append(_row(palette, width, voice, "assistant", up, frame))
        rows.append(_down(palette, width, "", history.assistant, None, frame, "assistant", mirrored=True))
    else:
        rows.append(_down(palette, width, voice, history.assistant, None, frame, "assistant", mirrored=False))
    rows.append(_row(palette, width, "waits", "quiet", _waits(history, frame), frame))
    if height >= 7:
        rows.append(_row(palette, width, "", "quiet", _axis(frame), frame))
    return rows[:height]


class Frame:
    """Columns for times. The last column is the one in which `look.end` lies."""

    def __init__(self, look: Look, count: int) -> None:
        self.look = look
        self.count = count
        self.step = look.step
        self.first = math.floor(look.end / look.step + 1e-9) - count + 1

    def column(self, at: float) -> int:
        """May lie outside."""
        return math.floor(at / self.step + 1e-9) - self.first

    def time(self, column: int) -> float:
        """When this column begins."""
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


def _row(palette: Palette, width: int, name: str, color: str, cells: Cells, frame: Frame) -> Row:
    row = Row(palette, width).spoken(name[: LABEL - 2].rjust(LABEL - 2), color).own("  ")
    return cells.onto(row, frame.selected)


def _heights(levels: Levels, frame: Frame) -> list[int]:
    times = (frame.time(column) for column in range(frame.count))
    return [level_of(levels.loudest(at, at + frame.step)) if at >= 0 else 0 for at in times]


def _colors(heights: list[int], sent: Levels | None, frame: Frame, color: str) -> list[str]:
    """What a closed mic heard is drawn in the colour of rules: it went nowhere."""
    if sent is None:
        return [color] * len(heights)
    return [color if went else "rule" for went in _heights(sent, frame)]


def _wave(levels: Levels, sent: Levels | None, frame: Frame, palette: Palette, color: str) -> Cells:
    cells = Cells(frame.count)
    heights = _heights(levels, frame)
    cells.text = [palette.levels[height] for height in heights]
    cells.colors = _colors(heights, sent, frame, color)
    return cells


def _down(
    palette: Palette,
    width: int,
    name: str,
    levels: Levels,
    sent: Levels | None,
    frame: Frame,
    color: str,
    *,
    mirrored: bool,
) -> Row:
    """Cells that grow down are the upward glyphs with the colours exchanged; ASCII has none and grows up."""
    heights = _heights(levels, frame)
    colors = _colors(heights, sent, frame, color)
    row = Row(palette, width).spoken(name[: LABEL - 2].rjust(LABEL - 2), color).own("  ")
    if palette.ascii_only:
        blank = " " if mirrored else "."
        for height, run_color, count in _runs(heights, colors):
            row.spoken((palette.levels[height] if height and not mirrored else blank) * count, run_color)
        return row
    for height, run_color, count in _runs(heights, colors):
        if height == 0:
            row.own((" " if mirrored else "▔") * count, "rule")
        elif height == 8:
            row.own("█" * count, run_color)
        else:
            row.spoken(palette.levels[8 - height] * count, "background", bg=run_color)
    return row


def _runs(heights: list[int], colors: list[str]) -> list[tuple[int, str, int]]:
    runs: list[tuple[int, str, int]] = []
    for height, color in zip(heights, colors, strict=True):
        if runs and runs[-1][0] == height and runs[-1][1] == color:
            runs[-1] = (height, color, runs[-1][2] + 1)
        else:
            runs.append((height, color, 1))
    return runs


def _marks(history: History, frame: Frame) -> list[Mark]:
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
    for mark in _marks(history, frame):
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
            reason = span.words.replace("assistant", voice)
            if not cells.words(start, end, f"closed: {reason}", "quiet"):
                cells.words(start, end, reason, "quiet")
    return cells


def _reply(history: History, frame: Frame) -> Cells:
    cells = Cells(frame.count)
    for span in history.reply.between(frame.start, frame.end):
        start, end = _ends(span, history, frame)
        match span.kind:
            case "waiting":
                cells.fill(start, end, "┄", "warning")
            case "generating":
                cells.fill(start, end, "━", "assistant")
                cells.words(start, end, span.words, "foreground")
            case _:
                cells.fill(start, end, "─", "assistant")
                if span.end is not None:
                    cells.put(end - 1, "╸", "assistant")
                cells.words(start, end, "playing out", "quiet")
    for mark in _marks(history, frame):
        column = frame.column(mark.at)
        if mark.kind == "cut":
            cells.put(column, "╳ cut", "mic-live")
        elif mark.kind == "failed":
            cells.put(column, f"✕ {mark.words}", "error")
        elif mark.kind == "error":
            cells.put(column, "✕", "error")
    return cells


def _guide(cells: Cells, columns: Sequence[int]) -> None:
    for column in columns:
        if 0 <= column < len(cells.text) and cells.text[column] == " ":
            cells.put(column, "┊", "rule")


def _waits(history: History, frame: Frame) -> Cells:
    cells = Cells(frame.count)
    first = bisect_left(history.waits, frame.start - 10.0, key=lambda span: span.start)
    for span in history.waits[first:]:
        start, end = frame.column(span.start), frame.column(span.end or span.start)
        if start >= frame.count:
            break
        seconds = (span.end or span.start) - span.start
        if span.kind == "silence":
            text, color = f"┗ silent in {seconds * 1000:.0f} ms", "mic-live"
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
    every = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300) if s / frame.step >= 14), 600)
    second = math.ceil(frame.start / every) * every
    while second < frame.end:
        if second >= 0:
            cells.put(frame.column(second), "┬" + clock(second), "quiet")
        second += every
    first = bisect_left(frame.look.hits, frame.start)
    for at in frame.look.hits[first : bisect_left(frame.look.hits, frame.end)]:
        column = frame.column(at)
        if cells.is_free(column, column + 1):
            cells.put(column, "╵", "accent")
    if frame.look.following:
        cells.put(frame.count - 5, "  now", "foreground")
    if frame.look.selected is not None:
        cells.put(frame.column(frame.look.selected), "▲", "accent")
    return cells
