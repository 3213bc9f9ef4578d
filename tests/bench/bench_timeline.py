"""How long the timeline takes to redraw at 180 columns with one hour of talk behind it.

`python -m tests.bench.bench_timeline [--quick]`: every column of the picture is made anew, title, lanes and axis as
strips, in the picture that is followed, deep in the past, with a filter's hits, and at every zoom. Bar: 5 ms (p95).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.bench.bars import Figure, judge, options
from tests.support.event_rows import row as made
from voicechat.journal.entry import Entry
from voicechat.ui.history import TICK, History
from voicechat.ui.lanes import STEPS, Look, timeline_rows
from voicechat.ui.paint import Palette

BAR_MS = 5.0
HOUR = 3600.0
WIDTH, HEIGHT = 180, 9
NAMES = (
    "foreground", "background", "quiet", "rule", "you", "assistant", "success", "warning", "error", "mic-live",
    "accent", "cursor-line", "panel",
)  # fmt: skip


def row(t: float, type: str, dir: str, of: str = "", /, **event: object) -> Entry:
    return made(0, t, dir, type, "", 100, (of, "", ""), (), **event)


def hour_of_talk(chance: random.Random) -> History:
    """Turns of 3 to 12 s, every fourth answer cut, with levels at every tick."""
    history = History()
    at, number = 0.5, 0
    while at < HOUR:
        number += 1
        spoken, thought, answer = chance.uniform(0.6, 4), chance.uniform(0.25, 1.4), chance.uniform(1, 7)
        is_cut = chance.random() < 0.25
        response = f"resp_{number}"
        history.take_mic(at, is_open=True, reason="")
        fill(history, at, spoken, chance, yours=True)
        ended = at + spoken
        audible = ended + thought
        for event in (
            row(at + 0.2, "input_audio_buffer.speech_started", "in", audio_start_ms=at * 1000),
            row(ended + 0.3, "voice.ended", "local", ended_at=ended),
            row(ended + 0.2, "input_audio_buffer.speech_stopped", "in", audio_end_ms=(ended + 0.2) * 1000),
            row(ended + 0.21, "input_audio_buffer.committed", "in"),
            row(ended + 0.22, "response.created", "in", response),
            row(audible, "assistant.audible", "local"),
        ):
            history.take_row(event)
        history.take_mic(audible, is_open=False, reason="assistant speaking")
        fill(history, audible, answer, chance, yours=False)
        over = audible + answer
        status = {"status": "cancelled" if is_cut else "completed"}
        history.take_row(row(over - 0.5, "response.done", "in", response, response=status))
        if is_cut:
            history.take_row(row(over - 0.05, "stop.pressed", "local"))
        history.take_row(row(over, "assistant.silent", "local", last_audible_at=over))
        at = over + chance.uniform(0.3, 2)
    history.take_levels(HOUR, None, None, sent=False)
    return history


def fill(history: History, at: float, seconds: float, chance: random.Random, *, yours: bool) -> None:
    for tick in range(int(seconds / TICK)):
        level = chance.uniform(-45, -8)
        you, other = (level, None) if yours else (-55.0, level)
        history.take_levels(at + tick * TICK, you, other, sent=yours)


def milliseconds(draw: Callable[[float], object], rounds: int) -> list[float]:
    """One picture each, every time with another edge, as while it runs."""
    taken = []
    for n in range(rounds):
        begun = time.perf_counter()
        draw(n * 0.125)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def main() -> int:
    rounds = 60 if options(__doc__, quick=False).quick else 600
    history = hour_of_talk(random.Random(7))
    colors = {name: f"#{place * 9 + 40:02x}8080" for place, name in enumerate(NAMES)}
    palette, plain = (Palette(colors, ascii_only=ascii_only, mono=False) for ascii_only in (False, True))
    hits = [n * 0.25 for n in range(int(HOUR / 0.25))]

    def draw(look: Look, used: Palette = palette) -> None:
        for painted in timeline_rows(history, look, "marin", used, WIDTH, HEIGHT):
            painted.strip()

    cases: dict[str, Callable[[float], None]] = {
        "followed": lambda shift: draw(Look(HOUR - shift)),
        "half an hour back, a stretch selected": lambda shift: draw(
            Look(HOUR / 2 + shift, following=False, span=(HOUR / 2 - 9, HOUR / 2 - 2), selected=HOUR / 2 - 5)
        ),
        "every event a hit": lambda shift: draw(Look(HOUR - shift, hits=hits)),
        "followed, ASCII": lambda shift: draw(Look(HOUR - shift), plain),
    }
    for step in STEPS:
        cases[f"{step:g} s a column"] = lambda shift, step=step: draw(Look(HOUR - shift, step))  # type: ignore[misc]
    figures = [Figure(f"redraw, {name}", milliseconds(case, rounds), "ms", bar=BAR_MS) for name, case in cases.items()]
    size = f"{WIDTH} columns, {len(history.waits)} answers and {len(history.marks)} marks in one hour"
    return judge(f"timeline at {size}", figures)


if __name__ == "__main__":
    raise SystemExit(main())
