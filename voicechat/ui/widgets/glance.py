"""The glance column of wide screens: answer times, the line, and what has been noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil

from textual.content import Content
from textual.reactive import reactive

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView
from voicechat.engine.link import Meters, Numbers, Received
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.ui.paint import Painted, Palette, Row, clock
from voicechat.ui.widgets.numbers_view import EDGES, STEPS, bar_cell, latency_color
from voicechat.ui.wording import ReplyWords, Scene, dollars, grouped, is_free, reply_words

LABEL = 9
WHOLE = 58
"""Columns in which the title of the answers stands whole; below, it is shorter."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answer times of the session, oldest first, seconds."""

    times: tuple[float, ...] = ()

    def share(self, part: float) -> float:
        """The time that `part` of the answers did not exceed (nearest rank)."""
        ordered = sorted(self.times)
        return ordered[max(0, ceil(part * len(ordered)) - 1)]


def spaced(seconds: float) -> str:
    """`1 310 ms`: thousands apart."""
    return f"{round(seconds * 1000):,} ms".replace(",", " ")


Piece = tuple[tuple[str, str], ...]
"""Words with their colours, which stand in one row."""


def named(name: str, figure: str) -> Piece:
    """`loss 0.0 %`."""
    return ((f"{name} ", "quiet"), (figure, "foreground"))


def counted(*counts: tuple[str, int], color: str = "foreground") -> list[Piece]:
    """`3 late`, `1 underrun`; `color` is for what should be 0."""
    told = [(name.removesuffix("s") if count == 1 else name, count) for name, count in counts]
    return [((f"{count}", color if count else "foreground"), (f" {name}", "quiet")) for name, count in told]


def money_pieces(figures: Figures) -> list[Piece]:
    """What was spent, of how much, and how fast; tokens where no price is known or nothing costs."""
    money, tokens = figures.money, f"{grouped(figures.usage.total)} tok"
    if money.cost is None:
        return [((tokens, "foreground"),), (("no price known", "quiet"),)]
    if is_free(figures):
        return [(("free", "foreground"),), ((tokens, "quiet"),)]
    spent = ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd)
    budget = "" if money.budget is None else f" of {dollars(money.budget)}"
    rate = [] if money.per_minute is None else [((f"${money.per_minute:.3f} a minute", "quiet"),)]
    return [((spent, "foreground"), (budget, "quiet")), *rate]


