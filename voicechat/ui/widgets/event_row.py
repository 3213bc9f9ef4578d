"""One event as a painted line: mark, times, direction, type, how many, and what it says."""

from __future__ import annotations

from typing import NamedTuple

from textual.strip import Strip

from voicechat.ui.inspector.entries import Entry, Run
from voicechat.ui.inspector.matching import is_error
from voicechat.ui.inspector.words import gap_words, grouped, relative_time, session_time
from voicechat.ui.paint import Palette, Row
from voicechat.ui.sanitise import show

SHORT = (
    ("conversation.item.input_audio_transcription", "transcription"),
    ("conversation.item", "item"),
    ("input_audio_buffer", "in"),
    ("output_audio_buffer", "out"),
    ("response.output_audio_transcript", "resp.transcript"),
    ("response.output_audio", "resp.audio"),
    ("response.", "resp."),
)
"""Prefixes of a narrow type column; details and copies always have the full name."""
OWNERS = (
    ("input_audio_buffer", "you"),
    ("conversation", "you"),
    ("talk", "you"),
    ("text", "you"),
    ("voice", "you"),
    ("mic", "you"),
    ("response", "assistant"),
    ("output", "assistant"),
)
WIDE = 110
"""Columns from which types are written in full and the gap to the line above has a column."""
TYPE_COLUMN, WIDE_TYPE_COLUMN = 24, 41


class Line(NamedTuple):
    """What a line shows of an event."""

    entry: Entry
    run: Run | None
    gap: float | None
    """Seconds since the line above; None on the first."""
    marked: bool = False
    selected: bool = False
    reference: float | None = None
    """The time that times are shown relative to."""
    gap_first: bool = False
    """A narrow list shows the gap in place of the time."""


def event_line(palette: Palette, width: int, line: Line) -> Strip:
    """The line."""
    entry, is_wide = line.entry, width >= WIDE
    mark, color = mark_of(entry), owner_color(entry)
    row = Row(palette, width, "cursor-line" if line.selected else "background")
    sign = ("◉" if line.selected else "●") if line.marked else "▎" if line.selected else " "
    row.own(sign, "accent")
    at = session_time(entry.t) if line.reference is None else relative_time(entry.t - line.reference)
    told = gap_words(line.gap) if line.gap_first and not is_wide else at
    row.own(f"{told:>9} ", "foreground" if line.selected else "quiet")
    if is_wide:
        row.own(f"{gap_words(line.gap):>8} ", "quiet")
    arrow, arrow_color = {"in": ("↓", "quiet"), "out": ("↑", "warning"), "local": ("·", "quiet")}[entry.kind.dir]
    row.own(arrow, arrow_color).own(f"{mark} ", "error" if mark == "✕" else "you", bold=True)
    ends = row.cells + (WIDE_TYPE_COLUMN if is_wide else TYPE_COLUMN)
    head, dot, tail = shortened(show(entry.kind.type), ends - row.cells).rpartition(".")
    row.spoken(head + dot, "error" if mark == "✕" else "quiet").spoken(tail, color, bold=mark != " ").to(ends)
    row.own(f"{times(line.run):>6} ", bold=True)
    stands_out = line.selected or mark == "✕"
    summary = row.part().spoken(
        palette.glyphs(show(what_it_says(entry, line.run))), "foreground" if stands_out else "quiet"
    )
    return row.join(summary.cut_to(width - row.cells)).strip()


def times(run: Run | None) -> str:
    """`×41`, `×12k`."""
    if run is None:
        return ""
    return f"×{run.count}" if run.count < 10_000 else f"×{run.count // 1000}k"


def what_it_says(entry: Entry, run: Run | None) -> str:
    """The summary; of a run its text so far, of audio how much there was."""
    if "audio" in entry.kind.tags:
        return f"<{grouped(run.size if run else entry.size)} bytes>"
    text = run.text if run else entry.summary
    if run and run.is_cut:
        text += "…"
    if entry.kind.is_delta and text and "arguments" not in entry.kind.type:
        return f"“{text.strip()}”"
    return text


def owner_color(entry: Entry) -> str:
    """You, the assistant or the session; errors stand out."""
    if is_error(entry.kind):
        return "error"
    return next((color for prefix, color in OWNERS if entry.kind.type.startswith(prefix)), "tool")


def mark_of(entry: Entry) -> str:
    """`✕` for errors, `◆` for the voice detector."""
    if is_error(entry.kind):
        return "✕"
    return "◆" if "speech_st" in entry.kind.type else " "


def shortened(type: str, room: int) -> str:
    """The type in so many columns."""
    if room < WIDE_TYPE_COLUMN or len(type) > room:
        for long, short in SHORT:
            if type.startswith(long):
                type = short + type[len(long) :]
                break
    return type if len(type) <= room else type[: room - 1] + "…"
