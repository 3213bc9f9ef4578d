"""What is seen at which size, and which card stands when."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from msgspec.structs import replace
from textual import events

from tests.support.scenes import FREE, MICS, OPEN, TALK, all_scenes
from tests.support.screen import at_rest, change, lines, showing, text, until
from voicechat.core.user_events import MuteChosen
from voicechat.core.view import TurnView, View
from voicechat.ui.keyboard import KeyboardKnown
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.composer import MessageField
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.transcript import TurnList


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_deck_never_changes_its_height(size: tuple[int, int]) -> None:
    async with showing("held", size) as (app, engine, pilot):
        heights = set()
        for view in MICS.values():
            engine.show(view())
            await pilot.pause()
            heights.add(app.talk.query_one(Deck).region)
        assert len(heights) == 1


SMALL, WIDE = (80, 24), (180, 50)
CALLING = ["Connecting to OpenAI", "0.09 s", "0.41 s", "network path (ICE)", "1.20 s", "(DTLS)"]
SHOWN: list[tuple[str, tuple[int, int], list[str], list[str]]] = [
    (
        "talk",
        (59, 15),
        ["And how would I ask for the bi", "Too small for the talk: needs 60x16", "ON AIR"],
        ["Slower, please"],
    ),
    ("welcome", WIDE, ["numbers start with the first answer"], []),
    ("welcome", SMALL, ["Hold Space and say something.", "Built-in Mic hears the room at −47 dB"], []),
    ("welcome-free", SMALL, ["Just say something."], []),
    ("welcome-translation", SMALL, ["Just speak.", "spoken in Spanish"], ["type", "barge-in", "answers"]),
    ("connecting", SMALL, CALLING, []),
    ("no-mic", SMALL, ["No microphone: the system refuses access", "flatpak override", "read what you type"], []),
    ("line-lost", SMALL, ["connection lost · try 2 in 1.4 s", "Slower, please.", "r retry now"], []),
    ("numbers", WIDE, ["p50 500 ms", "p95 1 310 ms"], []),
]
"""Scene, size, what it says, and what it does not."""


async def test_each_state_says_what_it_is_about() -> None:
    async with showing("talk", SMALL) as stage:
        for scene, size, there, absent in SHOWN:
            await change(stage, scene, size)
            shown = text(stage[0])
            assert [words for words in there if words not in shown] == [], (scene, size)
            assert [words for words in absent if words in shown] == [], (scene, size)


FOOTERS = {
    "hands-free": (["Space pause mic"], ["Esc stop"]),
    "speaking": (["Esc stop marin"], []),
    "muted": (["m unmute"], ["Space"]),
    "no-microphone": (["i type instead", "r retry"], ["Space"]),
}


async def test_the_footer_offers_what_works_now() -> None:
    async with showing("talk", SMALL) as stage:
        stage[0].post_message(KeyboardKnown(None))
        for scene, (there, absent) in FOOTERS.items():
            await change(stage, scene)
            footer = lines(stage[0])[-1]
            assert all(words in footer for words in there), scene
            assert not any(words in footer for words in absent), scene


async def test_a_click_on_a_key_of_the_footer_does_what_the_key_does() -> None:
    async with showing("hands-free", (120, 36)) as (app, engine, pilot):
        footer = lines(app)[-1]
        await pilot.click("Foot", offset=(footer.index("mute"), 0))
        await until(pilot, lambda: MuteChosen(True) in engine.sent)
        await pilot.click("Foot", offset=(footer.index("? help"), 0))
        await until(pilot, lambda: "KEYS" in text(app))


async def test_help_stays_in_the_footer_while_the_assistant_speaks() -> None:
    async with showing("speaking", (120, 36)) as (app, _, pilot):
        for width in (120, 80, 60):
            await pilot.resize_terminal(width, 24)
            await at_rest(pilot)
            assert "Esc stop marin" in lines(app)[-1] and "? help" in lines(app)[-1]


async def test_the_welcome_card_names_a_key_that_is_set_and_not_used() -> None:
    async with showing("welcome-free", options=UiOptions(welcome=all_scenes()["welcome-free"].welcome)) as (app, *_):
        assert "OPENAI_API_KEY is set, and not used here." in text(app)
        assert "voicechat --provider openai" in text(app)


async def test_the_welcome_card_leaves_at_the_first_word() -> None:
    async with showing("welcome-free") as (app, engine, pilot):
        assert "Just say something." in text(app)
        engine.say(TurnView("u", "you", text="Hel", partial=True))
        await until(pilot, lambda: "Hel▌" in text(app))
        assert "Just say something." not in text(app)


async def test_a_resize_keeps_the_keyboard_and_the_newest_turn() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        await pilot.press("i", *"hello")
        for size in ((80, 24), (180, 50), (60, 16), (120, 36)):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            assert app.focused is not None and app.focused.id == "field"
            assert "hello" in text(app)
            assert "And how would I ask for the bi" in text(app)


async def test_the_welcome_names_the_key_that_opens_a_microphone_you_closed() -> None:
    async with showing("welcome") as (app, engine, pilot):
        for state, words in (
            ("paused", "You paused the microphone: press Space"),
            ("muted", "muted the microphone: press m"),
        ):
            engine.show(View(replace(FREE, state=state, is_on_air=False), connection=OPEN))
            await until(pilot, lambda words=words: words in text(app))  # type: ignore[misc]
            assert "Just say something" not in text(app)


async def test_the_welcome_card_tells_what_the_terminal_can_do() -> None:
    async with showing("welcome") as (app, _, pilot):
        app.post_message(KeyboardKnown(27))
        await until(pilot, lambda: "Your terminal reports when Space is released" in text(app))
        app.post_message(KeyboardKnown(None))
        await until(pilot, lambda: "Release of Space is noticed late" in text(app))


CONNECTING: list[tuple[dict[str, Any], str]] = [
    ({}, "microphone and speaker ready"),
    ({"speaker": "none"}, "microphone ready, no speaker"),
    ({"state": "device-lost"}, "a sound device has disappeared"),
    ({"state": "no-microphone", "name": ""}, "no microphone; type instead"),
    ({"name": "none"}, "no microphone; type instead"),
]


async def test_connecting_card_names_only_devices_that_are_there() -> None:
    async with showing("connecting") as (app, engine, pilot):
        base = all_scenes()["connecting"].view
        for changes, words in CONNECTING:
            engine.show(replace(base, mic=replace(base.mic, **changes)))
            await until(pilot, lambda words=words: words in text(app))  # type: ignore[misc]
            assert ("speaker ready" in text(app)) is (not changes)


async def test_a_refusal_says_why_and_what_to_do_and_a_talk_stays_readable() -> None:
    async with showing("refused") as (app, engine, pilot):
        assert "Refused by OpenAI: the key is not valid (401)" in text(app)
        assert "Set OPENAI_API_KEY to a valid key." in text(app)
        engine.say(*TALK)
        await until(pilot, lambda: "ask for the bi" in text(app))
        assert "Refused by OpenAI" in text(app)


async def test_what_the_refusal_says_is_not_said_again_beneath_it() -> None:
    said = "the key is not valid (401)"
    async with showing("refused") as (app, engine, pilot):
        engine.say(
            TurnView("n1", "note", text=f"{said} · Set OPENAI_API_KEY to a valid key.", level="error"),
            TurnView("n2", "note", text="Your loudspeaker reaches the mic", level="warning"),
        )
        await until(pilot, lambda: "Your loudspeaker reaches the mic" in text(app))
        assert text(app).count(said) == 1


async def test_a_warning_stands_on_the_card_or_in_the_column_beside_it_never_on_both() -> None:
    said = "Your loudspeaker reaches the mic"
    async with showing("refused", (80, 24)) as (app, engine, pilot):
        engine.say(TurnView("n2", "note", text=said, level="warning"))
        for size in ((80, 24), (180, 50), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: text(app).count(said) == 1)


@pytest.mark.parametrize("ascii_only", [True, False])
async def test_ascii_scrollbars_have_no_block_characters(ascii_only: bool) -> None:
    async with showing("talk", (80, 24), UiOptions(ascii=ascii_only)) as (app, engine, pilot):
        engine.say(*(TurnView(f"n{n}", "you", text="words " * 40) for n in range(43)))
        ends = []
        for y in (0, 7, 16, 25, 33, 42):
            app.talk.query_one(TurnList).scroll_to(y=y, animate=False, force=True)
            await at_rest(pilot)
            ends.append("".join(line[-1] for line in lines(app)[1:-3]))
    assert "".join(ends).isascii() is ascii_only


async def test_no_color_puts_the_whole_first_row_in_reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    async with showing("latched") as (app, _, _pilot):
        row = app.screen._compositor.render_strips()[-3]
        papers = {segment.style.bgcolor.name for segment in row if segment.style and segment.style.bgcolor}
        assert "ON AIR · STAYS ON" in row.text
        assert len(papers) <= 2


async def test_calm_motion_has_a_sentence_instead_of_a_wave() -> None:
    async with showing("talk", (120, 36), UiOptions(motion="calm")) as (app, _, _pilot):
        assert re.search(r"in the last \d+ s you spoke \d\.\d s, marin 0.0 s", text(app))


async def test_the_window_is_named_on_air_while_it_is_away() -> None:
    async with showing("hands-free") as (app, _, pilot):
        app.post_message(events.AppBlur())
        await until(pilot, lambda: app.title == "● ON AIR · voicechat")
        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.title == "voicechat")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_keys_typed_right_behind_the_type_key_are_text(size: tuple[int, int]) -> None:
    async with showing("ptt", size) as (app, engine, pilot):
        for key in "imob":
            app.post_message(events.Key(key, key))
        field = app.talk.query_one(MessageField)
        await until(pilot, lambda: field.value == "mob")
        await pilot.press("i")
        assert field.value == "mobi" and engine.sent == []