class Glance(Painted):
    """Takes the answers, the newest notes and the line's figures."""

    answers: reactive[Answers] = reactive(Answers())
    notes: reactive[tuple[TurnView, ...]] = reactive[tuple[TurnView, ...]](())
    reply: reactive[ReplyView] = reactive(ReplyView())
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    figures: reactive[Meters] = reactive(Meters())
    """Meters with the levels left out, so that a syllable repaints nothing here."""
    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()))

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[str, tuple[tuple[object, ...], list[Row]]] = {}
        """What each block was made from, and its rows."""

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """Blocks from top to bottom, behind a rule. Only those of which something has changed are made anew: ten times
        a second that is one clock."""
        line, figures = self.connection, self.numbers.figures
        words = reply_words(Scene(MicView(), self.reply, line))
        blocks: tuple[tuple[Callable[..., list[Row]], *tuple[object, ...]], ...] = (
            (self._blank,),
            (self._answer_rows, self.answers),
            (self._blank,),
            (self._reply_rows, words),
            (self._parts_rows, figures.turns),
            (self._blank,),
            (self._line_rows, self.figures),
            (self._session_rows, clock(line.session_seconds), line.transport),
            (self._sound_rows, self.figures, line.receive_fallback),
            (self._money_rows, figures),
            (self._blank,),
            (self._note_rows, self.notes),
        )
        rows = [row for make, *made_from in blocks for row in self._block(make, palette, width, *made_from)]
        return rows + self._block(self._blank, palette, width) * max(0, height - len(rows))

    def _block(self, make: Callable[..., list[Row]], *made_from: object) -> list[Row]:
        known = self._blocks.get(make.__name__)
        if known is None or known[0] != made_from:
            known = self._blocks[make.__name__] = (made_from, make(*made_from))
        return known[1]

    def _blank(self, palette: Palette, width: int) -> list[Row]:
        return [self._row(palette, width)]

    def _row(self, palette: Palette, width: int) -> Row:
        return Row(palette, width).own("│ ", "rule")

    def _title(self, palette: Palette, width: int, words: str) -> Row:
        return self._row(palette, width).own(words.ljust(LABEL), "accent", bold=True)

    def _answer_rows(self, palette: Palette, width: int, answers: Answers) -> list[Row]:
        what = "your last sound to the first answer sound" if width >= WHOLE else "from your last sound on"
        title = self._title(palette, width, "answers").own(what, "quiet")
        times = answers.times
        if not times:
            return [title, self._row(palette, width).own("numbers start with the first answer", "quiet")]
        rows = [title, self._row(palette, width)]
        for edge in EDGES:
            row = self._row(palette, width).own(f" {edge:.1f} s ", "quiet")
            for time in times[-((width - 12) // 2) :]:
                row.spoken(bar_cell(edge, time, palette), latency_color(time)).own(" ")
            rows.append(row)
        p50, p95 = answers.share(0.5), answers.share(0.95)
        last = self._row(palette, width).own("       p50 ", "quiet").own(spaced(p50), latency_color(p50), bold=True)
        rows.append(last.own("   p95 ", "quiet").own(spaced(p95), latency_color(p95), bold=True))
        return rows

    def _reply_rows(self, palette: Palette, width: int, words: ReplyWords) -> list[Row]:
        title = self._title(palette, width, "now")
        title.own(f"{words.glyph} ", words.color, bold=True).own(words.text)
        return [title, self._row(palette, width).own(" " * LABEL).own(words.second, "quiet")]

    def _parts_rows(self, palette: Palette, width: int, turns: tuple[TurnNumbers, ...]) -> list[Row]:
        turn = next((turn for turn in reversed(turns) if turn.total is not None), None)
        if turn is None:
            return []
        made = [self._row(palette, width), self._title(palette, width, f"turn {turn.number}")]
        for (name, glyph, color), part in zip(STEPS, turn.steps(), strict=True):
            row = self._row(palette, width).own(f"{name:<15}", "quiet")
            row.own(f"{'—' if part is None else spaced(part):>8} ")
            made.append(row.own(glyph * min(24, round((part or 0.0) * 25)), color))
        return made

    def _money_rows(self, palette: Palette, width: int, figures: Figures) -> list[Row]:
        made: list[Row] = []
        if figures.usage.total:
            made += self._flowed(palette, width, "money", money_pieces(figures))
        for limit in figures.limits[:2]:
            if limit.limit is not None and limit.remaining is not None:
                row = self._title(palette, width, "limits").own(grouped(round(limit.remaining)))
                made.append(row.own(f" of {grouped(round(limit.limit))} {limit.name}", "quiet"))
        return made

    def _line_rows(self, palette: Palette, width: int, figures: Meters) -> list[Row]:
        parts = [
            ("rtt", figures.rtt, 1000, "ms", 0),
            ("loss", figures.loss, 100, "%", 1),
            ("buffer", figures.buffer, 1000, "ms", 0),
            ("concealed", figures.concealed, 100, "%", 1),
        ]
        if figures.received is not None and figures.received.played:
            parts = parts[:2]  # the receive path tells the rest more exactly
        told = [
            named(name, "—" if value is None else f"{value * scale:.{digits}f} {unit}")
            for name, value, scale, unit, digits in parts
        ]
        return self._flowed(palette, width, "line", told) + self._received_rows(palette, width, figures.received)

    def _received_rows(self, palette: Palette, width: int, got: Received | None) -> list[Row]:
        """What became of the assistant's sound: shares of what was heard, and counts of what is rare."""
        if got is None or not got.played:
            return []
        shares = (("FEC", got.fec), ("concealed", got.concealed))
        first: list[Piece] = [((clock(got.played / 50), "foreground"),)]
        heard = got.played + got.fec + got.concealed
        first += [named(name, f"{count / heard * 100:.1f} %") for name, count in shares]
        second = counted(("stretched", got.stretched), ("dropped", got.dropped), ("late", got.late))
        third = [named("buffer", spaced(got.depth)), named("target", spaced(got.target))]
        titled = (("received", first), ("", second), ("", third))
        return [row for title, pieces in titled for row in self._flowed(palette, width, title, pieces)]

    def _session_rows(self, palette: Palette, width: int, seconds: str, transport: str) -> list[Row]:
        return [self._title(palette, width, "session").own(seconds).own(f"   {transport}", "quiet")]

    def _sound_rows(self, palette: Palette, width: int, own: Meters, fallback: str) -> list[Row]:
        gaps = counted(("underruns", own.underruns), ("overruns", own.overruns), ("late", own.late), color="warning")
        rows = self._flowed(palette, width, "sound", gaps)
        if own.restarts or own.lost:
            rows += self._flowed(palette, width, "", counted(("restarts", own.restarts), ("lost", own.lost)))
        if fallback:
            rows += self._wrapped(palette, width, "▲ ", "warning", f"stock receive path: {fallback}")
        return rows

    def _flowed(self, palette: Palette, width: int, title: str, pieces: Iterable[Piece]) -> list[Row]:
        """As many rows as it takes: no figure is cut from its name or its unit."""
        rows = [self._title(palette, width, title)]
        begins = rows[0].cells
        for piece in pieces:
            if rows[-1].cells > begins and rows[-1].cells + sum(len(words) for words, _ in piece) > width:
                rows.append(self._title(palette, width, ""))
            for words, color in (*piece, ("  ", "quiet")):
                rows[-1].own(words, color)
        return rows

    def _note_rows(self, palette: Palette, width: int, notes: tuple[TurnView, ...]) -> list[Row]:
        if not notes:
            return []
        rows = [self._title(palette, width, "notes")]
        for note in notes:
            glyph, color = ("✕ ", "error") if note.level == "error" else ("▲ ", "warning")
            times = f" ×{note.count}" if note.count > 1 else ""
            rows += self._wrapped(palette, width, glyph, color, f"{note.text}{times}")
        return rows

    def _wrapped(self, palette: Palette, width: int, glyph: str, color: str, text: str) -> list[Row]:
        rows = []
        for place, line in enumerate(Content(text).wrap(max(10, width - 6))):
            row = self._row(palette, width).own(glyph if place == 0 else "  ", color, bold=True)
            rows.append(row.spoken(line.plain))
        return rows
