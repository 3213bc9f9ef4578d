"""The turns of a talk as CSV: one line a turn, times in milliseconds, empty where unknown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers

COLUMNS = (
    "turn", "began_s", "spoken_ms", "first_sound_ms", "end_of_speech_ms", "answer_created_ms", "first_words_ms",
    "sound_after_words_ms", "transcript_ms", "cut_by", "silent_in_ms", "status", "response", "input_tokens",
    "cached_tokens", "output_tokens", "cost_usd", "cost_is_estimate",
)  # fmt: skip


def as_csv(turns: Iterable[tuple[TurnNumbers, Cost | None]]) -> str:
    """Header and lines. `began_s` is session time; every other time counts from the end of your speech."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_guarded(cell) for cell in _line(turn, cost)] for turn, cost in turns)
    return out.getvalue()


def _line(turn: TurnNumbers, cost: Cost | None) -> list[object]:
    usage = turn.usage
    return [
        turn.number,
        "" if turn.began_at is None else round(turn.began_at, 3),
        _ms(turn.spoken),
        _ms(turn.total),
        *(_ms(part) for part in turn.steps()),
        _ms(turn.transcript_in),
        turn.cut_by,
        _ms(turn.silent_in),
        turn.status,
        turn.response,
        *(("", "", "") if usage is None else (usage.input.total, usage.cached.total, usage.output.total)),
        "" if cost is None else f"{cost.usd:.6f}",
        "" if cost is None else str(cost.is_estimate).lower(),
    ]


def _ms(seconds: float | None) -> object:
    return "" if seconds is None else round(seconds * 1000)


def _guarded(cell: object) -> object:
    """A cell from outside (status, id) that a spreadsheet would take for a formula becomes text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
