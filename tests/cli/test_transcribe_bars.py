"""The bars of many recordings, as a terminal of some width shows them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from voicechat.cli.transcribe import ManyBars, many_bars
from voicechat.transcription.writing import Progress

LONG = "recordings/one whose name goes on and on until no terminal of this width holds it.wav"
NAMES = ["first.wav", LONG, "[bold]third.wav", "first.wav"]


class Shown:
    """Bars on a terminal that is looked at."""

    def __init__(self, width: int = 80) -> None:
        self._console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
        self._bars, self.told = many_bars(NAMES, self._console)

    def rows(self) -> list[str]:
        with self._console.capture() as seen:
            self._console.print(self._bars.get_renderable())
        return [line.rstrip() for line in seen.get().splitlines() if line.strip()]


def begun(width: int = 80) -> tuple[Shown, ManyBars]:
    shown = Shown(width)
    for index in range(3):
        shown.told.changed(index, Progress(1.0, 4.0))
    return shown, shown.told


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_bar_fits_and_a_long_name_loses_its_beginning(width: int) -> None:
    rows = begun(width)[0].rows()
    assert len(rows) == 4 and all(len(row) <= width for row in rows)
    assert "it.wav" in rows[2] and "…" in rows[2] and "[bold]third.wav" in rows[3]


def test_no_bar_moves_sideways_when_a_longer_name_comes() -> None:
    shown = Shown()
    starts = set()
    for index in range(3):
        shown.told.changed(index, Progress(1.0, 4.0))
        starts |= {row.index("━") for row in shown.rows() if "━" in row}
    assert len(starts) == 1


def test_what_is_done_is_counted_and_leaves_whatever_runs_before_it() -> None:
    shown, told = begun()
    told.ended(2)
    rows = shown.rows()
    assert len(rows) == 3 and rows[0].startswith("1 of 4 done") and "25%" in rows[0]
    assert not any("third.wav" in row for row in rows)


def test_a_recording_given_twice_has_two_bars_and_one_ends_without_the_other() -> None:
    shown, told = begun()
    told.changed(3, Progress(3.0, 4.0))
    told.ended(0)
    (left,) = [row for row in shown.rows() if row.startswith("first.wav")]
    assert "75%" in left


def test_no_time_is_foretold_for_files_that_were_not_begun() -> None:
    shown, told = begun()
    told.ended(0)
    count, *others = shown.rows()
    assert ":" not in count and all(":" in row for row in others)
