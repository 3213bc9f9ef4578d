"""The timeline is fed with what the engine says, moves as the talk moves, and is looked into with keys and mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from textual.pilot import Pilot

from tests.support.fake_engine import FakeEngine
from tests.support.scenes import ENDS, FREE, fill_timeline, happened
from tests.support.screen import at_rest, lines, showing, until
from voicechat.engine.link import Meters, Snapshot
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.lanes import LABEL
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.timeline import PAINT_EVERY, Timeline

NORMAL = (120, 36)


@asynccontextmanager
async def opened(
    size: tuple[int, int] = NORMAL, options: UiOptions | None = None
) -> AsyncIterator[tuple[VoiceChatApp, FakeEngine, Pilot[int], Timeline]]:
    """The developer view with half a minute behind it."""
    async with showing("developer", size, options) as (app, engine, pilot):
        await pilot.press("f2")
        engine.log(*happened())
        await until(pilot, lambda: len(app.talk.developer.inspector.store) == len(happened()))
        timeline = app.talk.developer.timeline
        fill_timeline(timeline)
        timeline.advance()
        await at_rest(pilot)
        yield app, engine, pilot, timeline


def shown(app: VoiceChatApp) -> list[str]:
    region = app.talk.developer.timeline.region
    return [line[region.x : region.right] for line in lines(app)[region.y : region.bottom]]


async def test_it_stands_right_above_the_deck_at_every_size() -> None:
    async with opened((80, 24)) as (app, _engine, pilot, timeline):
        for size, rows in (((80, 24), 7), (NORMAL, 8), ((180, 50), 10)):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            assert timeline.size.height == rows and timeline.region.bottom == app.talk.query_one("Deck").region.y
            drawn = shown(app)
            assert "TIMELINE" in drawn[0] and "◆ VAD" in drawn[0] and "[ ] zoom" in drawn[0]
            assert drawn[1][:LABEL].strip() == "you"
            assert any("╳ cut" in line for line in drawn) and any("380 ms" in line for line in drawn)
        assert "TIMELINE 21 s · ◆ VAD  ╳ cut in  ┗━┛ your last sound → first answer sound" in drawn[0]
        assert drawn[0].rstrip().endswith("[ ] zoom · ← → scroll")


async def test_session_time_comes_with_each_state_and_draws_the_levels_there() -> None:
    async with opened() as (app, engine, pilot, timeline):
        loud = Meters(input=-12.0)
        for tick in range(1, 41):
            engine.deliver(Snapshot(app.view, loud, t=ENDS + tick * 0.05))
            await pilot.pause()
        await until(pilot, lambda: timeline.history.now == pytest.approx(ENDS + 2.0))
        assert timeline.history.you.loudest(ENDS + 0.5, ENDS + 0.55) == -12


async def test_a_tick_without_a_report_has_no_hole_in_the_wave() -> None:
    timeline = Timeline()
    for at in (1.0, 1.1, 1.22):
        timeline.take_state(at, FREE, Meters(input=-20.0))
    timeline.take_state(3.0, FREE, Meters(input=-20.0))
    assert all(timeline.history.you.loudest(1.0 + n * 0.05, 1.04 + n * 0.05) == -20 for n in range(4))
    assert timeline.history.you.loudest(2.0, 2.9) == -100


async def test_another_engine_begins_a_new_timeline() -> None:
    async with opened() as (_app, _engine, _pilot, timeline):
        timeline.take_state(0.05, FREE, Meters(input=-20.0))
        assert timeline.history.now == pytest.approx(0.05) and not timeline.history.marks


async def test_it_repaints_at_most_eight_times_a_second_and_only_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as (_app, _engine, pilot, timeline):
        painted: list[float] = []
        monkeypatch.setattr(timeline, "refresh", lambda *_, **__: painted.append(timeline.history.now))
        for tick in range(1, 41):
            timeline.take_state(ENDS + tick * 0.05, FREE, Meters(input=-20.0))
            timeline.advance()
        assert 8 <= len(painted) <= 16
        assert all(later - sooner >= PAINT_EVERY - 1e-9 for sooner, later in pairwise(painted))
        await pilot.press("f2")
        await at_rest(pilot)
        painted.clear()
        timeline.take_state(ENDS + 5, FREE, Meters(input=-20.0))
        timeline.advance()
        assert not painted


async def test_zoom_keeps_now_while_it_follows_and_the_middle_when_it_stands() -> None:
    async with opened() as (_app, _engine, pilot, timeline):
        await pilot.press("right_square_bracket")
        assert timeline.is_following and timeline.step == 0.06
        await pilot.press("left_square_bracket")
        timeline.focus()
        await pilot.press("left", "left")
        middle = timeline.frame.time(timeline.count // 2)
        await pilot.press("right_square_bracket")
        assert timeline.frame.time(timeline.count // 2) == pytest.approx(middle, abs=0.2)
        for _ in range(9):
            await pilot.press("right_square_bracket")
        assert timeline.step == 0.03


async def test_scrolling_back_stops_following_and_end_follows_again() -> None:
    async with opened() as (app, _engine, pilot, timeline):
        timeline.focus()
        await pilot.press("left")
        end = timeline.end
        assert not timeline.is_following and "End follows" in shown(app)[0]
        timeline.take_state(ENDS + 1, FREE, Meters())
        assert timeline.end == end
        await pilot.press("end")
        assert timeline.end == ENDS + 1
        await pilot.press("left", "right")
        assert timeline.end == ENDS + 1 and "End follows" not in shown(app)[0]


async def test_a_click_selects_the_nearest_event_and_the_list_moves_the_mark() -> None:
    async with opened() as (app, _engine, pilot, timeline):
        column = timeline.frame.column(248.06)
        await pilot.click(Timeline, offset=(LABEL + column, 3))
        await until(pilot, lambda: timeline.selected is not None)
        entry = app.talk.developer.inspector.events.current_entry
        assert entry is not None and abs(entry.t - 248.06) <= 0.1
        before = timeline.selected
        app.talk.developer.inspector.events.focus()
        await pilot.press("up", "up")
        await until(pilot, lambda: timeline.selected != before)
        assert shown(app)[-1][LABEL + timeline.frame.column(timeline.selected or 0)] == "▲"


async def test_a_drag_filters_the_list_to_the_stretch_and_esc_gives_it_up() -> None:
    async with opened() as (app, _engine, pilot, timeline):
        first, last = (LABEL + timeline.frame.column(at) for at in (247.9, 248.6))
        await pilot.mouse_down(Timeline, offset=(first, 3))
        await pilot.hover(Timeline, offset=(last, 3))
        await pilot.mouse_up(Timeline, offset=(last, 3))
        shown_rows = app.talk.developer.inspector.events.shown
        await until(pilot, lambda: len(shown_rows.rows) == 4)
        assert "s selected" in shown(app)[0] and "Esc releases" in shown(app)[0]
        assert "╵" in shown(app)[-1]
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_rows.rows) > 20)
        assert timeline.span is None and app.talk.developer.is_shown


async def test_shift_and_arrows_select_a_stretch_from_the_keyboard() -> None:
    async with opened() as (app, _engine, pilot, timeline):
        timeline.focus()
        await pilot.press("shift+left", "shift+left", "shift+left", "shift+right")
        assert timeline.span is not None
        start, end = timeline.span
        assert end == timeline.history.now and 0.3 < end - start < 1.5
        await until(pilot, lambda: "after:" in app.talk.developer.inspector.filter.applied)


async def test_calm_timeline_is_a_page_that_fills_and_turns() -> None:
    async with opened(NORMAL, UiOptions(motion="calm")) as (app, _engine, _pilot, timeline):
        page = timeline.end
        timeline.take_state(ENDS + 0.5, FREE, Meters())
        assert timeline.end == page > ENDS + 0.5
        axis = shown(app)[-1].rstrip()
        assert axis.endswith("now") and len(axis) == LABEL + timeline.frame.column(timeline._painted_now) + 1
        timeline.take_state(page + 1, FREE, Meters())
        assert timeline.end > page + 1
