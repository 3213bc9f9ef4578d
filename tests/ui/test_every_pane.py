"""What holds for every pane: the deck stays, nothing hostile leaves the screen, ASCII is drawn in ASCII, Esc closes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from msgspec.structs import replace

from tests.support.event_rows import row, talk_rows
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import FINDINGS, FREE, HOSTILE, HOSTILE_FINDING, OPEN, SESSION, SILENCE, TALK, session_of
from tests.support.screen import Keys, at_rest, change, control_characters, lines, records_of, showing, text, until
from voicechat.core.view import TurnView, View
from voicechat.engine.link import DeviceRow, Devices, DeviceSide, Numbers, SessionShown
from voicechat.insight.metrics.ledger import Ledger
from voicechat.journal.entry import summary_of
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.screens.overlays import Overlay
from voicechat.ui.widgets.deck import Deck

SIZES = ((60, 16), (80, 24), (180, 50), (120, 36))
PANES = {
    "d": "LOUDSPEAKER",
    "f4": "TURN DETECTION",
    "c": "SEND EVENT",
    "question_mark": "KEYS",
    "f2": "EVENTS",
    "f7": "NUMBERS",
    "ctrl+q": "YOU ARE ON AIR",
}
"""Key and what the pane says of itself."""


async def test_the_deck_stays_where_it_is_below_every_pane() -> None:
    async with showing("talk", SIZES[0]) as (app, engine, pilot):
        engine.deliver(SESSION)
        for number, size in enumerate(SIZES):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            deck = app.talk.query_one(Deck).region
            for key, title in list(PANES.items())[number % 2 :: 2]:  # each pane small and large
                await pilot.press(key)
                await until(pilot, lambda title=title: title in text(app))  # type: ignore[misc]
                await at_rest(pilot)
                assert app.talk.query_one(Deck).region == deck, (key, size)
                foot = "\n".join(lines(app)[-5:])
                assert "● ON AIR" in foot and "open mic" in foot and "heard" in foot, (key, size)
                assert all(len(line) <= size[0] for line in lines(app)), (key, size)
                await pilot.press("escape")
                await until(pilot, lambda title=title: title not in text(app))  # type: ignore[misc]
        assert not engine.sent or {type(one).__name__ for one in engine.sent} == {"DevicesAsked"}


async def test_the_header_and_the_deck_stay_in_sight_beside_textuals_own_widgets() -> None:
    """A pilot leaves out tooltip and notifications, which a terminal has."""
    app = VoiceChatApp(FakeEngine(records_of("talk")), UiOptions())
    async with app.run_test(size=(80, 24), tooltips=True, notifications=True):
        pilot = Keys(app)
        await until(pilot, lambda: app.view.mic.is_on_air)
        for key in ("d", "f4", "c", "question_mark"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Overlay))
            await at_rest(pilot)
            box = app.screen.children[-1].region
            assert 1 <= box.y and box.bottom <= app.talk.query_one(Deck).region.y, (key, box)
            await pilot.press("escape")


def hostile_session() -> SessionShown:
    evil = json.loads(session_of(voice=HOSTILE))
    evil["instructions"] = HOSTILE
    evil["audio"]["input"]["transcription"] = {"model": HOSTILE, "language": HOSTILE, "prompt": HOSTILE}
    return SessionShown(json.dumps(evil), (), ((SILENCE, HOSTILE),), json.dumps(evil))


def hostile_numbers() -> Numbers:
    ledger = Ledger()
    ledger.feed(0.0, "in", {"type": "response.created", "response": {"id": HOSTILE}})
    limit = {"name": HOSTILE, "limit": 2, "remaining": 1}
    ledger.feed(0.1, "in", {"type": "rate_limits.updated", "rate_limits": [limit]})
    return Numbers(1.0, ledger.figures())


def attack(engine: FakeEngine) -> None:
    """Hostile text in everything that comes from outside."""
    side = DeviceSide((DeviceRow(HOSTILE, HOSTILE),))
    engine.deliver(Devices(side, side, problem=HOSTILE, hint=HOSTILE), hostile_session(), hostile_numbers())
    engine.deliver(HOSTILE_FINDING)
    engine.log(row(5000, 400.0, "in", HOSTILE, HOSTILE, 9, (HOSTILE, HOSTILE, HOSTILE), (), **{HOSTILE: HOSTILE}))
    engine.say(TurnView("h", "you", text=HOSTILE, committed=True, translation=HOSTILE, detail=HOSTILE))


def walk() -> Iterator[tuple[str, ...]]:
    """Into every pane and out again, the panes of the developer view one by one."""
    for key in PANES:
        yield (key,)
        if key == "f2":
            yield from (("up", "enter"), ("n", "enter"), ("asterisk", "slash", *"is:x["))
        yield ("escape",) * 4


async def test_hostile_text_is_harmless_in_every_pane() -> None:
    async with showing("hostile", SIZES[1]) as stage:
        app, engine, pilot = stage
        scenes = ("hostile", "developer-hostile", "hostile")
        for scene, size in zip(scenes, SIZES[1:], strict=True):
            await change(stage, scene, size)
            engine.show(replace(app.view, mic=FREE, connection=replace(OPEN, voice=HOSTILE, reason=HOSTILE)))
            attack(engine)
            await until(pilot, lambda: "free[/]" in text(app))
            for keys in walk():
                await pilot.press(*keys)
                await at_rest(pilot)
                assert control_characters(text(app)) == [], keys
                assert all(len(line) <= size[0] for line in lines(app)), keys
        assert app.is_running


async def test_ascii_draws_every_pane_in_ascii_and_leaves_speech_alone() -> None:
    spoken = {c for turn in TALK for c in f"{turn.text}{turn.rest}{turn.detail}"} | set(repr((talk_rows(), FINDINGS)))
    spoken |= {c for one in talk_rows() for c in summary_of(one)}
    async with showing("developer", (120, 36), UiOptions(ascii=True)) as (app, engine, pilot):
        engine.deliver(SESSION)
        engine.log(*talk_rows())
        engine.show(View(FREE, connection=OPEN))
        for keys in walk():
            await pilot.press(*keys)
            await at_rest(pilot)
            assert {c for c in text(app) if not c.isascii()} <= spoken, keys
