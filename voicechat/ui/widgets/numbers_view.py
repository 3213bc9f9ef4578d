"""`F7`: the numbers of this talk. Takes figures, the line and the meters; `x` writes the turns to a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Hide, Show
from textual.reactive import reactive
from textual.timer import Timer

from voicechat.core.view import ConnectionView
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Figures, RateLimit, as_csv
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.ui.paint import Painted, Palette, Row, clock
from voicechat.ui.wording import dollars, grouped, is_free, limit_words

STEPS = (
    ("end of speech", "━", "you"),
    ("answer created", "═", "assistant"),
    ("first words", "╌", "accent"),
    ("first sound", "─", "foreground"),
)
"""What the wait is made of, each with a line of its own, so that it reads without colours."""
SHORT = {"end of speech": "end of speech", "answer created": "created", "first words": "words", "first sound": "sound"}
"""The same names where there is little room."""
GOOD, FAIR = 0.6, 1.0
"""Answers up to here are good, up to here fair; beyond it they count as late."""
EDGES = (1.2, 0.9, 0.6, 0.3)
"""Upper edges of the rows of bars, seconds."""
OVER_SCALE = "▲"
"""Ends a bar that is longer than the chart is high."""
BARS = 30
LEAST_TURNS = 5
"""Turns that are worth more than the bars."""
MOST_TURNS = 12
UNKNOWN = "—"
LABEL = 13
FULL_TABLE = 96
"""Columns from which the table has room for the transcript's time and a long bar."""


@dataclass(frozen=True, slots=True)
class NumbersShown:
    """Everything the view paints from. `now` is session time.

    The numbers as rows: the table of turns, the bars, and the lines about line, tokens, money, limits and session.

    Pure painting: figures in, rows out. Unknown is `—`, never 0.
    """

    figures: Figures
    meters: Meters
    connection: ConnectionView
    now: float = 0.0


def latency_color(seconds: float) -> str:
    return "success" if seconds <= GOOD else "foreground" if seconds <= FAIR else "warning"


def milliseconds(seconds: float | None) -> str:
    """`1 310 ms`, or the sign for unknown."""
    return UNKNOWN if seconds is None else f"{grouped(round(seconds * 1000))} ms"


def rows_of(shown: NumbersShown, palette: Palette, width: int, height: int) -> list[Row]:
    """As many turns as there is room for; the bars go first when there is not."""
    if not shown.figures.turns:
        return [Row(palette, width), Row(palette, width).own("  numbers start with the first answer", "quiet")]
    below = _summary(shown, palette, width)
    lines = [Row(palette, width), *_lines(shown, palette, width)]
    bars = _bars(shown.figures.turns, palette, width)
    room = height - len(below) - len(lines) - 1
    if room - len(bars) >= min(LEAST_TURNS, len(shown.figures.turns)):
        room -= len(bars)
        below = [*below, *bars]
    turns = shown.figures.turns[-max(1, min(room, MOST_TURNS)) :]
    return [*_table(shown, turns, palette, width), *below, *lines]


def turns_told(figures: Figures) -> str:
    count = figures.turns[-1].number if figures.turns else 0
    return f"{count} turn{'' if count == 1 else 's'}" if count else ""


# the table
def _table(shown: NumbersShown, turns: Sequence[TurnNumbers], palette: Palette, width: int) -> list[Row]:
    is_full = width >= FULL_TABLE
    bar = 27 if is_full else 15
    head = Row(palette, width).own("  turn  you", "quiet").to(17).own("until first sound", "quiet").to(25 + bar + 1)
    head.own("silent in " if is_full else "silent   ", "quiet")
    if is_full:
        head.own("your words ", "quiet")
    head.own("in/cached/out".ljust(16), "quiet").own("cost", "quiet")
    longest = max([EDGES[0], *(turn.total or 0.0 for turn in turns)])
    costs = dict(zip(shown.figures.turns, shown.figures.costs, strict=True))
    rows = [head]
    for turn in turns:
        row = _turn(shown, turn, palette, width, bar, longest)
        row.to(25 + bar + 1)
        cut = f"╳ {round(turn.silent_in * 1000)} ms" if turn.silent_in is not None else "╳" if turn.cut_by else ""
        row.own(cut.ljust(10 if is_full else 9), "mic-live")
        if is_full:
            row.own(f"{milliseconds(turn.transcript_in) if turn.began_at is not None else ''}".ljust(11), "quiet")
        used, cost = turn.usage, costs.get(turn)
        told = UNKNOWN if used is None else f"{used.input.total}/{used.cached.total}/{used.output.total}"
        row.own(told.ljust(16))
        if cost is None:
            row.own(UNKNOWN)
        else:
            row.own(("≈" if cost.is_estimate else "") + (f"{cost.usd:.3f}" if cost.usd else "free"))
        rows.append(row)
    return rows


