"""The lanes as rows of cells: levels as waves, spans as lines with their words, waits as brackets, an axis below.

One column is one step of time, and columns stand on an absolute grid, so what is drawn does not shimmer while it moves.

What the timeline remembers: levels in ticks of 50 ms, spans and marks by lane, in session time (seconds).

Filled from the events that flow and from the state of the microphone; hours of talk stay small (one byte a tick and
voice), and what is in sight is found by bisection.
"""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size

from voicechat.engine.link import EventRow
from voicechat.ui.paint import Palette, Row, clock
from voicechat.ui.sanitise import clean

TICK = 0.05
"""Seconds of one level; as often as the engine reports them."""
SILENT = -100
"""dBFS kept for no sound at all."""
HOLD = 4
"""Ticks that one report may stand for."""
KEEP_HOURS = 8
LONGEST_LANE = 20_000
"""Spans or marks a lane keeps; the oldest half goes when it is full."""

Kind = Literal["vad", "open", "closed", "waiting", "generating", "playing", "answer", "silence"]
MarkKind = Literal["started", "stopped", "committed", "cut", "failed", "error"]


@dataclass(slots=True)
class Span:
    """Something that lasts: from `start` to `end`, or until now."""

    kind: Kind
    start: float
    end: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment."""

    kind: MarkKind
    at: float
    words: str = ""


@dataclass(slots=True)
class Lane:
    """Spans that follow each other, oldest first."""

    spans: list[Span] = field(default_factory=list)

    def begin(self, kind: Kind, at: float, words: str = "") -> Span:
        """A new span; one that is still open ends here."""
        self.finish(at)
        if len(self.spans) >= LONGEST_LANE:
            del self.spans[: LONGEST_LANE // 2]
        self.spans.append(Span(kind, at, None, words))
        return self.spans[-1]

    def finish(self, at: float) -> Span | None:
        """End the open span, if there is one."""
        last = self.open
        if last is not None:
            last.end = max(at, last.start)
        return last

    @property
    def open(self) -> Span | None:
        """The span that goes on."""
        return self.spans[-1] if self.spans and self.spans[-1].end is None else None

    def between(self, start: float, end: float) -> list[Span]:
        """Every span that touches this stretch."""
        first = bisect_left(self.spans, start, key=lambda span: span.start)
        while first > 0 and (self.spans[first - 1].end is None or (self.spans[first - 1].end or 0.0) >= start):
            first -= 1
        return self.spans[first : bisect_right(self.spans, end, key=lambda span: span.start)]


class Levels:
    """The loudest sample of each tick, dBFS, one byte each."""

    def __init__(self) -> None:
        self._levels = array("b")

    def put(self, at: float, level: float | None) -> None:
        """`level` dBFS (None: silence) since the report before; a longer gap than `HOLD` was silent."""
        place = int(at / TICK)
        if place < 0 or place > KEEP_HOURS * 3600 / TICK:
            return
        value = SILENT if level is None else max(SILENT, min(0, round(level)))
        missing = place - len(self._levels) + 1
        if missing > 0:
            self._levels.extend([value if missing <= HOLD else SILENT] * missing)
        self._levels[place] = max(self._levels[place], value)

    def fill(self, start: float, levels: bytes) -> None:
        """Levels from `start` on, one signed byte a tick."""
        place, more = round(start / TICK), array("b", levels)
        if not more or place + len(more) > KEEP_HOURS * 3600 / TICK:
            return
        self._levels.extend([SILENT] * max(0, place - len(self._levels)))
        self._levels[place : place + len(more)] = more

    def loudest(self, start: float, end: float) -> int:
        """dBFS of the loudest tick that begins in [start, end)."""
        first = max(0, int(start / TICK + 0.999))
        last = max(first + 1, int(end / TICK + 0.999))
        return max(self._levels[first:last], default=SILENT)


class History:
    """Every lane. `take_row`, `take_levels` and `take_mic` fill it; `lanes` draws it."""

    def __init__(self) -> None:
        self.you = Levels()
        self.sent = Levels()
        """Your level while it left this machine; what a closed mic heard is only in `you`."""
        self.assistant = Levels()
        self.vad = Lane()
        self.mic = Lane()
        self.reply = Lane()
        self.waits: list[Span] = []
        self.marks: list[Mark] = []
        self.now = 0.0
        self._audio_zero: float | None = None
        self._vad_began_ms: object = None
        self._voice_ended: float | None = None
        self._cut_from: float | None = None
        self._cut_by = ""

    def take_levels(self, at: float, you: float | None, assistant: float | None, *, sent: bool) -> None:
        """One report of the meters, dBFS."""
        self.now = max(self.now, at)
        self.you.put(at, you)
        if sent:
            self.sent.put(at, you)
        self.assistant.put(at, assistant)

    def fill(self, start: float, you: bytes, assistant: bytes) -> None:
        """Levels of a whole stretch, one signed byte a tick; `take_mic` has told already what of it was sent."""
        self.you.fill(start, you)
        self.assistant.fill(start, assistant)
        first, end = int(start / TICK), int(start / TICK) + len(you)
        for span in self.mic.between(start, start + len(you) * TICK):
            if span.kind == "open":
                began = max(first, int(span.start / TICK))
                until = end if span.end is None else min(end, int(span.end / TICK))
                self.sent.fill(began * TICK, you[began - first : max(0, until - first)])

    def take_mic(self, at: float, *, is_open: bool, reason: str) -> None:
        """The state of the microphone; only a change begins a new span."""
        self.now = max(self.now, at)
        kind: Kind = "open" if is_open else "closed"
        last = self.mic.open
        if last is None or last.kind != kind or last.words != reason:
            self.mic.begin(kind, at, reason)

    def take_row(self, row: EventRow) -> None:
        """One event. Only the few types that a lane shows are looked into."""
        self.now = max(self.now, row.t)
        handler = _HANDLERS.get(row.type)
        if handler is not None:
            handler(self, row, _parsed(row.payload))
        elif row.type == "error" and "harmless" not in row.tags:
            self._mark("error", row.t, row.summary)

    # What each event means for the lanes.

    def _speech_started(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self._vad_began_ms = event.get("audio_start_ms")
        at = self._audio_time(self._vad_began_ms, row.t)
        self.vad.begin("vad", at)
        self._mark("started", at)

    def _speech_stopped(self, row: EventRow, event: Mapping[str, Any]) -> None:
        at = self._audio_time(event.get("audio_end_ms"), row.t)
        self._move_start(self._audio_time(self._vad_began_ms, at))
        self.vad.finish(at)
        self._mark("stopped", at)
        self._wait_for_answer(row.t)

    def _move_start(self, at: float) -> None:
        """The end may have shown that the server's clock began earlier than its start had allowed."""
        span = self.vad.open
        if span is not None and at < span.start:
            self.marks = [mark for mark in self.marks if (mark.kind, mark.at) != ("started", span.start)]
            span.start = at
            self._mark("started", at)

    def _committed(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self._mark("committed", row.t)
        self._wait_for_answer(row.t)

    def _asked(self, row: EventRow, event: Mapping[str, Any]) -> None:
        if row.dir == "out":
            self._wait_for_answer(row.t)

    def _created(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self.reply.begin("generating", row.t, _short(row.refs[0]))

    def _done(self, row: EventRow, event: Mapping[str, Any]) -> None:
        running = self.reply.open
        if running is None or running.kind != "generating" or running.words != _short(row.refs[0]):
            return
        response = event.get("response")
        status = response.get("status") if isinstance(response, Mapping) else ""
        if status == "completed":
            self.reply.begin("playing", row.t, running.words)
            return
        self.reply.finish(row.t)
        if status in ("failed", "incomplete"):
            self._mark("failed", row.t, str(status))
        elif status == "cancelled":
            self._mark("cut", row.t, "cut")

    def _played_out(self, row: EventRow, event: Mapping[str, Any]) -> None:
        running = self.reply.open
        if running is not None and running.kind == "playing":
            self.reply.finish(row.t)

    def _cleared(self, row: EventRow, event: Mapping[str, Any]) -> None:
        running = self.reply.open
        if running is not None and running.kind == "playing":
            self.reply.finish(row.t)
            self._mark("cut", row.t, "cut")

    def _voice_over(self, row: EventRow, event: Mapping[str, Any]) -> None:
        ended = event.get("ended_at")
        self._voice_ended = float(ended) if isinstance(ended, int | float) and 0 <= ended <= row.t else row.t

    def _typed(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self._voice_ended = row.t
        self._wait_for_answer(row.t)

    def _audible(self, row: EventRow, event: Mapping[str, Any]) -> None:
        if self._voice_ended is not None and row.t - self._voice_ended < 60.0:
            self._wait("answer", self._voice_ended, row.t)
        self._voice_ended = None

    def _silent(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self._played_out(row, event)
        since, self._cut_from = self._cut_from, None
        last = event.get("last_audible_at")
        at = float(last) if isinstance(last, int | float) and 0 <= last <= row.t else row.t
        if since is not None and at - since < 10.0:
            self._wait("silence", since, max(since, at))

    def _stopped_by_key(self, row: EventRow, event: Mapping[str, Any]) -> None:
        self._cut_from = row.t

    def _barged_in(self, row: EventRow, event: Mapping[str, Any]) -> None:
        began = event.get("voice_began_at")
        self._cut_from = float(began) if isinstance(began, int | float) and 0 <= began <= row.t else row.t

    def _wait_for_answer(self, at: float) -> None:
        if self.reply.open is None:
            self.reply.begin("waiting", at)

    def _wait(self, kind: Kind, start: float, end: float) -> None:
        if len(self.waits) >= LONGEST_LANE:
            del self.waits[: LONGEST_LANE // 2]
        self.waits.append(Span(kind, start, end))

    def _mark(self, kind: MarkKind, at: float, words: str = "") -> None:
        if len(self.marks) >= LONGEST_LANE:
            del self.marks[: LONGEST_LANE // 2]
        place = bisect_right(self.marks, at, key=lambda mark: mark.at)
        self.marks.insert(place, Mark(kind, at, words))

    def _audio_time(self, milliseconds: object, arrived: float) -> float:
        """A moment of the server's audio clock in session time.

        The clock's zero is not told; an event cannot arrive before what it tells of, so the earliest zero that any
        event allows is taken, and the distance from the end of the wave to the end of the span is the server's wait.
        """
        if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
            return arrived
        zero = arrived - milliseconds / 1000
        if self._audio_zero is None or zero < self._audio_zero or zero > self._audio_zero + 60.0:
            self._audio_zero = zero
        return max(0.0, self._audio_zero + milliseconds / 1000)


def _short(id: str) -> str:
    """`resp_8`, or the end of a long id."""
    id = clean(id, one_line=True)
    return id if len(id) <= 10 else "…" + id[-6:]


def _parsed(payload: str) -> Mapping[str, Any]:
    try:
        value = json.loads(payload or "{}", strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_HANDLERS: Mapping[str, Callable[[History, EventRow, Mapping[str, Any]], None]] = {
    "input_audio_buffer.speech_started": History._speech_started,
    "input_audio_buffer.speech_stopped": History._speech_stopped,
    "input_audio_buffer.committed": History._committed,
    "response.create": History._asked,
    "response.created": History._created,
    "response.done": History._done,
    "output_audio_buffer.stopped": History._played_out,
    "output_audio_buffer.cleared": History._cleared,
    "voice.ended": History._voice_over,
    "text.entered": History._typed,
    "assistant.audible": History._audible,
    "assistant.silent": History._silent,
    "stop.pressed": History._stopped_by_key,
    "barge_in.happened": History._barged_in,
}


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
        """Whether nothing stands there."""
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
        place = 0
        while place < len(looks):
            look, end = looks[place], place + 1
            while end < len(looks) and looks[end] == look:
                end += 1
            row.own("".join(self.text[place:end]), look[0], bg=look[1])
            place = end
        return row


def _selected(color: str, behind: str) -> tuple[str, str]:
    ground = "cursor-line"
    return (ground if color == "background" else color), behind or ground


def timeline_rows(history: History, look: Look, voice: str, palette: Palette, width: int, height: int) -> list[Row]:
    """The lanes top to bottom: you, vad, mic, reply, the assistant, waits; the axis from 7 rows on, and both voices
    mirrored over two rows from 9 on."""
    frame = Frame(look, max(1, width - LABEL))
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
    guides = [frame.column(m.at) for m in _marks(history, frame) if m.kind in ("started", "stopped")]
    rows = [_row(palette, width, name, color, cells.guides(guides), frame) for name, color, cells in lanes]
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
    errors = [frame.column(mark.at) for mark in _marks(history, frame) if mark.kind == "error"]
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
    for mark in _marks(history, frame):
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
        if second >= 0:
            cells.put(frame.column(second), "┬" + clock(second), "quiet")
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
