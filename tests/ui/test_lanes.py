"""The timeline tells the story of a conversation at a glance, whatever the zoom."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from tests.support.each import each
from tests.support.event_rows import row as made
from voicechat.journal.entry import Entry
from voicechat.ui.history import History
from voicechat.ui.lanes import STEPS, Look, timeline_rows
from voicechat.ui.paint import Palette

NAMES = (
    "foreground", "background", "quiet", "rule", "you", "assistant", "success", "warning", "error", "mic-live",
    "accent", "cursor-line",
)  # fmt: skip
COLORS = dict.fromkeys(NAMES, "#808080")
PALETTE = Palette(COLORS, ascii_only=False, mono=False)
ASCII = Palette(COLORS, ascii_only=True, mono=False)


def row(t: float, type: str, dir: str = "in", refs: tuple[str, str, str] = ("", "", ""), **event: object) -> Entry:
    return made(0, t, dir, type, "", 0, refs, (), **event)


def turn(history: History, start: float = 0.0) -> None:
    """You speak from 1.0 to 3.0, hear the answer at 3.6, and cut it at 6.0."""
    history.take_mic(start, is_open=True, reason="")
    for tick in range(20, 60):
        history.take_levels(start + tick * 0.05, -20.0, None, sent=True)
    for event in (
        row(start + 1.2, "input_audio_buffer.speech_started", audio_start_ms=(start + 1.0) * 1000),
        row(start + 3.3, "voice.ended", "local", ended_at=start + 3.0),
        row(start + 3.4, "input_audio_buffer.speech_stopped", audio_end_ms=(start + 3.3) * 1000),
        row(start + 3.4, "input_audio_buffer.committed"),
        row(start + 3.45, "response.created", refs=("resp_7", "", "")),
        row(start + 3.6, "assistant.audible", "local"),
    ):
        history.take_row(event)
    history.take_mic(start + 3.6, is_open=False, reason="assistant speaking")
    for tick in range(72, 120):
        history.take_levels(start + tick * 0.05, -70.0, -15.0, sent=False)
    for event in (
        row(start + 4.5, "response.done", refs=("resp_7", "", ""), response={"status": "completed"}),
        row(start + 6.0, "stop.pressed", "local"),
        row(start + 6.02, "output_audio_buffer.cleared"),
        row(start + 6.14, "assistant.silent", "local", last_audible_at=start + 6.04),
    ):
        history.take_row(event)


def drawn(history: History, look: Look, width: int = 120, height: int = 8, palette: Palette = PALETTE) -> list[str]:
    rows = timeline_rows(history, look, "marin", palette, width, height)
    assert len(rows) == height or len(rows) == min(height, 7 if height < 9 else 9)
    strips = [painted.strip() for painted in rows]
    assert all(strip.cell_length == width for strip in strips)
    return ["".join(segment.text for segment in strip) for strip in strips]


@pytest.fixture
def history() -> History:
    made = History()
    turn(made)
    made.take_levels(8.0, None, None, sent=False)
    return made


def lane(lines: list[str], name: str) -> str:
    return next(line for line in lines if line[:9].strip() == name)


def test_every_lane_tells_its_part(history: History) -> None:
    lines = drawn(history, Look(end=8.0, step=0.1))
    assert "█" in lane(lines, "you") or "▇" in lane(lines, "you") or "▆" in lane(lines, "you")
    assert "◆" in lane(lines, "vad") and "◇" in lane(lines, "vad") and "2.3 s" in lane(lines, "vad")
    assert "━━━" in lane(lines, "mic") and "closed: marin speaking" in lane(lines, "mic")
    assert "resp_7" in lane(lines, "reply") or "━━━" in lane(lines, "reply")
    assert "╳ cut" in lane(lines, "reply")
    assert "600 ms" in lane(lines, "waits") and "silent in 40 ms" in lane(lines, "waits")
    assert "┬0:02" in lines[-1] and "now" in lines[-1]


def test_the_markers_stand_at_the_servers_audio_times(history: History) -> None:
    lines = drawn(history, Look(end=8.0, step=0.1))
    vad = lane(lines, "vad")
    assert vad.index("◇") - vad.index("◆") == 23
    waits = lane(lines, "waits")
    assert waits.index("┗") == 9 + math.floor(3.0 / 0.1) - (math.floor(8.0 / 0.1) - 111 + 1)


def test_an_empty_timeline_is_drawn_and_a_long_wait_is_a_warning() -> None:
    history = History()
    assert drawn(history, Look(end=0.0))
    history.take_row(row(1.0, "voice.ended", "local", ended_at=1.0))
    history.take_row(row(2.4, "assistant.audible", "local"))
    assert "▲ 1400 ms" in lane(drawn(history, Look(end=4.0)), "waits")


def test_a_stop_while_nothing_is_said_does_not_cut_the_next_answer() -> None:
    history = History()
    for event in (
        row(0.5, "stop.pressed", "local"),
        row(1.0, "response.created", refs=("resp_7", "", "")),
        row(1.2, "assistant.audible", "local"),
        row(2.0, "response.done", refs=("resp_7", "", ""), response={"status": "completed"}),
        row(3.0, "assistant.silent", "local", last_audible_at=2.9),
    ):
        history.take_row(event)
    assert [mark.kind for mark in history.marks] == [] and [wait.kind for wait in history.waits] == []


def test_what_a_closed_microphone_heard_is_not_in_your_colour() -> None:
    history = History()
    history.take_levels(1.0, -20.0, None, sent=False)
    rows = timeline_rows(history, Look(end=2.0), "marin", PALETTE, 60, 8)
    assert history.you.loudest(1.0, 1.1) == -20 and history.sent.loudest(1.0, 1.1) == -100
    assert rows


@each(("height", "step", "palette"), itertools.product([6, 7, 8, 9, 10], STEPS, [PALETTE, ASCII]))
def test_every_zoom_and_height_fills_its_rows_exactly(
    history: History, height: int, step: float, palette: Palette
) -> None:
    for width in (20, 80, 180):
        lines = drawn(history, Look(end=8.0, step=step), width, height, palette)
        if palette is ASCII:
            assert all(line.isascii() for line in lines)


def test_a_stretch_far_back_shows_only_what_was_there() -> None:
    history = History()
    for n in range(200):
        turn(history, n * 10.0)
    lines = drawn(history, Look(end=1008.0, step=0.1, following=False))
    assert lane(lines, "waits").count("600 ms") == 1
    assert "┬16:40" in lines[-1] and "now" not in lines[-1]


def test_the_selected_event_stands_on_the_axis(history: History) -> None:
    axis = drawn(history, Look(end=8.0, step=0.1, selected=3.6))[-1]
    assert axis.index("▲") == 9 + math.floor(3.6 / 0.1 + 1e-9) - (80 - 111 + 1)


def test_hours_do_not_grow_the_lanes_without_bound() -> None:
    history = History()
    for n in range(21_000):
        history.take_row(row(n * 1.0, "input_audio_buffer.speech_started"))
    assert len(history.vad.spans) <= 20_000 and len(history.marks) <= 20_000


def test_an_answer_that_fell_silent_before_its_response_was_done_is_not_playing_any_more() -> None:
    history = History()
    for event in (
        row(1.0, "response.created", refs=("resp_1", "", "")),
        row(1.2, "assistant.audible", "local"),
        row(2.0, "assistant.silent", "local", last_audible_at=1.9),
        row(2.3, "response.done", refs=("resp_1", "", ""), response={"status": "completed"}),
    ):
        history.take_row(event)
    history.take_levels(30.0, None, None, sent=False)
    assert "playing out" not in lane(drawn(history, Look(30.0, 0.25)), "reply") and history.reply.open is None


def test_no_label_of_the_axis_is_cut_by_the_word_now() -> None:
    history = History()
    for end in (n * 0.7 for n in range(90, 140)):
        history.take_levels(end, None, None, sent=False)
        axis = drawn(history, Look(end, 0.125))[-1]
        assert axis.endswith(" now") and all(
            re.fullmatch(r"\d+:\d\d", label.strip("─ now")) for label in axis.split("┬")[1:]
        )