def _turn(shown: NumbersShown, turn: TurnNumbers, palette: Palette, width: int, bar: int, longest: float) -> Row:
    row = Row(palette, width).own(f"{turn.number:5}  ")
    is_last = turn is shown.figures.turns[-1]
    is_speaking = is_last and turn.began_at is not None and turn.ended_at is None and turn.created_at is None
    spoken = turn.spoken
    if is_speaking and turn.began_at is not None:
        spoken = max(0.0, shown.now - turn.began_at)
    row.own(UNKNOWN if spoken is None else f"{spoken:.1f} s").to(14)
    if turn.total is None:
        return row.to(17).own(_without_total(turn, is_speaking=is_speaking, is_last=is_last), "quiet")
    color = latency_color(turn.total)
    row.own("▲ " if color == "warning" else "  ", color).own(f"{round(turn.total * 1000):5} ms ", color, bold=True)
    for cells, glyph, tint in bar_of(turn, bar / longest):
        row.own(glyph * cells, tint)
    return row


def _without_total(turn: TurnNumbers, *, is_speaking: bool, is_last: bool) -> str:
    if is_speaking:
        return "you are speaking"
    if turn.began_at is None:
        return "not asked by voice"
    if turn.status and turn.status != "completed":
        return turn.status
    return "no sound yet" if is_last and not turn.status else "no sound"


def bar_of(turn: TurnNumbers, cells_a_second: float) -> list[tuple[int, str, str]]:
    """(cells, glyph, colour) of each part. A mark that is missing joins its part to the next one that is there."""
    began, total = turn.ended_at, turn.total
    if began is None or total is None:
        return []
    ended = began + total
    marks = (turn.stopped_at, turn.created_at, turn.first_delta_at, ended)
    edges: list[tuple[float, str, str]] = [(began, "", "")]
    for mark, (_, glyph, color) in zip(marks, STEPS, strict=True):
        if mark is not None:
            edges.append((min(max(mark, edges[-1][0]), ended), glyph, color))
    places = [round((at - began) * cells_a_second) for at, _, _ in edges]
    return [(b - a, glyph, color) for (a, b), (_, glyph, color) in zip(pairwise(places), edges[1:], strict=True)]


def _summary(shown: NumbersShown, palette: Palette, width: int) -> list[Row]:
    found = shown.figures.percentiles
    row = Row(palette, width).to(8)
    for name, value in (("p50", found.p50), ("p95", found.p95), ("best", found.best)):
        row.own(f"{name} ", "quiet")
        color = latency_color(value) if value is not None else "quiet"
        row.own(milliseconds(value), "foreground" if name == "best" else color, bold=name != "best").own("   ")
    row.own("cut→silence p95 ", "quiet").own(milliseconds(found.silent_p95))
    where = Row(palette, width).to(8)
    if width >= 110:
        where.own("where it goes  ", "quiet")
    for (name, glyph, color), value in zip(STEPS, typical_steps(shown.figures.turns), strict=True):
        told = UNKNOWN if value is None else f"{round(value * 1000)}"
        said = f"{name}" if width >= FULL_TABLE else SHORT[name]
        where.own(glyph * 2 + " ", color).own(f"{said} {told}   ")
    return [row, where.own("ms", "quiet")]


def typical_steps(turns: Sequence[TurnNumbers]) -> tuple[float | None, ...]:
    parts = [turn.steps() for turn in turns if turn.total is not None]
    columns = ([part[place] for part in parts] for place in range(4))
    known = ([value for value in column if value is not None] for column in columns)
    return tuple(median(values) if values else None for values in known)


