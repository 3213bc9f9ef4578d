"""The question about a tool's call: it says what would run, takes one key, and is in nobody's way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.scenes import all_scenes
from tests.support.screen import at_rest, change, control_characters, lines, showing, text, until
from voicechat.core import user_events as did
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.transcript import Transcript

SIZES = [(60, 16), (80, 24), (120, 36), (180, 50)]


async def test_it_says_what_would_run_with_which_arguments_and_which_keys_answer() -> None:
    async with showing("consent", (120, 36)) as stage:
        app, _, pilot = stage
        for size in SIZES:
            await change(stage, "consent", size)
            await until(pilot, lambda: "ALLOW THIS TOOL?" in text(app))
            shown = text(app)
            assert "▲ send_mail  on this computer" in shown
            assert '"to": "keiko@example.com"' in shown
            assert "y allow   a always in this talk   n no" in shown
            assert "ON AIR" in shown
        await change(stage, "consent-remote")
        await until(pilot, lambda: "at docs, called by the service" in text(app))


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("y", did.ToolAllowed("call_1")),
        ("a", did.ToolAllowed("call_1", for_rest_of_talk=True)),
        ("n", did.ToolDenied("call_1")),
        ("escape", did.ToolDenied("call_1")),
    ],
)
async def test_one_key_answers_and_the_question_leaves_at_once(key: str, word: did.UserAct) -> None:
    async with showing("consent", (120, 36)) as (app, engine, pilot):
        await pilot.press(key)
        await until(pilot, lambda: engine.sent == [word])
        await until(pilot, lambda: "ALLOW THIS TOOL?" not in text(app))
        engine.show(replace(app.view, completed=3))  # made before the engine heard of it
        await at_rest(pilot)
        assert "ALLOW THIS TOOL?" not in text(app)


async def test_the_talk_key_is_the_talk_key_and_a_written_message_keeps_its_letters() -> None:
    async with showing("consent", (120, 36)) as (app, engine, pilot):
        await pilot.press("space")
        await until(pilot, lambda: did.PauseToggled() in engine.sent)
        await pilot.press("i")
        await until(pilot, lambda: "Esc first, then  y allow" in text(app))
        await pilot.press("y", "a", "n", "enter")
        await until(pilot, lambda: did.TextEntered("yan") in engine.sent)
        assert not any(isinstance(one, did.ToolAllowed | did.ToolDenied) for one in engine.sent)
        await pilot.press("escape")
        await until(pilot, lambda: not app.talk.query_one(Composer).is_open)
        await until(pilot, lambda: "Esc first" not in text(app))
        await pilot.press("y")
        await until(pilot, lambda: did.ToolAllowed("call_1") in engine.sent)


@pytest.mark.parametrize("size", [(40, 8), (80, 24)])
async def test_keys_pressed_before_a_question_is_armed_are_ignored(size: tuple[int, int]) -> None:
    now = [100.0]
    async with showing("tools", size) as (app, engine, pilot):
        app.talk.consent.clock = lambda: now[0]
        engine.show(all_scenes()["consent"].view)
        await until(pilot, lambda: "send_mail" in text(app))
        for at in (100.0, 100.49):
            now[0] = at
            await pilot.press("y", "a", "n", "enter", "escape")
            assert (engine.sent, app.talk.query_one(Composer).is_open, app.talk.notice) == ([], False, "")
            assert app.talk.consent.asked and not app.talk.consent.armed
        now[0] = 100.51
        await until(pilot, lambda: "y allow" in text(app) and "in a moment" not in text(app))
        await pilot.press("y")
        await until(pilot, lambda: engine.sent == [did.ToolAllowed("call_1")])


async def test_a_second_question_is_not_answered_by_the_key_for_the_first() -> None:
    now = [100.0]
    async with showing("consents", (120, 36)) as (app, engine, pilot):
        app.talk.consent.clock = lambda: now[0]
        await pilot.press("y", "y", "y")
        await until(pilot, lambda: "1 of 2" not in text(app))
        assert engine.sent == [did.ToolAllowed("call_2")]
        assert len(app.talk.consent.asked) == 1


async def test_without_a_question_the_keys_do_what_they_always_do_and_a_call_unfolds() -> None:
    folded = '▸ get_weather  {"city": "Paris", "day": "today"} → {"temperature": 17, "sky": "cloudy"}'
    async with showing("tools", (120, 36)) as (app, engine, pilot):
        assert folded in text(app) and "✓ 0.38 s" in text(app) and "✕ The arguments are wrong" in text(app)
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: app.talk.query_one(Transcript).selected == "t1" and '  "sky": "cloudy"' in text(app))
        await pilot.press("a")
        await until(pilot, lambda: app.talk.query_one(Composer).is_open)
        await pilot.press("escape", "y")
        await until(pilot, lambda: "copied" in text(app))
        assert engine.sent == []


async def test_hostile_names_and_arguments_stay_text_and_leave_the_deck_in_its_place() -> None:
    async with showing("consents", (120, 36)) as stage:
        app, _, pilot = stage
        for size in SIZES:
            await change(stage, "consents", size)
            await until(pilot, lambda: "ALLOW THIS TOOL?" in text(app))
            shown = text(app)
            assert control_characters(shown) == []
            assert "52000 more characters" in shown
            assert "ON AIR" in shown
            assert all(len(line) <= size[0] * 2 for line in lines(app))


async def test_a_tiny_screen_asks_in_one_line() -> None:
    async with showing("consent", (40, 8)) as (app, engine, pilot):
        await until(pilot, lambda: "May send_mail run?" in text(app))
        await until(pilot, lambda: "y allow" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: engine.sent == [did.ToolAllowed("call_1")])
