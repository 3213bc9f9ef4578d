"""Meters, ribbon, header with the mark of a recording, and the list of events, one promise at a time."""

from __future__ import annotations

from tests.support.event_rows import numbers, row, rows
from tests.support.scenes import ENDS, FREE, OPEN, PTT, fill_timeline
from tests.support.screen import change, lines, showing, text, until
from voicechat.core.user_events import RecordingToggled
from voicechat.core.view import View
from voicechat.engine.link import Batch, Meters, TapeShown
from voicechat.line import JitterStats
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.history import TICK
from voicechat.ui.inspector.entries import SLAB
from voicechat.ui.pace import settled
from voicechat.ui.widgets.deck import cells_of
from voicechat.ui.widgets.event_list import EventList
from voicechat.ui.widgets.events_pane import EventsPane
from voicechat.ui.widgets.header_line import HeaderLine


def test_a_meter_runs_from_minus_60_to_0_dbfs_and_a_calm_one_in_five_steps() -> None:
    assert [cells_of(level, 40) for level in (None, -90, -60, -30, 0, 6)] == [0, 0, 0, 20, 40, 40]
    assert {cells_of(-60 + tenth / 10, 40, 5) for tenth in range(601)} == {0, 8, 16, 24, 32, 40}


async def test_the_meter_marks_the_threshold_and_the_level_in_figures() -> None:
    async with showing("held", (120, 36)) as (app, engine, pilot):
        engine.show(View(FREE, connection=OPEN), Meters(input=-14, input_peak=-9, threshold=-38, output=-12))
        await until(pilot, lambda: "−9 dB" in text(app))
        row = lines(app)[-4]
        assert "━│━" in row and "−12 dB" in row


async def test_the_ribbon_marks_a_cut_and_draws_what_went_nowhere_in_the_colour_of_rules() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        ribbon, timeline = app.talk.developer.ribbon, app.talk.developer.timeline
        fill_timeline(timeline)
        for tick in range(40):
            timeline.take_state(ENDS + tick * TICK, PTT, Meters(input=-11))
        ribbon.advance()
        await until(pilot, lambda: "╳" in lines(app)[-6] and "◆" in lines(app)[-7])
        rule = ribbon.palette.style("rule").color
        assert [part for part in ribbon.render_line(0) if "█" in part.text and part.style and part.style.color == rule]


async def test_connection_and_reply_state_are_readable_at_every_width() -> None:
    async with showing("line-lost", (60, 24)) as stage:
        for width in (60, 70, 80, 100, 120, 180):
            await change(stage, "line-lost", (width, 24))
            assert lines(stage[0])[0].rstrip().endswith("connection lost · try 2 in 1.4 s   4:12"), width
        for scene, words in (("talk", "listen"), ("speaking", "speaking"), ("line-lost", "no session")):
            for width in (40, 60, 80):
                await change(stage, scene, (width, 16))
                assert words in "\n".join(lines(stage[0])[-3:]), (scene, width)


async def test_the_list_drops_the_oldest_and_keeps_its_place() -> None:
    async with showing("events") as (app, engine, pilot):
        events = app.talk.query_one(EventList)
        await pilot.press("f2")
        store = app.talk.query_one(EventsPane).store
        store.keep = 4 * SLAB
        engine.log(*(row(n, n / 10, "in", f"type.{n % 50}") for n in range(4 * SLAB)))
        await until(pilot, lambda: len(events.shown.rows) == 4 * SLAB)
        await pilot.press("up")
        chosen = events.current
        engine.log(*(row(4 * SLAB + n, 9.0, "in", "more") for n in range(SLAB)))
        await until(pilot, lambda: store.end == 5 * SLAB and len(events.shown.rows) == len(store))
        assert store.base == SLAB
        assert events.current == chosen == 4 * SLAB - 2
        await until(pilot, lambda: f"frozen · {SLAB} newer" in text(app))
        await pilot.press("end")
        await until(pilot, lambda: events.current == 5 * SLAB - 1 and "▾ following" in text(app))


async def test_events_that_did_not_fit_the_link_are_counted() -> None:
    async with showing("talk") as (app, engine, pilot):
        engine.deliver(Batch(rows(3), dropped=41))
        await pilot.press("f2")
        await until(pilot, lambda: "EVENTS 3 shown · 3 kept · 41 not kept" in text(app))


async def test_a_narrow_glance_takes_another_row_rather_than_cut_a_figure_from_its_unit() -> None:
    async with showing("talk", (160, 45)) as stage:
        app, engine, pilot = stage
        assert "concealed —" in text(app) and "buffer —" in text(app)
        await change(stage, "received")
        engine.deliver(numbers(budget=2.0))
        await until(pilot, lambda: "$0.25 of $2.00  $0.064 a minute" in text(app))
        told = [line.rsplit("│", 1)[1].strip() for line in lines(app) if "│" in line[110:]]
        at = told.index("received 4:01  FEC 0.5 %")
        assert told[at + 1 : at + 4] == [
            "concealed 0.2 %",
            "37 stretched  2 dropped  4 late",
            "buffer 45 ms  target 40 ms",
        ]
        assert told[at + 5 : at + 7] == ["sound    1 underrun  0 overruns  3 late", "2 restarts  1 lost"]
        await change(stage, "received", (180, 50))
        shown = text(app)
        assert "received 4:01  FEC 0.5 %  concealed 0.2 %" in shown
        assert "37 stretched  2 dropped  4 late" in shown
        assert "buffer 45 ms  target 40 ms" in shown
        assert "1 underrun  0 overruns  3 late" in shown and "2 restarts  1 lost" in shown


def test_counts_that_run_with_every_packet_repaint_the_glance_once_a_second() -> None:
    first = settled(JitterStats(played=5_000, fec=3, depth=0.0464, target=0.04))
    assert settled(JitterStats(played=5_049, fec=3, depth=0.0461, target=0.04)) == first
    assert settled(JitterStats(played=5_050, fec=3, depth=0.0461, target=0.04)) != first


def header(app: VoiceChatApp) -> str:
    line = app.talk.query_one(HeaderLine)
    return "".join(segment.text for segment in line.render_line(0))


async def test_the_header_shows_a_recording_as_long_as_it_lasts_or_the_engine_lives() -> None:
    async with showing("ptt", (60, 30)) as (app, engine, pilot):
        for width in (60, 120):
            await pilot.resize_terminal(width, 30)
            for tape, mark in ((TapeShown("/x"), "● rec "), (TapeShown("/x", redacted=True), "● rec, no words ")):
                engine.deliver(tape)
                await until(pilot, lambda mark=mark: mark in header(app))  # type: ignore[misc]
            engine.deliver(TapeShown())
            await until(pilot, lambda: "rec" not in header(app))
        engine.deliver(TapeShown("/x"))
        await until(pilot, lambda: "● rec " in header(app))
        engine.die("killed")
        await until(pilot, lambda: "rec" not in header(app))


async def test_the_key_asks_for_a_tape_and_never_while_a_message_is_typed() -> None:
    async with showing("ptt", (100, 30)) as (app, engine, pilot):
        await pilot.press("w")
        assert RecordingToggled() not in engine.sent
        assert "press w again to record" in text(app)
        await pilot.press("w")
        assert engine.sent.count(RecordingToggled()) == 1
        await pilot.press("i", "w")
        assert engine.sent.count(RecordingToggled()) == 1
