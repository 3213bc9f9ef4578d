"""The selected turn: a mark that moves, keys that change the conversation, and copies that are exact."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from tests.support.event_rows import row
from tests.support.fake_engine import FakeEngine
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core import user_events as did
from voicechat.core.view import TurnView
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.bindings import ACTIONS
from voicechat.ui.palette import Command, commands, title_of
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.transcript import Transcript

CODE = "Try this:\n```python\ndef f(x):\n    return x  # 日本 👩‍👧\n```\nDone."
TURNS = (
    TurnView("t1", "you", 1, "窓際の席を二人で", typed=True, committed=True, item_id="i1"),
    TurnView("t2", "assistant", 2, CODE, item_id="i2"),
    TurnView("t3", "assistant", 3, "Of course", rest=" not heard", cut_by="you", cut_at=1.5, item_id="i3"),
    TurnView("t4", "you", 4, "not at the service"),
)


async def staged(app: VoiceChatApp, engine: FakeEngine, pilot: Pilot[int], *turns: TurnView) -> Transcript:
    engine.say(*(turns or TURNS))
    transcript = app.talk.query_one(Transcript)
    await until(pilot, lambda: transcript.order == tuple(turn.key for turn in (turns or TURNS)))
    await at_rest(pilot)
    return transcript


async def chosen(app: VoiceChatApp, pilot: Pilot[int], key: str) -> None:
    transcript = app.talk.query_one(Transcript)
    for _ in range(len(transcript.order)):
        await pilot.press("up")
        await at_rest(pilot)
        if transcript.selected == key:
            return
    raise AssertionError(f"{key} was never selected")


async def test_arrows_move_a_mark_that_needs_no_colour() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        transcript = await staged(app, engine, pilot)
        for size in ((60, 16), (80, 24), (120, 36), (180, 50)):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            await pilot.press("up")
            await until(pilot, lambda: any("you▸▎ not at the service" in line for line in lines(app)))
            await pilot.press("up")
            await until(pilot, lambda: any("▸▎ Of course" in line for line in lines(app)))
            await pilot.press("down", "down")
            await until(pilot, lambda: transcript.selected == "" and transcript.turn_list.is_following)
            assert not any("▸▎" in line for line in lines(app))


async def test_delete_asks_once_in_the_turn_and_escape_keeps_it() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        transcript = await staged(app, engine, pilot)
        await chosen(app, pilot, "t1")
        await pilot.press("delete")
        await until(pilot, lambda: "Delete it for good?" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Delete it for good?" not in text(app))
        assert transcript.selected == "t1"
        assert engine.sent == []
        await pilot.press("delete", "delete")
        await until(pilot, lambda: engine.sent == [did.ItemDeletionAsked("t1")])
        await staged(app, engine, pilot, *TURNS[1:])
        assert transcript.selected == ""


async def test_x_truncates_an_interrupted_response_and_no_other_turn() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        await staged(app, engine, pilot)
        await chosen(app, pilot, "t3")
        await pilot.press("delete", "up", "delete", "down")
        await at_rest(pilot)
        assert engine.sent == [], "the question left with the mark"
        await pilot.press("X")
        await until(pilot, lambda: engine.sent == [did.ItemTruncationAsked("t3")])
        await pilot.press("up", "X")
        await at_rest(pilot)
        assert len(engine.sent) == 1


async def test_a_turn_without_an_item_and_no_turn_at_all_are_told() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        await staged(app, engine, pilot)
        await pilot.press("R")
        await until(pilot, lambda: "selects a turn first" in text(app))
        await chosen(app, pilot, "t4")
        await pilot.press("R")
        await until(pilot, lambda: "the service has no item for this turn" in text(app))
        assert engine.sent == []


async def test_a_retrieved_item_opens_in_the_details() -> None:
    async with showing("ptt", (180, 50)) as (app, engine, pilot):
        await staged(app, engine, pilot)
        await chosen(app, pilot, "t1")
        await pilot.press("R")
        await until(pilot, lambda: engine.sent == [did.ItemRetrievalAsked("t1")])
        item = {"id": "i1", "content": [{"text": "from the service"}]}
        engine.log(row(7, 1.0, "in", "conversation.item.retrieved", item=item))
        await until(pilot, lambda: app.talk.developer.is_shown and "from the service" in text(app))


async def test_a_text_is_put_behind_the_turn_in_the_role_that_was_chosen() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        await staged(app, engine, pilot)
        await chosen(app, pilot, "t1")
        await pilot.press("a")
        composer = app.talk.query_one(Composer)
        await until(pilot, lambda: composer.is_open)
        await pilot.press("ctrl+t", *"hey", "enter")
        await until(pilot, lambda: engine.sent == [did.ItemTextEntered("hey", "assistant", "t1")])
        await until(pilot, lambda: not composer.is_open)
        await pilot.press("i", *"yo", "enter")
        await until(pilot, lambda: engine.sent[-1:] == [did.TextEntered("yo")])


async def test_y_copies_the_selected_turn_exactly() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        await staged(app, engine, pilot)
        for turn in (TURNS[1], TURNS[0]):
            await chosen(app, pilot, turn.key)
            await pilot.press("y")
            await until(pilot, lambda turn=turn: app.clipboard == turn.text)  # type: ignore[misc]


async def test_hostile_turns_are_selected_and_asked_about_without_harm() -> None:
    evil = TurnView("t1", "assistant", 1, "a\x1b]52;c;eA==\x07b \u202e [bold]x[/]", item_id="i\x1b[2J")
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        await staged(app, engine, pilot, evil)
        await pilot.press("up", "delete")
        await until(pilot, lambda: "Delete it for good?" in text(app))
        assert not {"\x1b", "\x07", "\u202e"} & set(text(app))
        assert "[bold]x[/]" in text(app)


def found(app: VoiceChatApp, query: str) -> list[str]:
    scored: list[tuple[float, str]] = [(one.score(query), one.title) for one in commands(app)]
    return [title for score, title in sorted(scored, reverse=True) if score > 0]


async def test_palette_finds_every_binding_theme_template_and_device_by_its_words() -> None:
    async with showing("talk", (120, 36)) as (app, *_):
        offered: list[Command] = list(commands(app))
        titles = [one.title for one in offered]
        assert {title_of(action) for action in ACTIONS} <= set(titles)
        assert len(titles) == len(set(titles)), "two commands of one name cannot be told apart"
        for action in ACTIONS:
            assert title_of(action) in found(app, action.id), action.id
            assert title_of(action) in found(app, " ".join(reversed(action.words.split()))), action.id
        assert "Theme: daylight" in found(app, "day theme")
        assert "Send event: response.create" in found(app, "send response.create")
        assert "Microphone: follow the system" in found(app, "microphone system")
        assert found(app, "no such thing at all") == []


async def pick(pilot: Pilot[int], app: VoiceChatApp, query: str, is_done: Callable[[], bool]) -> None:
    await pilot.press("colon")
    await until(pilot, lambda: app.screen is not app.talk)
    await pilot.press(*("space" if letter == " " else "colon" if letter == ":" else letter for letter in query))
    await at_rest(pilot)
    await pilot.press("enter")
    await until(pilot, is_done)


async def test_palette_sends_a_system_text_and_changes_the_theme() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        wanted = did.ItemTextEntered("be brief", "system")
        await pick(pilot, app, "system: be brief", lambda: engine.sent == [wanted])
        await pick(pilot, app, "theme daylight", lambda: app.theme == "daylight")
