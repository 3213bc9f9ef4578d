"""One row: who speaks here, over what, and how the line is. The right side is never cut."""

from __future__ import annotations

from textual.reactive import reactive

from voicechat.core.view import ConnectionView
from voicechat.engine.link import Numbers, TapeShown
from voicechat.insight.metrics.ledger import Figures
from voicechat.ui.paint import Painted, Palette, Row, clock
from voicechat.ui.wording import cost_pieces, limit_words

LAST_MINUTES = 300.0
"""Seconds before the service ends the line from which the clock tells the end as well."""
SLOW_LINE = 0.3
"""Round trip from which a line counts as slow, seconds."""


def connection_words(connection: ConnectionView, rtt: float | None, *, long: bool) -> tuple[str, str, str]:
    if connection.phase == "lost" or (connection.phase == "connecting" and connection.lost_for is not None):
        return _missing(connection)
    match connection.phase:
        case "open" if rtt is not None and rtt >= SLOW_LINE:
            return "▲", "warning", f"slow connection · RTT {rtt * 1000:.0f} ms"
        case "open":
            figure = "" if rtt is None else f"RTT {rtt * 1000:.0f} ms"
            return "●", "success", f"connected · {figure}" if long and figure else figure or "connected"
        case "connecting":
            return "◌", "warning", f"connecting {connection.seconds:.1f} s"
        case "refused" if connection.next_try_in is not None:
            return "▲", "warning", f"not connected · try {connection.attempts + 1} in {connection.next_try_in:.0f} s"
        case "refused":
            return "✕", "error", "refused"
    return "○", "quiet", "closed"


def _missing(connection: ConnectionView) -> tuple[str, str, str]:
    """A line that was up and is not: the same words from try to try, so that nothing flickers."""
    if connection.rolls_over:
        return "◌", "warning", "changing sessions"
    if connection.phase == "connecting":
        return "▲", "warning", f"connection lost · try {connection.attempts} now"
    if connection.next_try_in is None:
        return "✕", "error", "disconnected"
    return "▲", "warning", f"connection lost · try {connection.attempts + 1} in {connection.next_try_in:.1f} s"


def transport_words(connection: ConnectionView) -> str:
    """`WebSocket (UDP blocked)`: the transport, and why it is not the one that was asked for first."""
    return f"{connection.transport} ({connection.why})" if connection.why else connection.transport


def clock_words(connection: ConnectionView, now: float) -> str:
    """`4:12`, as in talk and events; near the end of a line that the service limits, `56:10 of 60:00` of that line."""
    limit = connection.session_limit
    if connection.phase == "open" and connection.ends_in is not None:
        return f"{clock(connection.seconds)} of {limit_words(connection.seconds + connection.ends_in)}"
    if connection.phase == "open" and limit is not None and connection.seconds >= limit - LAST_MINUTES:
        return f"{clock(connection.seconds)} of {limit_words(limit)}"
    return clock(now) if connection.phase != "connecting" else "--:--"


class HeaderLine(Painted):
    """Takes the connection, the round-trip time and the numbers, of which the cost is shown."""

    connection: reactive[ConnectionView] = reactive(ConnectionView())
    now: reactive[float] = reactive(0.0)
    """Whole seconds on the clock of talk and events."""
    rtt: reactive[float | None] = reactive[float | None](None)
    numbers: reactive[Numbers] = reactive(Numbers(0.0, Figures()))
    label: reactive[str] = reactive("")
    """Whose talk this is, where the screen only shows it."""
    writes: reactive[bool] = reactive(False)
    """Nobody answers: what is said is only written down."""
    hangs: reactive[bool] = reactive(False)
    """The engine does not respond, so its last word on the connection is stale."""
    tape: reactive[TapeShown] = reactive(TapeShown())
    """The tape that is being made."""

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """Left: emblem, name and parts that may fall away; right: connection, clock and cost."""
        connection = self.connection
        row = Row(palette, width, "surface").own(" ")
        row.own("▂▅▃", "you").own("▃▆▂ ", "assistant").own("voicechat ", bold=True)
        if self.label:
            row.own(f" {self.label} ", "warning", bold=True)
        if self.writes:
            row.own(" transcribe only ", "warning")
        if self.tape.folder:
            row.own(" ● ", "error").own("rec, no words " if self.tape.redacted else "rec ", "error", bold=True)
        glyph, color, words = connection_words(connection, self.rtt, long=width >= 100)
        if self.hangs:
            glyph, color, words = "▲", "warning", "engine does not respond"
        right = row.part().own(f"{glyph} ", color)
        right.own(words, "foreground" if connection.phase == "open" and not self.hangs else color)
        right.own(f"   {clock_words(connection, self.now)} ")
        if pieces := cost_pieces(self.numbers.figures, long=width >= 100):
            right.own("  ")
            for text, color, bold in pieces:
                right.own(text, color, bold=bold)
            right.own(" ")
        parts = self._parts(width)
        while parts and row.cells + 1 + len(" · ".join(parts)) + 2 + right.cells > width:
            parts.pop(0 if len(parts) > 2 else -1)
        if parts:
            row.own(" ").own(" · ".join(parts), "quiet")
        return [row.end_with(right)]

    def _parts(self, width: int) -> list[str]:
        connection = self.connection
        provider = connection.provider if width >= 100 else ""
        return [p for p in (connection.voice, connection.model, provider, transport_words(connection)) if p]
