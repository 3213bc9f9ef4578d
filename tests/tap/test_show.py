"""The screen of a tap: whose microphone it is, what the tap adds, and a new beginning with every client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from tests.support.fake_engine import FakeEngine
from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.screen import text, until
from tests.tap.tapped import Tapped, tapping
from voicechat.core.user_events import MuteChosen
from voicechat.engine.link import Batch, FromEngine, Jumped, Snapshot, Turns
from voicechat.tap.service import NOT_OURS, ScreenFeed
from voicechat.ui.options import Spectator, UiOptions, WelcomeFacts
from voicechat.ui.viewers import ViewerApp

HELLO: tuple[dict[str, Any], ...] = (
    {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "12 times 7?"}],
        },
    },
    {"type": "response.create"},
)
OPTIONS = UiOptions(
    spectator=Spectator("TAP", "this is a tap"), welcome=WelcomeFacts(instead=("Point your client here:", "  there"))
)


async def answered(socket: aiohttp.ClientWebSocketResponse) -> None:
    """A typed question, and its answer to the end."""
    for event in HELLO:
        await socket.send_str(json.dumps(event))
    async with asyncio.timeout(10):
        while (await socket.receive_json())["type"] != "response.done":
            pass


async def a_talk(tapped: Tapped) -> None:
    """One typed turn of a client, to the end."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{tapped.base_url}/realtime") as socket:
        await answered(socket)


async def told_of_a_talk(times: int = 1) -> list[FromEngine]:
    """What the screen is told while clients call one after the other."""
    said: list[FromEngine] = []
    async with local_server() as server, tapping(server.base_url) as tapped:
        show = ScreenFeed(tapped.registry, said.append)
        show.waiting()
        for _ in range(times):
            await a_talk(tapped)
            await eventually(lambda: not [one for one in tapped.registry.sessions if not one.is_over])
            tapped.registry.later.finish()
            show.tick()
    return said


async def test_the_transcript_and_the_events_of_a_client_are_shown_with_what_the_tap_adds() -> None:
    said = await told_of_a_talk()
    turns = [turn for message in said if isinstance(message, Turns) for turn in message.changed]
    rows = [row for message in said if isinstance(message, Batch) for row in message.rows]
    last = [message for message in said if isinstance(message, Snapshot)][-1].view
    assert {turn.who for turn in turns} == {"you", "assistant"}, "an ordinary end is no note"
    assert any("84" in turn.text + turn.rest for turn in turns) and any(turn.text == "12 times 7?" for turn in turns)
    assert {row.type for row in rows} >= {"tap.called", "session.created", "response.done", "tap.ended"}
    assert all((row.added is None) == (row.dir == "local") for row in rows)
    assert last.connection.phase == "ended" and last.connection.why.startswith("events +")
    assert last.mic.reason == NOT_OURS and not last.mic.is_on_air


async def test_a_tapped_answer_completes_when_its_audio_ends() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{tapped.base_url}/realtime") as socket:
            await answered(socket)
            (session,) = tapped.sessions

            def over() -> bool:
                session.tick(session.clock())
                turn = session.model.state.conversation.turns[-1]
                return turn.complete_at is not None and turn.heard > 0.2 and not turn.unheard

            await eventually(over)


async def test_every_client_begins_anew() -> None:
    said = await told_of_a_talk(times=2)
    begins = [place for place, message in enumerate(said) if isinstance(message, Jumped)]
    rows = [row for message in said[begins[1] :] if isinstance(message, Batch) for row in message.rows]
    assert len(begins) == 2 and rows[0].seq == 0 and rows[0].t < 1.0


async def test_the_screen_says_how_to_begin_shows_the_call_and_obeys_no_key() -> None:
    said = await told_of_a_talk(times=2)
    engine = FakeEngine(said[:1])
    app = ViewerApp(engine, OPTIONS)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "Point your client here:" in text(app) and "TAP" in text(app))
        engine.deliver(*said[1:])
        await until(pilot, lambda: " is 84" in text(app))
        assert text(app).count("12 times 7?") == 1, "the client before is gone"
        await pilot.press("m")
        await until(pilot, lambda: "this is a tap" in text(app))
        assert not [act for act in engine.sent if isinstance(act, MuteChosen)]
