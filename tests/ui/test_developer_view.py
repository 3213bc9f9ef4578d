"""Who stands where in the developer view, who has the keyboard, and how a problem leads to its event."""

from __future__ import annotations

import pytest
from textual.widget import Widget

from tests.support.scenes import HOSTILE_FINDING, happened
from tests.support.screen import Stage, at_rest, lines, showing, text, until
from tests.support.talk_views import FINDINGS
from voicechat.engine.link import Evidence, Finding
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.problems_pane import in_order
from voicechat.ui.widgets.transcript import Transcript, TurnList

COMPACT, NORMAL, WIDE = (80, 24), (120, 36), (180, 50)


async def opened(stage: Stage, findings: tuple[Finding, ...] = ()) -> None:
    app, engine, pilot = stage
    engine.deliver(*findings)
    await pilot.press("f2")
    await until(pilot, lambda: app.focused is app.talk.inspector.events)
    await at_rest(pilot)


def in_sight(widget: Widget) -> bool:
    return bool(widget.is_on_screen and widget.region.area)


async def with_events(stage: Stage) -> None:
    app, engine, pilot = stage
    engine.log(*happened())
    await until(pilot, lambda: len(app.talk.inspector.store) == len(happened()))


PLACES = {
    "compact": (COMPACT, None, 11, 7),
    "normal": (NORMAL, 40, 15, 8),
    "wide": (WIDE, 58, 16, 10),
}


@pytest.mark.parametrize(("size", "transcript", "listed", "timeline"), PLACES.values(), ids=PLACES.keys())
async def test_everything_has_its_place(
    size: tuple[int, int], transcript: int | None, listed: int, timeline: int
) -> None:
    async with showing("developer", size) as stage:
        app, _, _pilot = stage
        deck = app.talk.query_one(Deck).region
        await opened(stage)
        talk = app.talk
        said = talk.query_one("#said")
        assert (said.region.width if in_sight(said) else None) == transcript
        assert talk.inspector.events.size.height == listed
        assert talk.timeline.size.height == timeline
        assert talk.query_one(Deck).region == deck
        assert in_sight(talk.problems) == (size != COMPACT)
        assert in_sight(talk.inspector.detail) == (size == WIDE)
        if size == WIDE:
            assert talk.problems.region.width == 58 and talk.problems.region.height == 16


async def test_closing_returns_to_the_transcript() -> None:
    async with showing("developer", NORMAL) as stage:
        app, _, pilot = stage
        await opened(stage)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.focused, TurnList))
        assert not in_sight(app.talk.timeline) and not in_sight(app.talk.inspector)


async def test_on_a_compact_screen_tab_shows_the_transcript_as_a_pane_and_esc_the_list_again() -> None:
    async with showing("developer", COMPACT) as stage:
        app, _, pilot = stage
        await opened(stage)
        await pilot.press("shift+tab")
        await until(pilot, lambda: in_sight(app.talk.query_one(Transcript)))
        assert not in_sight(app.talk.inspector.events) and in_sight(app.talk.timeline)
        assert "Slower, please." in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(app.talk.inspector.events))
        assert app.focused is app.talk.inspector.events and app.talk.shows_events


async def test_on_a_compact_screen_enter_shows_the_details_in_full_width() -> None:
    async with showing("developer", COMPACT) as stage:
        app, _, pilot = stage
        await opened(stage)
        await with_events(stage)
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.focused is app.talk.inspector.detail.text)
        assert app.talk.inspector.detail.region.width == 80 and not in_sight(app.talk.inspector.events)
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(app.talk.inspector.events))
        assert app.focused is app.talk.inspector.events


async def test_tab_goes_from_pane_to_pane_in_the_order_of_reading() -> None:
    async with showing("developer", WIDE) as stage:
        app, _, pilot = stage
        await opened(stage)
        talk = app.talk
        pane = talk.inspector
        order = [pane.filter.field, pane.detail.text, talk.problems, talk.timeline, talk.query_one(TurnList)]
        for stop in [*order, pane.events]:
            await pilot.press("tab")
            await until(pilot, lambda stop=stop: app.focused is stop)  # type: ignore[misc]
        await pilot.press("shift+tab")
        await until(pilot, lambda: app.focused is talk.query_one(TurnList))


async def test_the_pane_with_the_keyboard_carries_the_mark() -> None:
    async with showing("developer", NORMAL) as stage:
        app, _, pilot = stage
        await opened(stage, FINDINGS)
        titles = {"EVENTS": app.talk.inspector.events, "PROBLEMS": app.talk.problems, "TIMELINE": app.talk.timeline}
        for marked, pane in titles.items():
            pane.focus()
            await until(pilot, lambda marked=marked: f"▎{marked}" in text(app))  # type: ignore[misc]
            assert not any(f"▎{other}" in text(app) for other in titles if other != marked)


