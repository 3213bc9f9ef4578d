"""The glance column of wide screens: answer times, the line, and what has been noted; each block a text of its own.

The words about line, money and limits are those of the numbers (F7), too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Figures, RateLimit
from voicechat.line import JitterStats
from voicechat.ui.paint import Backdrop, Palette, clock, hanging, palette_of, styled
from voicechat.ui.sanitise import clean, safe
from voicechat.ui.wording import Scene, dollars, grouped, is_free, reply_words

LABEL = 9
WHOLE = 58
"""Columns in which the title of the answers stands whole; below, it is shorter."""
STEPS = (
    ("end of speech", "━", "$you"),
    ("answer created", "═", "$assistant"),
    ("first words", "╌", "$accent"),
    ("first sound", "─", "$foreground"),
)
"""What the wait is made of, each with a line of its own, so that it reads without colours."""
GOOD, FAIR = 0.6, 1.0
"""Answers up to here are good, up to here fair; beyond it they count as late."""
EDGES = (1.2, 0.9, 0.6, 0.3)
"""Upper edges of the rows of bars, seconds."""
OVER_SCALE = "▲"
"""Ends a bar that is longer than the chart is high."""
UNKNOWN = "—"


def latency_color(seconds: float) -> str:
    return "$success" if seconds <= GOOD else "$foreground" if seconds <= FAIR else "$warning"


def milliseconds(seconds: float | None) -> str:
    """`1 310 ms`, or the sign for unknown."""
    return UNKNOWN if seconds is None else f"{grouped(round(seconds * 1000))} ms"


def bars(palette: Palette, times: Sequence[float], cells: int) -> Content:
    """A bar an answer, `cells` wide; one that is higher than the chart ends in a mark."""
    rows = []
    for edge in EDGES:
        row: list[str | tuple[str, str]] = [(f" {edge:.1f} s ", "$quiet")]
        for time in times:
            is_over = edge == EDGES[0] and time > edge
            level = palette.levels[max(0, min(8, round((time - edge + 0.3) / 0.3 * 8)))]
            row += [((OVER_SCALE if is_over else level) * cells, latency_color(time)), " "]
        rows.append(Content.assemble(*row) if not palette.ascii_only else styled(palette, *row))
    return Content("\n").join(rows)


Piece = tuple[tuple[str, str], ...]
"""Words with their styles, which stand in one row."""


def named(name: str, figure: str, style: str = "") -> Piece:
    """`loss 0.0 %`."""
    return ((f"{name} ", "$quiet"), (figure, style))


def counted(*counts: tuple[str, int], color: str = "") -> Iterator[Piece]:
    """`3 late`, `1 underrun`; `color` is for what should be 0."""
    for name, count in counts:
        yield ((f"{count}", color if count else ""), (f" {name.removesuffix('s') if count == 1 else name}", "$quiet"))


def flowed(palette: Palette, width: int, title: Content, pieces: Iterable[Piece], gap: str = "  ") -> Content:
    """As many rows as it takes: no figure is cut from its name or its unit."""
    rows, begins = [title], title.cell_length
    for piece in pieces:
        words = styled(palette, *piece)
        if rows[-1].cell_length > begins and rows[-1].cell_length + words.cell_length > width:
            rows.append(Content(" " * begins))
        rows[-1] += words + gap
    return Content("\n").join(rows)


def gauge(share: float, color: str) -> Piece:
    full = round(min(1.0, share) * 20)
    return (("━" * full, color), ("╌" * (20 - full), "$rule"))


def share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.1f} %"


def limit_piece(limit: RateLimit) -> Piece:
    """`38 912 of 40 000 tokens`."""
    if limit.limit is None or limit.remaining is None:
        return ((f"{UNKNOWN} ", ""), (limit.name, "$quiet"))
    left, whole = grouped(round(limit.remaining)), grouped(round(limit.limit))
    return ((left, ""), (f" of {whole} {limit.name}", "$quiet"))


def money_pieces(figures: Figures) -> list[Piece]:
    """What was spent, of how much, and how fast; tokens where no price is known or nothing costs."""
    money, tokens = figures.money, f"{grouped(figures.usage.total)} tok"
    if money.cost is None:
        return [((tokens, ""),), (("no price known", "$quiet"),)]
    if is_free(figures):
        return [(("free", ""),), ((tokens, "$quiet"),)]
    spent = ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd)
    budget = "" if money.budget is None else f" of {dollars(money.budget)}"
    rate = [] if money.per_minute is None else [((f"${money.per_minute:.3f} a minute", "$quiet"),)]
    return [((spent, ""), (budget, "$quiet")), *rate]


MADE_FROM = {
    "answers": ("numbers",),
    "now": ("reply", "connection"),
    "parts": ("numbers",),
    "line": ("figures", "connection", "numbers"),
    "notes": ("notes",),
}
"""The blocks, and the slices that each is made from."""


class Glance(Vertical, Backdrop):
    """Takes the numbers, the newest notes and the line's figures. A clock repaints its own block and no other."""

    notes: reactive[tuple[TurnView, ...]] = reactive[tuple[TurnView, ...]]((), repaint=False)
    reply: reactive[ReplyView] = reactive(ReplyView(), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView(), repaint=False)
    figures: reactive[Meters] = reactive(Meters(), repaint=False)
    """Meters with the levels left out, so that a syllable repaints nothing here."""
    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()), repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._blocks = {name: Static(id=f"glance-{name}") for name in MADE_FROM}
        self._made_from: dict[str, object] = {}
        self._is_asked = False

    def compose(self) -> ComposeResult:
        yield from self._blocks.values()

    def _changed(self) -> None:
        if self.size.width:
            self._is_asked = self._is_asked or self.call_later(self._fill)

    watch_notes = watch_reply = watch_connection = watch_figures = watch_numbers = on_resize = _changed

    def _fill(self) -> None:
        self._is_asked = False
        width = self.scrollable_content_region.width
        for name, block in self._blocks.items():
            made_from = (width, *(getattr(self, slice) for slice in MADE_FROM[name]))
            if self._made_from.get(name) != made_from:
                self._made_from[name] = made_from
                text: Content = getattr(self, f"_{name}")(palette_of(self.app), width)
                block.display = bool(text)
                block.update(text)

    def _answers(self, palette: Palette, width: int) -> Content:
        what = "your last sound to the first answer sound" if width >= WHOLE else "from your last sound on"
        title = styled(palette, self._title("answers"), (what, "$quiet"))
        figures = self.numbers.figures
        times, found = [turn.total for turn in figures.turns if turn.total is not None], figures.percentiles
        if found.p50 is None or found.p95 is None:
            return title + "\n" + styled(palette, ("numbers start with the first answer", "$quiet"))
        last = [("       p50 ", "$quiet"), (milliseconds(found.p50), f"bold {latency_color(found.p50)}")]
        last += [("   p95 ", "$quiet"), (milliseconds(found.p95), f"bold {latency_color(found.p95)}")]
        chart = bars(palette, times[-max(1, (width - 10) // 2) :], 1)
        return Content("\n").join((title, "", chart, styled(palette, *last)))

    def _now(self, palette: Palette, width: int) -> Content:
        words = reply_words(Scene(MicView(), self.reply, self.connection))
        first = styled(palette, self._title("now"), (f"{words.glyph} ", f"bold ${words.color}"), words.text)
        return first + "\n" + styled(palette, (" " * LABEL + words.second, "$quiet"))

    def _parts(self, palette: Palette, width: int) -> Content:
        turn = next((turn for turn in reversed(self.numbers.figures.turns) if turn.total is not None), None)
        if turn is None:
            return Content("")
        rows = [styled(palette, self._title(f"turn {turn.number}"))]
        for (name, glyph, color), part in zip(STEPS, turn.steps(), strict=True):
            bar = glyph * min(24, round((part or 0.0) * 25))
            rows.append(styled(palette, (f"{name:<15}", "$quiet"), f"{milliseconds(part):>8} ", (bar, color)))
        return Content("\n").join(("", *rows))

    def _line(self, palette: Palette, width: int) -> Content:
        """The connection, what became of the sound of both sides, money and limits."""
        own, line, figures = self.figures, self.connection, self.numbers.figures
        told = [named("RTT", milliseconds(own.rtt)), named("loss", share(own.loss))]
        if own.received is None or not own.received.played:  # else the receive path tells the rest more exactly
            told += [named("buffer", milliseconds(own.buffer)), named("concealed", share(own.concealed))]
        lines: list[tuple[str, Iterable[Piece]]] = [("line", told), *_received(own.received)]
        lines.append(("session", [((f"{clock(line.session_seconds)} ", ""), (line.transport, "$quiet"))]))
        gaps = (("underruns", own.underruns), ("overruns", own.overruns), ("late", own.late))
        lines.append(("sound", counted(*gaps, color="$warning")))
        if own.restarts or own.lost:
            lines.append(("", counted(("restarts", own.restarts), ("lost", own.lost))))
        if line.receive_fallback:
            lines.append(("", [((f"▲ stock receive path: {line.receive_fallback}", "$warning"),)]))
        if figures.usage.total:
            lines.append(("money", money_pieces(figures)))
        known = [one for one in figures.limits if one.limit is not None and one.remaining is not None]
        lines += [("limits", [limit_piece(one)]) for one in known[:2]]
        return Content("\n").join(flowed(palette, width, styled(palette, self._title(n)), told) for n, told in lines)

    def _notes(self, palette: Palette, width: int) -> Content:
        rows = [styled(palette, self._title("notes"))] if self.notes else []
        for note in self.notes:
            glyph, color = ("✕ ", "$error") if note.level == "error" else ("▲ ", "$warning")
            times = f" ×{note.count}" if note.count > 1 else ""
            rows.append(
                hanging(styled(palette, (glyph, f"bold {color}")), safe(note.text) + palette.glyphs(times), width)
            )
        return Content("\n").join(rows)

    @staticmethod
    def _title(words: str) -> tuple[str, str]:
        return (clean(words).ljust(LABEL), "bold $accent")


def _received(got: JitterStats | None) -> list[tuple[str, Iterable[Piece]]]:
    """What became of the assistant's sound: shares of what was heard, and counts of what is rare."""
    if got is None or not got.played:
        return []
    heard = got.played + got.fec + got.concealed
    shares = [named(name, share(count / heard)) for name, count in (("FEC", got.fec), ("concealed", got.concealed))]
    counts = counted(("stretched", got.stretched), ("dropped", got.dropped), ("late", got.late))
    depths = [named("buffer", milliseconds(got.depth)), named("target", milliseconds(got.target))]
    return [("received", [((clock(got.played / 50), ""),), *shares]), ("", counts), ("", depths)]
