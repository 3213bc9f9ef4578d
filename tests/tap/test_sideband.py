"""Looking into a call that is another's: what is seen of it, what is sent, and what is said when there is none."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.tap.tapped import tapping
from voicechat.config.secrets import environ_with_key
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError, SignallingError
from voicechat.journal.entry import Entry
from voicechat.tap.registry import SessionRegistry
from voicechat.tap.session import Session
from voicechat.tap.sideband import GONE, Sideband, sideband_target
from voicechat.tap.upstream import Upstream

LOUD = (0.3 * np.sin(2 * np.pi * 300 * np.arange(480) / 24_000) * 32767).astype("<i2").tobytes()
FRAMES = [LOUD] * 50 + [bytes(960)] * 150
"""A second of voice and three of silence."""


@dataclass
class Attached:
    """A sideband and what it saw."""

    sideband: Sideband
    session: Session
    happened: list[Entry] = field(default_factory=list)

    def types(self, direction: str) -> list[str]:
        return [str(one.event["type"]) for one in self.happened if one.dir == direction]

    def transcript(self) -> list[tuple[str, str]]:
        return [(turn.who, turn.text) for turn in self.session.model.state.conversation.turns]


@asynccontextmanager
async def attached(base_url: str, call_id: str, *sent: str) -> AsyncIterator[Attached]:
    """Looks into a call at a service."""
    target = sideband_target(Settings(provider="custom", base_url=base_url), {}, call_id)
    registry = SessionRegistry(Upstream(base_url), Settings())
    begun: list[Attached] = []
    sideband = Sideband(registry, target, sent)

    def follow(session: Session) -> None:
        begun.append(Attached(sideband, session))
        session.on_event = begun[0].happened.append

    registry.on_session = follow
    await sideband.start()
    try:
        yield begun[0]
    finally:
        await sideband.stop()


@asynccontextmanager
async def live_call(base_url: str) -> AsyncIterator[tuple[str, aiohttp.ClientWebSocketResponse]]:
    """A GPT-Live session of another client: its id and its socket."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{base_url}/live/sessions") as socket:
        await socket.send_str(json.dumps({"type": "session.start", "session": {"model": "gpt-live-1"}}))
        async with asyncio.timeout(10):
            while (event := await socket.receive_json())["type"] != "session.started":
                pass
        yield event["session"]["id"], socket


async def is_over(session: Session) -> None:
    """Until the last answer has been heard to its end."""

    def over() -> bool:
        session.tick(session.clock())
        turn = session.model.state.conversation.turns[-1]
        return turn.complete_at is not None and turn.heard > 0.2 and not turn.unheard

    await eventually(over)


async def speak(socket: aiohttp.ClientWebSocketResponse) -> None:
    for frame in FRAMES:
        audio = base64.b64encode(frame).decode()
        await socket.send_str(json.dumps({"type": "session.input_audio.append", "audio": audio}))


async def test_a_live_session_is_seen_with_both_voices_and_in_turns() -> None:
    async with local_server() as server, live_call(server.base_url) as (call_id, socket):
        async with attached(server.base_url, call_id) as seen:
            levels: list[float] = []
            seen.session.you.on_heard = lambda at, pcm: levels.append(float(np.abs(pcm).max(initial=0)))
            await speak(socket)
            await eventually(lambda: any("84" in text for who, text in seen.transcript() if who == "assistant"))
            assert ("you", "What is twelve times seven?") in seen.transcript()
            seen.session.tick(seen.session.clock())
            assert max(levels) > 5_000
            await is_over(seen.session)
            assert "session.output_audio.delta" in seen.types("in") and seen.types("out") == []
            assert "response.created" not in seen.types("in")


async def test_an_event_sent_by_hand_reaches_the_call_and_its_end_ends_attach() -> None:
    async with local_server() as server, live_call(server.base_url) as (call_id, _):
        async with attached(server.base_url, call_id, '{"type":"session.input_audio.mute"}') as seen:
            over = asyncio.Event()
            seen.sideband.on_end = over.set
            await eventually(lambda: "session.input_audio.muted" in seen.types("in"))
            assert seen.sideband.send('{"type":"session.close"}') == ""
            await asyncio.wait_for(over.wait(), 10)
            assert seen.types("out") == ["session.input_audio.mute", "session.close"]
            assert seen.sideband.send("{}") == GONE


async def test_attach_to_an_unknown_call_is_refused_with_where_ids_stand() -> None:
    async with local_server() as server:
        for call_id in ("rtc_none", "live_none"):
            with pytest.raises(SignallingError, match="has no such call") as refused:
                async with attached(server.base_url, call_id):
                    pass
            assert "Location" in refused.value.hint


@pytest.mark.parametrize(
    ("settings", "call_id", "url"),
    [
        ({"base_url": "https://h/v1"}, "rtc_1", "https://h/v1/realtime?call_id=rtc_1"),
        ({"base_url": "https://h/v1"}, "live_1/..", "https://h/v1/live/sessions/live_1%2F../attach"),
        ({"base_url": "https://h/v1", "dialect": "live"}, "rtc_1", "https://h/v1/live/sessions/rtc_1/attach"),
        ({"base_url": "https://h/v1", "dialect": "ga"}, "x", "https://h/v1/realtime?call_id=x"),
    ],
)
def test_the_id_tells_which_address_it_is_unless_the_dialect_does(
    settings: dict[str, Any], call_id: str, url: str
) -> None:
    wish = Settings(provider="custom", **settings, given=frozenset(settings))
    assert sideband_target(wish, {}, call_id).websocket_url == url


def test_attach_without_service_or_key_is_refused_before_connecting() -> None:
    with pytest.raises(ConfigError, match="not known"):
        sideband_target(Settings(), {}, "rtc_1")
    with pytest.raises(ConfigError, match="needs an API key"):
        environ_with_key(Settings(provider="openai"), {"PATH": ""})


async def test_a_live_client_of_a_tap_is_shown_in_turns() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped:
        async with live_call(tapped.base_url) as (_, socket):
            await speak(socket)
            (session,) = tapped.sessions
            turns = session.model.state.conversation
            await eventually(lambda: any("84" in turn.text for turn in session.model.state.conversation.turns))
            assert turns is not session.model.state.conversation
        assert "session.started" in tapped.types("in") and "response.created" not in tapped.types("in")
        assert tapped.types("out")[0] == "session.start"
