"""The event inspector on the screen: filter, follow, links, marks, copies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.event_rows import row, talk_rows
from tests.support.screen import Stage, at_rest, lines, showing, text, until
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions

ROWS = talk_rows()


@asynccontextmanager
async def inspecting(size: tuple[int, int] = (120, 36), options: UiOptions | None = None) -> AsyncIterator[Stage]:
    async with showing("talk", size, options) as (app, engine, pilot):
        engine.log(*ROWS)
        await pilot.press("f2")
        await until(pilot, lambda: f"{len(ROWS)} kept" in text(app))
        await at_rest(pilot)
        yield app, engine, pilot


def listed(app: VoiceChatApp) -> list[str]:
    """The lines of the list in sight."""
    events = app.talk.developer.inspector.events
    return [strip.text for strip in events.render_lines(events.size.region)]


def current_type(app: VoiceChatApp) -> str:
    entry = app.talk.developer.inspector.events.current_entry
    assert entry is not None
    return entry.kind.type


def seq_of(type: str) -> int:
    return next(row.seq for row in ROWS if row.type == type)


async def test_audio_is_left_out_at_first_and_runs_are_one_line_with_their_text_or_size() -> None:
    async with inspecting() as (app, _, pilot):
        assert "output_audio.delta" not in text(app)
        assert any("transcript.delta" in line and "×15 “Of course." in line for line in lines(app))
        app.talk.developer.inspector.set_filter("is:audio")
        await until(pilot, lambda: "×15 <40 500 bytes>" in text(app))


async def test_a_filter_is_applied_as_it_is_typed_and_a_bad_term_keeps_the_last_good_one() -> None:
    async with inspecting() as (app, _, pilot):
        await pilot.press("slash", *"is:error")
        await until(pilot, lambda: "EVENTS 1 shown" in text(app))
        await pilot.press(*" typ:x")
        await until(pilot, lambda: "no field “typ”: did you mean type?" in text(app))
        assert "EVENTS 1 shown" in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "EVENTS 46 shown" in text(app))
        assert app.talk.developer.is_shown and "typ:x" not in text(app)


async def test_what_is_typed_after_slash_is_a_term_of_its_own_beside_the_filter_there_is() -> None:
    async with inspecting() as (app, _, pilot):
        await pilot.press("slash", *"type:response.done")
        await until(
            pilot, lambda: "/ -is:audio -dir:local type:response.done" in text(app) and "EVENTS 3 shown" in text(app)
        )
        await pilot.press("enter")
        assert app.talk.developer.inspector.filter.field.value == "-is:audio -dir:local type:response.done"
        await pilot.press("slash", *"is:error", "enter")
        await until(pilot, lambda: "EVENTS 0 shown" in text(app))
        assert app.talk.developer.inspector.filter.applied == "-is:audio -dir:local type:response.done is:error"


async def test_tab_and_a_click_lead_into_the_filter_and_up_recalls_an_earlier_one() -> None:
    async with inspecting() as (app, _, pilot):
        pane = app.talk.developer.inspector
        field = pane.filter.field
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is field)
        await pilot.press(*"zebra", "enter")
        assert pane.filter.applied == "-is:audio -dir:local zebra"
        await until(pilot, lambda: f"0 of {len(ROWS)} match · Esc clears" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "EVENTS 46 shown" in text(app))
        await pilot.press("slash", "up")
        await until(pilot, lambda: "/ -is:audio -dir:local zebra" in text(app) and "EVENTS 0 shown" in text(app))
        await pilot.press("enter")
        await pilot.click(field, offset=(0, 0))
        await until(pilot, lambda: app.focused is field)
        await pilot.press("delete", "enter")
        assert pane.filter.applied == "is:audio -dir:local zebra"


async def test_the_cursor_stays_at_its_event_through_a_filter_and_back() -> None:
    async with inspecting() as (app, _, pilot):
        pane = app.talk.developer.inspector
        assert pane.select_seq(seq_of("mic.closed"))
        pane.set_filter("dir:in")
        await until(pilot, lambda: current_type(app) == "error")
        pane.set_filter("-is:audio")
        await until(pilot, lambda: current_type(app) == "mic.closed")


async def test_a_frozen_list_counts_what_is_newer_and_end_follows_again() -> None:
    async with inspecting() as (app, engine, pilot):
        await pilot.press("f")
        await until(pilot, lambda: "frozen · 0 newer · End" in text(app))
        seen = listed(app)
        engine.log(*(row(1000 + n, 300.0 + n, "in", "x.y") for n in range(212)))
        await until(pilot, lambda: "frozen · 212 newer · End" in text(app))
        assert listed(app) == seen
        await pilot.press("end")
        await until(pilot, lambda: "▾ following · f freezes" in text(app) and current_type(app) == "x.y")


async def test_an_error_leads_to_its_cause_along_a_link_and_back() -> None:
    async with inspecting() as (app, _, pilot):
        assert app.talk.developer.inspector.select_seq(seq_of("error"))
        await pilot.press("enter")
        await until(pilot, lambda: "1 caused by evt_ours_41  session.update" in text(app))
        await pilot.press("1")
        await until(pilot, lambda: "1 refused with evt_ours_41  error" in text(app))
        await pilot.press("backspace")
        assert current_type(app) == "error"


async def test_links_step_along_a_response_and_clear_a_filter_that_hides_the_target() -> None:
    async with inspecting() as (app, _, pilot):
        pane = app.talk.developer.inspector
        assert pane.select_seq(seq_of("response.created"))
        await pilot.press("greater_than_sign")
        assert current_type(app) == "response.output_item.added"
        await pilot.press("less_than_sign")
        assert current_type(app) == "response.created"
        await pilot.press("asterisk")
        await until(
            pilot, lambda: "/ -is:audio -dir:local id:resp_6" in text(app) and "session.created" not in text(app)
        )
        assert current_type(app) == "response.created"
        pane.set_filter("is:error")
        await until(pilot, lambda: "EVENTS 1 shown" in text(app))
        assert pane.select_seq(seq_of("response.output_audio.delta"))
        assert current_type(app) == "response.output_audio.delta"
        assert not pane.select_seq(99_999)


async def test_a_span_of_the_timeline_filters_and_hits_are_told_for_it() -> None:
    async with inspecting() as (app, _, pilot):
        pane = app.talk.developer.inspector
        assert pane.hits() == []
        pane.show_span(241.0, 243.0)
        await until(pilot, lambda: 0 < len(pane.events.shown.rows) < 10)
        assert all(241.0 <= t < 243.0 for t in pane.hits())
        pane.show_span(250.0, 251.0)
        assert pane.filter.applied == "-is:audio -dir:local after:4:10.000 before:4:11.000"


async def test_times_count_from_the_chosen_event_and_help_has_the_filter_language() -> None:
    async with inspecting() as (app, _, pilot):
        await pilot.press("l")
        assert app.talk.developer.inspector.select_seq(seq_of("session.update"))
        await pilot.press("T")
        await until(pilot, lambda: "+0:00.000" in text(app) and "−0:01.100" in text(app))
        await pilot.press("T")
        await until(pilot, lambda: "4:02.396" in text(app) and "+0:00.000" not in text(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "FILTER" in text(app))
        assert "only events with its ids" in text(app) and ".usage.output_tokens>200" in text(app)


async def test_every_key_of_the_developer_view_is_reached_on_a_low_screen() -> None:
    async with inspecting((80, 24)) as (app, _, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: "FILTER" in text(app))
        assert "send the event again" not in text(app)
        await pilot.press(*["down"] * 6)
        await until(pilot, lambda: "send the event again" in text(app) and "server, ours, this program" in text(app))


async def test_a_narrow_list_shows_gaps_in_place_of_times_when_asked() -> None:
    async with inspecting((80, 24)) as (app, _, pilot):
        assert "+400 ms" not in text(app) and "resp.done" in text(app)
        await pilot.press("g")
        await until(pilot, lambda: "+400 ms" in text(app))


async def test_copies_are_json_python_and_a_tape_of_what_is_marked() -> None:
    async with inspecting() as (app, _, pilot):
        assert app.talk.developer.inspector.select_seq(seq_of("session.update"))
        await pilot.press("y")
        assert json.loads(app.clipboard)["event_id"] == "evt_ours_41"
        await pilot.press("P")
        assert app.clipboard.startswith("await connection.send({")
        await pilot.press("M", "down", "M", "Y")
        tape = [json.loads(line) for line in app.clipboard.splitlines()]
        assert [line["event"]["type"] for line in tape] == ["session.update", "error"]
        assert "2 marked" in text(app)


async def test_local_events_are_hidden_until_their_key_and_a_link_to_one_still_finds_it() -> None:
    async with inspecting() as (app, _, pilot):
        pane = app.talk.developer.inspector
        assert "mic.closed" not in text(app) and "l shows local events" in text(app)
        await pilot.press("l")
        await until(pilot, lambda: "EVENTS 47 shown" in text(app) and "l hides local events" in text(app))
        await pilot.press("slash", *"zebra", "enter", "escape", "f2", "f2")
        await until(pilot, lambda: "l hides local events" in text(app))
        await pilot.press("escape")
        assert not app.talk.developer.is_shown, "what was chosen with a key is no filter to be closed first"
        await pilot.press("f2", "l")
        await until(pilot, lambda: "EVENTS 46 shown" in text(app))
        assert pane.select_seq(seq_of("mic.closed")) and current_type(app) == "mic.closed"


async def test_a_list_of_local_events_alone_waits_for_the_first_event_of_the_api() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        engine.log(row(1, 1.0, "local", "mic.opened"))
        await pilot.press("f2")
        await until(pilot, lambda: "1 kept" in text(app) and "the first event is session.created" in text(app))
