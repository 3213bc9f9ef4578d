"""The list of events for the page: runs of pieces joined to one row, bounded, with everything a filter asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from voicechat.engine.link import EventRow
from voicechat.journal.past_talk import PastTalk
from voicechat.ui.sanitise import escaped, show

MOST_ROWS = 20_000
MOST_PAYLOAD = 6_000_000
"""Characters of JSON that the page carries; the rest of the events is shown in one line each."""


@dataclass(slots=True)
class Run:
    """One event, or pieces of one kind that followed each other."""

    first: EventRow
    last: EventRow
    count: int = 1
    pieces: list[str] = field(default_factory=list)


def events_of(talk: PastTalk) -> tuple[list[list[Any]], int]:
    """Rows `[seq, last seq, t, dir, type, summary, count, tags, payload]`, and how many there is no room for."""
    runs: list[Run] = []
    for row in talk.rows:
        last = runs[-1] if runs else None
        if last is not None and _goes_on(last, row):
            last.last, last.count = row, last.count + 1
            last.pieces.append(row.summary)
        else:
            runs.append(Run(row, row, 1, [row.summary]))
    room = MOST_PAYLOAD
    told: list[list[Any]] = []
    for run in runs[:MOST_ROWS]:
        payload = run.first.payload if run.count == 1 and len(run.first.payload) <= room else ""
        room -= len(payload)
        told.append(_row(run, payload))
    return told, len(runs) - len(told)


def _goes_on(run: Run, row: EventRow) -> bool:
    """A piece of the same thing as the one before."""
    is_piece = row.type.endswith(".delta") or row.type == "input_audio_buffer.append"
    return is_piece and row.type == run.first.type and row.dir == run.first.dir and row.refs == run.first.refs


def _row(run: Run, payload: str) -> list[Any]:
    row = run.first
    joined = "" if "audio" in row.tags else "".join(run.pieces)[:2_000]
    return [
        row.seq,
        run.last.seq,
        round(row.t, 3),
        row.dir,
        show(row.type),
        show(joined if run.count > 1 else row.summary),
        run.count,
        " ".join(row.tags),
        escaped(payload),
    ]
