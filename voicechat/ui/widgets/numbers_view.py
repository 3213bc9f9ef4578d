"""`F7`: the numbers of this talk. Takes figures, the line and the meters; `x` writes the turns to a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.coordinate import Coordinate
from textual.events import Hide, Show
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import DataTable, Static

from voicechat.core.view import ConnectionView
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Figures, RateLimit, as_csv
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.ui.paint import Palette, clock, palette_of, styled
from voicechat.ui.widgets.glance import (
    EDGES,
    OVER_SCALE,
    STEPS,
    UNKNOWN,
    Piece,
    bars,
    flowed,
    gauge,
    latency_color,
    limit_piece,
    milliseconds,
    named,
    share,
)
from voicechat.ui.widgets.pane import PaneTitle
from voicechat.ui.wording import dollars, grouped, is_free, limit_words

SHORT = {"end of speech": "end of speech", "answer created": "created", "first words": "words", "first sound": "sound"}
"""The names of the steps where there is little room."""
BARS = 30
LABEL = 13
FULL_TABLE = 96
"""Columns from which the table has room for the transcript's time and a long bar."""
BESIDE_BAR = 78
"""Columns of the full table without the bar: its other cells, the space around each, the scrollbar."""
EVERY = 0.5
"""Seconds between two paints of what runs by itself: the turn you speak, a limit that fills up."""
KEPT_TURNS = 5_000
"""Turns kept for the file."""


# the table
def cells_of(turn: TurnNumbers, cost: Cost | None, now: float, bar: int, longest: float) -> list[list[tuple[str, str]]]:
    """The cells of a row, each as words with their styles; `bar` columns are worth `longest` seconds."""
    is_speaking = turn.began_at is not None and turn.ended_at is None and turn.created_at is None
    spoken = turn.spoken
    if is_speaking and turn.began_at is not None:
        spoken = max(0.0, now - turn.began_at)
    if turn.total is None:
        wait = [(_without_total(turn, is_speaking=is_speaking), "$quiet")]
    else:
        color = latency_color(turn.total)
        wait = [("▲ " if color == "$warning" else "  ", color), (f"{turn.total * 1000:5.0f} ms ", f"bold {color}")]
        wait += [(glyph * cells, tint) for cells, glyph, tint in bar_of(turn, bar / longest)]
    silent = f"╳ {turn.silent_in * 1000:.0f} ms" if turn.silent_in is not None else "╳" if turn.cut_by else ""
    used, price = turn.usage, UNKNOWN
    if cost is not None:
        price = ("≈" if cost.is_estimate else "") + (f"{cost.usd:.3f}" if cost.usd else "free")
    return [
        [(f"{turn.number:4}", "")],
        [(UNKNOWN if spoken is None else f"{spoken:.1f} s", "")],
        wait,
        [(silent, "$mic-live")],
        [(milliseconds(turn.transcript_in) if turn.began_at is not None else "", "$quiet")],
        [(UNKNOWN if used is None else f"{used.input.total}/{used.cached.total}/{used.output.total}", "")],
        [(price, "")],
    ]


def _without_total(turn: TurnNumbers, *, is_speaking: bool) -> str:
    if is_speaking:
        return "you are speaking"
    if turn.began_at is None:
        return "not asked by voice"
    return turn.status if turn.status and turn.status != "completed" else "no sound" if turn.status else "no sound yet"


def bar_of(turn: TurnNumbers, cells_a_second: float) -> list[tuple[int, str, str]]:
    """(cells, glyph, style) of each part. A mark that is missing joins its part to the next one that is there."""
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


# below the table
def sums(figures: Figures, palette: Palette, width: int) -> Content:
    found, indent = figures.percentiles, Content(" " * 8)
    told = [
        named(name, milliseconds(value), "$quiet" if value is None else f"bold {latency_color(value)}")
        for name, value in (("p50", found.p50), ("p95", found.p95))
    ]
    told += [named("best", milliseconds(found.best)), named("cut→silence p95", milliseconds(found.silent_p95))]
    where: list[Piece] = [(("where it goes", "$quiet"),)] if width >= 110 else []
    for (name, glyph, color), value in zip(STEPS, typical_steps(figures.turns), strict=True):
        figure = UNKNOWN if value is None else f"{round(value * 1000)}"
        where.append(((glyph * 2 + " ", color), (f"{name if width >= FULL_TABLE else SHORT[name]} {figure}", "")))
    where.append((("ms", "$quiet"),))
    return Content("\n").join(flowed(palette, width, indent, pieces, "   ") for pieces in (told, where))


def typical_steps(turns: Sequence[TurnNumbers]) -> tuple[float | None, ...]:
    parts = [turn.steps() for turn in turns if turn.total is not None]
    columns = ([part[place] for part in parts] for place in range(4))
    known = ([value for value in column if value is not None] for column in columns)
    return tuple(median(values) if values else None for values in known)