def _bars(turns: Sequence[TurnNumbers], palette: Palette, width: int) -> list[Row]:
    times = [turn.total for turn in turns if turn.total is not None][-min(BARS, (width - 12) // 3) :]
    if not times:
        return []
    rows = [Row(palette, width)]
    for edge in EDGES:
        row = Row(palette, width).to(3).own(f"{edge:.1f} s ", "quiet").to(9)
        for latency in times:
            row.spoken(bar_cell(edge, latency, palette) * 2, latency_color(latency)).own(" ")
        rows.append(row)
    count = "one bar an answer" if len(times) == 1 else f"the last {len(times)} answers, newest at the right"
    if max(times) > EDGES[0]:
        count += f"; {palette.glyphs(OVER_SCALE)} longer than {EDGES[0]:g} s"
    return [*rows, Row(palette, width).to(9).own(count, "quiet")]


def bar_cell(edge: float, time: float, palette: Palette) -> str:
    """One character of a bar in the row below `edge`; a bar that would be higher than the chart ends in a mark."""
    if edge == EDGES[0] and time > edge:
        return palette.glyphs(OVER_SCALE)
    return palette.levels[max(0, min(8, round((time - edge + 0.3) / 0.3 * 8)))]


# the lines
def _lines(shown: NumbersShown, palette: Palette, width: int) -> list[Row]:
    made = [_line(shown, palette, width), _in(shown, palette, width), _out(shown, palette, width)]
    made.append(_money(shown, palette, width))
    if shown.figures.side.requests:
        made.append(_side(shown, palette, width))
    made += [_limit(limit, shown.now, palette, width) for limit in shown.figures.limits] or [
        _titled(palette, width, "limits").own(UNKNOWN)
    ]
    return [*made, _session(shown.connection, palette, width)]


def _titled(palette: Palette, width: int, name: str) -> Row:
    return Row(palette, width).own(f"  {name}", "quiet").to(LABEL)


def _facts(row: Row, facts: Sequence[tuple[str, str]]) -> Row:
    """Name and value, as many as there is room for, each whole."""
    for name, value in facts:
        part = row.part().own(f"{name} " if name else "", "quiet").own(f"{value}")
        if row.cells + part.cells > row.width:
            break
        row.join(part).own("   ")
    return row


def _line(shown: NumbersShown, palette: Palette, width: int) -> Row:
    own, is_web = shown.meters, shown.connection.transport == "WebRTC"
    buffer = milliseconds(own.buffer) if is_web else "n/a"
    rates = "" if own.kbit_in is None or own.kbit_out is None else f"{own.kbit_in:.0f} in {own.kbit_out:.0f} out kbit/s"
    codec = {"opus": "Opus 48k"}.get(own.codec, own.codec)
    return _facts(
        _titled(palette, width, "line"),
        [
            ("rtt", milliseconds(own.rtt)),
            ("jitter", milliseconds(own.jitter)),
            ("loss", _share(own.loss)),
            ("buffer", buffer),
            ("concealed", _share(own.concealed)),
            ("", codec or UNKNOWN),
            *([("", rates)] if rates else []),
        ],
    )


def _share(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share * 100:.1f} %"


def _in(shown: NumbersShown, palette: Palette, width: int) -> Row:
    usage = shown.figures.usage
    row = _titled(palette, width, "in")
    if not usage.total:
        return row.own(UNKNOWN)
    _facts(row, [("audio", f"{grouped(usage.input.audio)} tok"), ("text", f"{grouped(usage.input.text)} tok")])
    share = usage.cached.total / usage.input.total if usage.input.total else 0.0
    row.own("cached ", "quiet").own(f"{share * 100:.0f} %", "success" if share >= 0.5 else "foreground", bold=True)
    return _facts(row.own("   "), [("dropped", f"{shown.meters.overruns}")])


def _out(shown: NumbersShown, palette: Palette, width: int) -> Row:
    usage, unheard = shown.figures.usage, shown.figures.unheard_tokens
    row = _titled(palette, width, "out")
    if not usage.total:
        return row.own(UNKNOWN)
    _facts(row, [("audio", f"{grouped(usage.output.audio)} tok"), ("text", f"{grouped(usage.output.text)} tok")])
    color = "warning" if unheard else "foreground"
    return row.own("unheard but paid ", "quiet").own(f"{grouped(unheard)} tok", color, bold=bool(unheard))


def _money(shown: NumbersShown, palette: Palette, width: int) -> Row:
    money, row = shown.figures.money, _titled(palette, width, "money")
    if money.cost is None:
        why = "this model has no price: [prices] in the configuration gives it one"
        row.own(why if shown.figures.usage.total else UNKNOWN, "quiet")
    elif is_free(shown.figures):
        row.own("free", "success").own("   this model costs nothing", "quiet")
    else:
        spent = ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd)
        row.own("session ", "quiet").own(spent, bold=True).own("   ")
        minute = UNKNOWN if money.per_minute is None else f"${money.per_minute:.3f}"
        _facts(row, [("per min", minute)])
    if money.budget is not None:
        what = f"{dollars(money.budget)}, {'stops there' if money.stops else 'warns only'}"
        color = "warning" if money.state in ("near", "spent") else "foreground"
        sign = {"near": "▲ ", "spent": "▲ spent: "}.get(money.state, "")
        row.own("budget ", "quiet").own(f"{sign}{what}", color).own("   ")
    if money.cost is None or is_free(shown.figures):
        return row
    return _facts(row, [("prices", "your own" if money.is_own else money.prices_of)])


def _side(shown: NumbersShown, palette: Palette, width: int) -> Row:
    """What translating lines used: beside the sums of the talk, and in none of them."""
    side = shown.figures.side
    used = f"{grouped(side.usage.input.total)} in {grouped(side.usage.output.total)} out tok"
    facts = [("", used), ("", f"{grouped(side.requests)} request{'' if side.requests == 1 else 's'}")]
    if side.cost is not None:
        facts.append(("", "free" if not side.cost.usd else dollars(side.cost.usd)))
    return _facts(_titled(palette, width, "translated"), [*facts, ("", side.model)])


def _limit(limit: RateLimit, now: float, palette: Palette, width: int) -> Row:
    row = _titled(palette, width, "limits").own(f"{limit.name} ", "quiet")
    if limit.limit is None or limit.remaining is None:
        return row.own(UNKNOWN)
    share = min(1.0, limit.remaining / limit.limit) if limit.limit else 0.0
    color = "success" if share > 0.25 else "warning" if share > 0.1 else "error"
    row.join(_gauge(row, share, color))
    row.own(f"  {grouped(round(limit.remaining))} of {grouped(round(limit.limit))}")
    if limit.reset is None:
        return row
    left = limit.at + limit.reset - now
    return row.own(f", full in {left:.1f} s" if left > 0 else ", full again", "quiet")


def _session(connection: ConnectionView, palette: Palette, width: int) -> Row:
    row = _titled(palette, width, "session")
    if connection.phase != "open":
        return row.own(UNKNOWN)
    row.own(f"{clock(connection.seconds)} ")
    if connection.session_limit is None:
        return row.own(connection.transport, "quiet")
    row.join(_gauge(row, min(1.0, connection.seconds / connection.session_limit), "assistant"))
    return row.own(f"  of {limit_words(connection.session_limit)}", "quiet")


def _gauge(row: Row, share: float, color: str) -> Row:
    full = round(share * 20)
    return row.part().own("━" * full, color).own("╌" * (20 - full), "rule")


EVERY = 0.5
"""Seconds between two paints of what runs by itself: the turn you speak, a limit that fills up."""
KEPT_TURNS = 5_000
"""Turns kept for the file."""


class NumbersView(Painted, can_focus=True):
    """Bind `numbers`, `connection` and `figures` (meters without levels)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "app.export_numbers", show=False)]

    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()))
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    figures: reactive[Meters] = reactive(Meters())
    written: reactive[str] = reactive("")
    """The file of the last export, until the view is left."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clock: Callable[[], float] = time.monotonic
        self.came_at = self.clock()
        """When the newest numbers came."""
        self._turns: dict[int, tuple[TurnNumbers, Cost | None]] = {}
        self._timer: Timer | None = None

    def watch_numbers(self, numbers: Numbers) -> None:
        """Keep what is new for the file. A count of turns that begins anew is another engine's."""
        figures = numbers.figures
        if figures.turns and self._turns and figures.turns[-1].number < next(reversed(self._turns)):
            self._turns.clear()
        self._turns |= {turn.number: (turn, cost) for turn, cost in zip(figures.turns, figures.costs, strict=True)}
        while len(self._turns) > KEPT_TURNS:
            del self._turns[next(iter(self._turns))]
        self.came_at = self.clock()

    def csv(self) -> str:
        """Every turn so far; empty where there is none."""
        return as_csv(self._turns.values()) if self._turns else ""

    def on_show(self, event: Show) -> None:
        if self._timer is None:
            self._timer = self.set_interval(EVERY, self.refresh)

    def on_hide(self, event: Hide) -> None:
        self.written = ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        title = Row(palette, width, "panel").own("▎" if self.has_focus else " ", "accent").own(" NUMBERS", bold=True)
        told = turns_told(self.numbers.figures)
        if self.written:
            room = width - title.cells - 14
            path = self.written if len(self.written) <= room else f"…{self.written[1 - room :]}"
            title.end_with(title.part().own("written: ", "success").own(f"{path}  ", "quiet"))
        else:
            title.end_with(title.part().own(f"{told} · x exports CSV  " if told else "", "quiet"))
        now = self.numbers.t + self.clock() - self.came_at
        shown = NumbersShown(self.numbers.figures, self.figures, self.connection, now)
        return [title, *rows_of(shown, palette, width, height - 1)]


def write_private(folder: Path, text: str, stamp: str) -> Path:
    """A new file that only the user may read; never over another. Raises OSError."""
    for number in range(100):
        path = folder / f"numbers-{stamp}{f'-{number}' if number else ''}.csv"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "too many files of this second")