async def test_details_take_the_place_of_the_problems_on_a_normal_screen() -> None:
    async with showing("developer", NORMAL) as stage:
        app, _, pilot = stage
        await opened(stage, FINDINGS)
        await with_events(stage)
        assert in_sight(app.talk.problems)
        await pilot.press("up", "enter")
        await until(pilot, lambda: in_sight(app.talk.inspector.detail) and not in_sight(app.talk.problems))
        await pilot.press("escape")
        await until(pilot, lambda: in_sight(app.talk.problems))
        assert app.talk.shows_events


async def test_a_resize_keeps_keyboard_selection_and_what_was_asked_for() -> None:
    async with showing("developer", WIDE) as stage:
        app, _, pilot = stage
        await opened(stage, FINDINGS)
        await with_events(stage)
        await pilot.press("up", "up", "up")
        selected = app.talk.inspector.events.current
        for size in (NORMAL, COMPACT, (60, 16), WIDE):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            assert app.focused is app.talk.inspector.events
            assert app.talk.inspector.events.current == selected
            assert in_sight(app.talk.inspector.detail) == (size == WIDE)
        app.talk.problems.focus()
        await at_rest(pilot)
        await pilot.resize_terminal(*COMPACT)
        await until(pilot, lambda: in_sight(app.talk.problems))
        assert app.focused is app.talk.problems


async def test_problems_tell_what_and_the_cure_open_errors_first() -> None:
    async with showing("developer", WIDE) as stage:
        app, _, _pilot = stage
        await opened(stage, FINDINGS)
        shown = text(app)
        assert "PROBLEMS 2 · 1 over" in shown
        assert [finding.id for finding in in_order(app.talk.findings)] == ["refused", "echo", "slow"]
        places = [shown.index(words) for words in ("Setting refused", "Did you mean", "Your loudspeaker", "An answer")]
        assert places == sorted(places)


async def test_without_problems_it_says_how_many_turns_were_watched() -> None:
    async with showing("talk", NORMAL) as stage:
        app, _, _pilot = stage
        await opened(stage)
        assert "no problems seen in 5 turns" in text(app)


@pytest.mark.parametrize("size", [COMPACT, NORMAL, WIDE])
async def test_n_walks_the_problems_and_enter_shows_the_event_and_its_details(size: tuple[int, int]) -> None:
    async with showing("developer", size) as stage:
        app, _, pilot = stage
        await opened(stage, FINDINGS)
        await with_events(stage)
        await pilot.press("n")
        await until(pilot, lambda: app.focused is app.talk.problems and in_sight(app.talk.problems))
        await pilot.press("n", "N", "enter")
        await until(pilot, lambda: in_sight(app.talk.inspector.detail))
        entry = app.talk.inspector.events.current_entry
        assert entry is not None and entry.kind.type == "error"
        assert app.talk.timeline.selected == pytest.approx(248.06)


async def test_enter_again_shows_the_next_event_of_the_same_problem() -> None:
    async with showing("developer", WIDE) as stage:
        app, _, pilot = stage
        await opened(stage, FINDINGS)
        await with_events(stage)
        await pilot.press("n", "enter", "enter")
        events = app.talk.inspector.events
        await until(pilot, lambda: events.current_entry is not None and events.current_entry.t == 248.02)


async def test_a_new_error_is_told_once_in_the_talk() -> None:
    async with showing("talk", NORMAL) as (app, engine, pilot):
        refused = FINDINGS[1]
        engine.deliver(*FINDINGS, refused)
        await until(pilot, lambda: len(app.talk.findings) == len(FINDINGS) and "Setting refused" in text(app))
        notes = [record.text for record in app.talk.query_one(Transcript).records.values() if "F2 shows" in record.text]
        assert notes == [f"{refused.title} F2 shows why."]


async def test_evidence_that_is_no_longer_kept_changes_nothing() -> None:
    async with showing("developer", NORMAL) as stage:
        app, _, pilot = stage
        gone = Finding("gone", "x", "warning", "Long ago", evidence=(Evidence(99, 1.0, "error"),))
        await opened(stage, (gone,))
        await pilot.press("n", "enter")
        assert app.is_running and app.focused is app.talk.problems


async def test_a_drawer_is_the_last_stop_and_the_first_thing_that_esc_closes() -> None:
    async with showing("developer", NORMAL) as stage:
        app, _, pilot = stage
        await opened(stage)
        await pilot.press("d")
        await until(pilot, lambda: app.talk.place == "devices")
        assert app.talk.stops()[-1] is app.focused
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.talk.inspector.events)
        assert app.talk.shows_events


@pytest.mark.parametrize("size", [COMPACT, NORMAL, WIDE])
async def test_hostile_text_is_harmless_in_every_pane(size: tuple[int, int]) -> None:
    async with showing("developer-hostile", size) as stage:
        app, _, pilot = stage
        await opened(stage, (HOSTILE_FINDING,))
        await with_events(stage)
        for keys in (("n",), ("enter",), ("escape",), ("shift+tab",), ("escape",)):
            await pilot.press(*keys)
            await at_rest(pilot)
            assert not _controls(text(app))
            assert all(len(line) <= size[0] for line in lines(app))
        assert app.is_running


def _controls(shown: str) -> list[str]:
    return [c for c in shown if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) <= 0x9F or c == "\u202e"]
