"""Who stands where in the developer view, who has the keyboard, and how a problem leads to its event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.widget import Widget

from tests.support.event_rows import row
from tests.support.scenes import FINDINGS, happened
from tests.support.screen import Stage, at_rest, showing, text, until
from voicechat.core.view import TurnView
from voicechat.insight.records import Evidence, Finding
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.problems_pane import in_order
from voicechat.ui.widgets.transcript import Transcript, TurnList

COMPACT, NORMAL, WIDE = (80, 24), (120, 36), (180, 50)


@asynccontextmanager
async def developer(
    size: tuple[int, int], findings: tuple[Finding, ...] = (), scene: str = "developer"
) -> AsyncIterator[Stage]:
    """The developer view with these problems and the events that led to them."""
    async with showing(scene, size) as (app, engine, pilot):
        engine.deliver(*findings)
        engine.log(*happened())
        await until(pilot, lambda: len(app.talk.developer.inspector.store) == len(happened()))
        await pilot.press("f2")
        await until(pilot, lambda: app.focused is app.talk.developer.inspector.events)
        await at_rest(pilot)
        yield app, engine, pilot


def in_sight(widget: Widget) -> bool:
    return bool(widget.is_on_screen and widget.region.area)


PLACES: dict[tuple[int, int], tuple[int | None, int, int]] = {
    COMPACT: (None, 11, 7),
    NORMAL: (40, 15, 8),
    WIDE: (58, 16, 10),
}
"""Width of the transcript, rows of the list, rows of the timeline."""


async def test_everything_has_its_place_at_every_size_and_f2_returns_to_the_transcript() -> None:
    async with showing("developer", COMPACT) as (app, _, pilot):
        talk = app.talk
        said = talk.query_one("#said")
        for size, place in PLACES.items():
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            deck = talk.query_one(Deck).region
            await pilot.press("f2")
            await until(pilot, lambda: app.focused is talk.developer.inspector.events)
            await at_rest(pilot)
            shown = (said.region.width if in_sight(said) else None), talk.developer.inspector.events.size.height
            assert (*shown, talk.developer.timeline.size.height) == place
            assert talk.query_one(Deck).region == deck
            assert in_sight(talk.developer.problems) == (size != COMPACT)
            assert in_sight(talk.developer.inspector.detail) == (size == WIDE)
            if size == WIDE:
                assert talk.developer.problems.region.width == 58 and talk.developer.problems.region.height == 16
            await pilot.press("f2")
            await until(pilot, lambda: isinstance(app.focused, TurnList))
            assert not in_sight(talk.developer.timeline) and not in_sight(talk.developer.inspector)


async def test_compact_screen_shows_list_transcript_or_details_one_at_a_time() -> None:
    async with developer(COMPACT) as (app, _, pilot):
        pane = app.talk.developer.inspector
        await pilot.press("shift+tab")
        await until(pilot, lambda: in_sight(app.talk.query_one(Transcript)))
        assert not in_sight(pane.events) and in_sight(app.talk.developer.timeline)
        assert "Slower, please." in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(pane.events))
        assert app.focused is pane.events and app.talk.developer.is_shown
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.focused is pane.detail.text)
        assert pane.detail.region.width == 80 and not in_sight(pane.events)
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(pane.events))
        assert app.focused is pane.events


async def test_events_key_leads_from_the_answer_that_was_cut_to_the_local_event_that_tells_why() -> None:
    cut = TurnView("t2", "assistant", 3, "Let me", rest=" see.", cut_by="barge-in", cut_at=1.2, item_id="item_a")
    rows = (
        row(1, 3.0, "in", "response.output_item.added", ids=("resp_a", "item_a", "")),
        row(2, 4.2, "local", "barge_in.happened"),
        row(3, 4.2, "local", "answer.interrupted", by="barge-in"),
        row(4, 4.3, "in", "response.done", ids=("resp_a", "", "")),
    )
    for size in (COMPACT, NORMAL):
        async with showing("ptt", size) as (app, engine, pilot):
            engine.log(*rows)
            engine.say(TurnView("t1", "you", 1, "Well?", item_id="item_u"), cut)
            await until(pilot, lambda: "╳ you cut in at 1.2 s · F2 shows why" in text(app))
            await pilot.press("f2")
            await until(pilot, lambda: "barge-in (your voice)" in text(app))
            entry = app.talk.developer.inspector.events.current_entry
            assert entry is not None and entry.kind.type == "answer.interrupted"
            await pilot.press("f2")
            engine.say(cut, TurnView("t3", "assistant", 5, "Yes.", item_id="item_b"))
            await until(pilot, lambda: "F2 shows why" not in text(app) and "Yes." in text(app))


async def test_the_footer_tells_the_keys_of_the_problems_while_they_have_the_keyboard() -> None:
    async with developer(NORMAL, FINDINGS) as (app, _, pilot):
        assert "f freeze" in text(app) and "↑↓ problem" not in text(app)
        await pilot.press("n")
        await until(pilot, lambda: "↑↓ problem   Enter its event" in text(app))
        app.talk.developer.inspector.events.focus()
        await until(pilot, lambda: "f freeze" in text(app))


async def test_tab_goes_from_pane_to_pane_in_the_order_of_reading() -> None:
    async with developer(WIDE) as (app, _, pilot):
        talk = app.talk
        pane = talk.developer.inspector
        order = [
            pane.filter.field,
            pane.detail.text,
            talk.developer.problems.listed,
            talk.developer.timeline,
            talk.query_one(TurnList),
        ]
        for stop in [*order, pane.events]:
            await pilot.press("tab")
            await until(pilot, lambda stop=stop: app.focused is stop)  # type: ignore[misc]
        await pilot.press("shift+tab")
        await until(pilot, lambda: app.focused is talk.query_one(TurnList))


async def test_focused_pane_carries_the_mark_and_details_replace_problems() -> None:
    async with developer(NORMAL, FINDINGS) as (app, _, pilot):
        titles = {
            "PROBLEMS": app.talk.developer.problems.listed,
            "TIMELINE": app.talk.developer.timeline,
            "EVENTS": app.talk.developer.inspector.events,
        }
        for marked, pane in titles.items():
            pane.focus()
            await until(pilot, lambda marked=marked: f"▎{marked}" in text(app))  # type: ignore[misc]
            assert not any(f"▎{other}" in text(app) for other in titles if other != marked)
        assert in_sight(app.talk.developer.problems)
        await pilot.press("up", "enter")
        await until(
            pilot, lambda: in_sight(app.talk.developer.inspector.detail) and not in_sight(app.talk.developer.problems)
        )
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(app.talk.developer.problems))
        assert app.talk.developer.is_shown


async def test_a_resize_keeps_keyboard_selection_and_what_was_asked_for() -> None:
    async with developer(WIDE, FINDINGS) as (app, _, pilot):
        await pilot.press("up", "up", "up")
        selected = app.talk.developer.inspector.events.current
        for size in (NORMAL, COMPACT, (60, 16), WIDE):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            assert app.focused is app.talk.developer.inspector.events
            assert app.talk.developer.inspector.events.current == selected
            assert in_sight(app.talk.developer.inspector.detail) == (size == WIDE)
        app.talk.developer.problems.listed.focus()
        await at_rest(pilot)
        await pilot.resize_terminal(*COMPACT)
        await until(pilot, lambda: in_sight(app.talk.developer.problems))
        assert app.focused is app.talk.developer.problems.listed


async def test_without_problems_it_says_how_many_turns_were_watched() -> None:
    async with developer(NORMAL, scene="talk") as (app, _, _pilot):
        assert "no problems seen in 5 turns" in text(app)


@pytest.mark.parametrize("size", [COMPACT, NORMAL, WIDE])
async def test_n_walks_the_problems_and_enter_shows_the_event_and_its_details(size: tuple[int, int]) -> None:
    async with developer(size, FINDINGS) as (app, _, pilot):
        await pilot.press("n")
        await until(
            pilot, lambda: app.focused is app.talk.developer.problems.listed and in_sight(app.talk.developer.problems)
        )
        await pilot.press("n", "N", "enter")
        await until(pilot, lambda: in_sight(app.talk.developer.inspector.detail))
        entry = app.talk.developer.inspector.events.current_entry
        assert entry is not None and entry.kind.type == "error"
        assert app.talk.developer.timeline.selected == pytest.approx(248.06)


async def test_problems_list_errors_first_and_enter_again_shows_the_next_event() -> None:
    async with developer(WIDE, FINDINGS) as (app, _, pilot):
        shown = text(app)
        assert "PROBLEMS 2 open · 1 resolved" in shown
        assert [finding.id for finding in in_order(app.talk.findings)] == ["refused", "echo", "slow"]
        places = [shown.index(words) for words in ("Setting refused", "Did you mean", "Your loudspeaker", "An answer")]
        assert places == sorted(places)
        await pilot.press("n")
        await until(pilot, lambda: app.focused is app.talk.developer.problems.listed)
        await pilot.press("enter", "enter")
        events = app.talk.developer.inspector.events
        await until(pilot, lambda: events.current_entry is not None and events.current_entry.t == 248.02)


async def test_a_new_error_is_told_once_in_the_talk() -> None:
    async with showing("talk", NORMAL) as (app, engine, pilot):
        refused = FINDINGS[1]
        engine.deliver(*FINDINGS, refused)
        await until(pilot, lambda: len(app.talk.findings) == len(FINDINGS) and "Setting refused" in text(app))
        notes = [record.text for record in app.talk.query_one(Transcript).records.values() if "F2 shows" in record.text]
        assert notes == [f"{refused.title} F2 shows why."]


async def test_evidence_no_longer_kept_changes_nothing_and_esc_closes_a_drawer_first() -> None:
    gone = Finding("gone", "x", "warning", "Long ago", evidence=(Evidence(99, 1.0, "error"),))
    async with showing("developer", NORMAL) as (app, engine, pilot):
        engine.deliver(gone)
        await pilot.press("f2", "n")
        await until(pilot, lambda: app.focused is app.talk.developer.problems.listed)
        await pilot.press("enter")
        await at_rest(pilot)
        assert app.is_running and app.focused is app.talk.developer.problems.listed
        app.talk.developer.inspector.events.focus()
        await pilot.press("d")
        await until(pilot, lambda: app.talk.place == "devices")
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.talk.developer.inspector.events)
        assert app.talk.developer.is_shown