def chart(turns: Sequence[TurnNumbers], palette: Palette, width: int) -> Content:
    times = [turn.total for turn in turns if turn.total is not None][-min(BARS, (width - 12) // 3) :]
    if not times:
        return Content("")
    told = "one bar an answer" if len(times) == 1 else f"the last {len(times)} answers, newest at the right"
    if max(times) > EDGES[0]:
        told += f"; {OVER_SCALE} longer than {EDGES[0]:g} s"
    return Content("\n").join((bars(palette, times, 2), styled(palette, (f"{' ' * 7}{told}", "$quiet"))))


def facts(figures: Figures, own: Meters, line: ConnectionView, now: float) -> Iterable[tuple[str, Iterable[Piece]]]:
    """Names of the lines with what they tell. Unknown is `—`, never 0."""
    is_web, used = line.transport == "WebRTC", figures.usage
    told = [named("RTT", milliseconds(own.rtt)), named("jitter", milliseconds(own.jitter))]
    told += [named("loss", share(own.loss)), named("buffer", milliseconds(own.buffer) if is_web else "n/a")]
    told += [named("concealed", share(own.concealed)), ((own.codec.replace("opus", "Opus 48k") or UNKNOWN, ""),)]
    if own.kbit_in is not None and own.kbit_out is not None:
        told.append(((f"{own.kbit_in:.0f} in {own.kbit_out:.0f} out kbit/s", ""),))
    yield "line", told
    cached = used.cached.total / used.input.total if used.input.total else 0.0
    for name, tokens, rest in (
        ("in", used.input, named("cached", f"{cached * 100:.0f} %", f"bold {'$success' if cached >= 0.5 else ''}")),
        ("out", used.output, named("unheard but paid", f"{grouped(figures.unheard_tokens)} tok", _warns(figures))),
    ):
        sides = [named("audio", f"{grouped(tokens.audio)} tok"), named("text", f"{grouped(tokens.text)} tok"), rest]
        sides += [named("dropped", f"{own.overruns}")] if name == "in" else []
        yield name, sides if used.total else [((UNKNOWN, ""),)]
    yield "money", _money(figures)
    if figures.side.requests:  # what translating lines used: in none of the sums of the talk
        side = figures.side
        amount = f"{grouped(side.usage.input.total)} in {grouped(side.usage.output.total)} out tok"
        cost = "" if side.cost is None else "free" if not side.cost.usd else dollars(side.cost.usd)
        requests = f"{grouped(side.requests)} request{'' if side.requests == 1 else 's'}"
        yield "translated", [((word, ""),) for word in (amount, requests, cost, side.model) if word]
    for limit in figures.limits:
        yield "limits", _limit(limit, now)
    if not figures.limits:
        yield "limits", [((UNKNOWN, ""),)]
    yield "session", _session(line)


def _warns(figures: Figures) -> str:
    return "bold $warning" if figures.unheard_tokens else ""


def _money(figures: Figures) -> Iterable[Piece]:
    money = figures.money
    if money.cost is None:
        why = "this model has no price: [prices] in the configuration gives it one"
        yield ((why if figures.usage.total else UNKNOWN, "$quiet"),)
    elif is_free(figures):
        yield (("free", "$success"), ("   this model costs nothing", "$quiet"))
    else:
        yield named("session", ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd), "bold")
        yield named("per min", UNKNOWN if money.per_minute is None else f"${money.per_minute:.3f}")
    if money.budget is not None:
        sign = {"near": "▲ ", "spent": "▲ spent: "}.get(money.state, "")
        what = f"{sign}{dollars(money.budget)}, {'stops there' if money.stops else 'warns only'}"
        yield named("budget", what, "$warning" if sign else "")
    if money.cost is not None and not is_free(figures):
        yield named("prices", "your own" if money.is_own else money.prices_of)


def _limit(limit: RateLimit, now: float) -> Iterable[Piece]:
    if limit.limit and limit.remaining is not None:
        left = limit.remaining / limit.limit
        yield gauge(left, "$success" if left > 0.25 else "$warning" if left > 0.1 else "$error")
    yield limit_piece(limit)
    if limit.reset is not None and limit.remaining != limit.limit:
        full_in = limit.at + limit.reset - now
        yield ((f"full in {full_in:.1f} s" if full_in > 0 else "full again", "$quiet"),)


def _session(line: ConnectionView) -> Iterable[Piece]:
    yield ((clock(line.seconds) if line.phase == "open" else UNKNOWN, ""),)
    if line.phase == "open" and line.session_limit is not None:
        yield gauge(line.seconds / line.session_limit, "$assistant")
        yield ((f"of {limit_words(line.session_limit)}", "$quiet"),)
    elif line.phase == "open":
        yield ((line.transport, "$quiet"),)


class NumbersView(Vertical):
    """Bind `numbers`, `connection` and `figures` (meters without levels)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "app.export_numbers", show=False)]

    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView(), repaint=False)
    figures: reactive[Meters] = reactive(Meters(), repaint=False)
    written: reactive[str] = reactive("", repaint=False)
    """The file of the last export, until the view is left."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clock: Callable[[], float] = time.monotonic
        self.came_at = self.clock()
        """When the newest numbers came."""
        self._turns: dict[int, tuple[TurnNumbers, Cost | None]] = {}
        self._timer: Timer | None = None
        self.table: DataTable[Content] = DataTable(cursor_type="none", id="turns")
        self._listed: object = None
        """What the table was made from."""

    def compose(self) -> ComposeResult:
        yield PaneTitle()
        yield Static("\n  numbers start with the first answer", id="no-numbers")
        yield self.table
        for name in ("sums", "chart", "facts"):
            yield Static(id=name)

    def watch_numbers(self, numbers: Numbers) -> None:
        """Keep what is new for the file. A count of turns that begins anew is another engine's."""
        figures = numbers.figures
        if figures.turns and self._turns and figures.turns[-1].number < next(reversed(self._turns)):
            self._turns.clear()
        self._turns |= {turn.number: (turn, cost) for turn, cost in zip(figures.turns, figures.costs, strict=True)}
        while len(self._turns) > KEPT_TURNS:
            del self._turns[next(iter(self._turns))]
        self.came_at = self.clock()
        self.fill()

    def csv(self) -> str:
        """Every turn so far; empty where there is none."""
        return as_csv(self._turns.values()) if self._turns else ""

    def on_show(self, event: Show) -> None:
        if self._timer is None:
            self._timer = self.set_interval(EVERY, self.fill)
        self.fill()

    def on_hide(self, event: Hide) -> None:
        self.written = ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_resize(self) -> None:
        self.fill()

    watch_written = on_descendant_focus = on_descendant_blur = on_resize

    def fill(self) -> None:
        """Everything as it is now, where somebody sees it."""
        if self._timer is None or not self.is_mounted:
            return
        figures, palette, width = self.numbers.figures, palette_of(self.app), self.size.width
        now = self.numbers.t + self.clock() - self.came_at
        self.set_class(not figures.turns, "-empty")
        self._fill_title(width)
        self._fill_table(palette, width, now)
        lines = facts(figures, self.figures, self.connection, now)
        texts = {
            "sums": sums(figures, palette, width),
            "chart": chart(figures.turns, palette, width),
            "facts": Content("\n").join(
                flowed(palette, width, styled(palette, (f"  {name}".ljust(LABEL), "$quiet")), told, "   ")
                for name, told in lines
            ),
        }
        for name, text in texts.items():
            static = self.query_one(f"#{name}", Static)
            if not isinstance(static.content, Content) or not static.content.is_same(text):
                static.update(text)

    def _fill_title(self, width: int) -> None:
        title, turns = self.query_one(PaneTitle), self.numbers.figures.turns
        title.left, title.focused_pane = ("NUMBERS", ""), self.table.has_focus
        if self.written:
            room = width - 24
            path = self.written if len(self.written) <= room else f"…{self.written[1 - room :]}"
            title.right = f"written: {path}"
        else:
            made = turns[-1].number if turns else 0
            title.right = f"{made} turn{'' if made == 1 else 's'} · x exports CSV" if turns else ""

    def _fill_table(self, palette: Palette, width: int, now: float) -> None:
        """All rows when there are other turns or other colours, else the turn that is spoken now."""
        figures, table, is_full = self.numbers.figures, self.table, width >= FULL_TABLE
        bar = min(27, width - BESIDE_BAR) if is_full else 13
        longest = max([EDGES[0], *(turn.total or 0.0 for turn in figures.turns)])
        turns = zip(figures.turns, figures.costs, strict=True)
        rows = [[styled(palette, *c) for c in cells_of(turn, cost, now, bar, longest)] for turn, cost in turns]
        hidden = 4 if not is_full else None
        names = ("turn", "you", "until first sound", "silent in", "your words", "in/cached/out", "cost")
        widths = (4, 7, 11 + bar, 9, 10, 14, 6)
        if (figures, palette, bar) != self._listed:
            follows, y = self._listed is None or table.is_vertical_scroll_end, table.scroll_y
            self._listed = (figures, palette, bar)
            table.clear(columns=True)
            for place, (name, cells) in enumerate(zip(names, widths, strict=True)):
                if place != hidden:
                    table.add_column(name, width=cells)
            for row in rows:
                table.add_row(*(cell for place, cell in enumerate(row) if place != hidden))
            table.scroll_end(animate=False) if follows else table.scroll_to(y=y, animate=False)
        elif rows:
            table.update_cell_at(Coordinate(len(rows) - 1, 1), rows[-1][1])
