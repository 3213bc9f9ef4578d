"""GPT-Live sessions as the openai package holds them: connect, create, sideband; every event valid for its models."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, WSMsgType
from openai import AsyncOpenAI

from tests.support.each import each
from tests.support.live_service import check_event
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.local_server.server import Server

Json = dict[str, Any]
SESSION: Json = {"model": "local-live", "instructions": "Be brief."}
CLOCK: Json = {"type": "function", "name": "look_at_the_clock", "description": "Tells the time.", "parameters": {}}
VOICE = (0.3 * np.sin(2 * np.pi * 300 * np.arange(24_000) / 24_000) * 32767).astype("<i2").tobytes()
QUIET = bytes(48_000)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Client:
    """A Live client that keeps what it got, and checks every event against the package."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.events: list[Json] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, **fields})

    async def say(self) -> None:
        """A second of voice, and the silence that ends a turn."""
        for data in (VOICE, QUIET):
            await self.send("session.input_audio.append", audio=base64_of(data))

    async def until(self, kind: str, within: float = 8.0) -> Json:
        """The next event of a type."""
        async with asyncio.timeout(within):
            while True:
                message = await self._socket.receive()
                assert message.type is WSMsgType.TEXT, f"no {kind}, the socket closed; got {self.types()}"
                event = json.loads(message.data)
                check_event(event)
                self.events.append(event)
                if event["type"] == kind:
                    return dict(event)

    async def until_said(self, words: str) -> None:
        """Until the assistant's transcript holds these words."""
        said = ""
        while words not in said:
            said += (await self.until("session.output_transcript.delta"))["delta"]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events if event["type"] != "session.output_audio.delta"]


@asynccontextmanager
async def live_client(server: Server, session: Json | None = None, path: str = "") -> AsyncIterator[Client]:
    async with ClientSession() as http, http.ws_connect(f"{server.base_url}/live/sessions{path}") as socket:
        client = Client(socket)
        if session is not None:
            await client.send("session.start", session=session, event_id="begin")
            started = await client.until("session.started")
            assert started["client_event_id"] == "begin" and started["session"]["model"] == session["model"]
        yield client


def loudness(delta: Json) -> int:
    return int(np.abs(np.frombuffer(base64.b64decode(delta["delta"]), "<i2").astype(np.int32)).max(initial=0))


async def test_a_question_is_heard_and_answered_in_one_continuous_stream() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        await client.say()
        heard = await client.until("session.input_transcript.delta")
        assert heard["delta"].startswith("What is twelve") and 0 <= heard["start_ms"] < heard["end_ms"]
        await client.until_said("84")
        loud = 0
        while loud < 300:
            loud = loudness(await client.until("session.output_audio.delta"))
        before = [loudness(event) for event in client.events if event["type"] == "session.output_audio.delta"]
        assert 0 in before, "silence is sent too"


async def test_the_stock_client_holds_a_spoken_exchange() -> None:
    async with local_server() as server:
        openai = AsyncOpenAI(api_key="none", base_url=server.base_url)
        async with openai.live.connect() as live, asyncio.timeout(10):
            await live.session.start(session={"model": "local-live"})
            words = ""
            async for event in live:
                if event.type == "session.started":
                    for data in (VOICE, QUIET):
                        await live.session.input_audio.append(audio=base64_of(data))
                elif event.type == "session.output_transcript.delta":
                    words += event.delta
                    break
        await openai.close()
    assert words


async def test_transcript_deltas_arrive_with_their_audio_and_not_ahead_of_it() -> None:
    async with local_server("Tell me a long story.") as server, live_client(server, SESSION) as client:
        await client.say()
        while client.types().count("session.output_transcript.delta") < 6:
            await client.until("session.output_audio.delta")
        told = [event for event in client.events if event["type"] == "session.output_transcript.delta"]
        assert all(len(event["delta"].split()) <= 2 for event in told), "a word or two at a time"
        assert all(later["end_ms"] > first["end_ms"] for first, later in pairwise(told))
        first, last = (client.events.index(told[at]) for at in (0, -1))
        between = [event for event in client.events[first:last] if event["type"] == "session.output_audio.delta"]
        assert len(between) * 40 >= told[-1]["end_ms"] - told[0]["end_ms"] - 100, "as much sound as the words take"


async def test_an_answer_right_behind_another_begins_with_a_blank() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        for text in ("What is twelve times seven?", "What is two times two?"):
            quoted = f'The user typed a message; answer it as if it had been said: "{text}"'
            await client.send("session.instructions.append", content=quoted, delegation_id=None)
        await client.until_said("84.")
        await client.until("session.output_transcript.delta")
    told = [event["delta"] for event in client.events if event["type"] == "session.output_transcript.delta"]
    assert not told[0].startswith(" ") and all(delta.startswith(" ") for delta in told[1:])


async def test_a_voice_over_the_answer_ends_it() -> None:
    async with local_server("Tell me a long story.") as server, live_client(server, SESSION) as client:
        await client.say()
        await client.until("session.output_transcript.delta")
        while loudness(await client.until("session.output_audio.delta")) < 300:
            pass
        await client.send("session.input_audio.append", audio=base64_of(VOICE))
        silent = 0
        for _ in range(40):
            silent = 0 if loudness(await client.until("session.output_audio.delta")) > 64 else silent + 1
            if silent == 3:
                break
        assert silent == 3, "the answer went on for 4 s"


async def test_an_instruction_to_stop_speaking_is_obeyed_at_once() -> None:
    async with local_server("Tell me a long story.") as server, live_client(server, SESSION) as client:
        await client.say()
        while loudness(await client.until("session.output_audio.delta")) < 300:
            pass
        await client.send("session.instructions.append", content="Stop speaking now.", delegation_id=None)
        await client.until("session.instructions.appended")
        await client.until("session.output_audio.delta")
        assert max([loudness(await client.until("session.output_audio.delta")) for _ in range(8)]) <= 64


async def test_a_muted_microphone_is_not_heard_and_an_unmuted_one_is() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        await client.send("session.input_audio.mute", event_id="m")
        assert (await client.until("session.input_audio.muted"))["client_event_id"] == "m"
        await client.say()
        for _ in range(25):
            await client.until("session.output_audio.delta")
        assert "session.input_transcript.delta" not in client.types()
        await client.send("session.input_audio.unmute")
        await client.until("session.input_audio.unmuted")
        await client.say()
        await client.until("session.input_transcript.delta")


async def test_a_delegation_to_the_client_is_answered_with_commentary() -> None:
    async with local_server("Call the tool delegate.") as server, live_client(server, SESSION) as client:
        await client.say()
        delegation = (await client.until("session.delegation.created"))["delegation"]
        assert delegation["target"] == "client"
        await client.send("session.thinking.append", content="Working on it.", delegation_id=delegation["id"])
        await client.until("session.thinking.appended")
        await client.send("session.commentary.append", content="The table is booked.", delegation_id=delegation["id"])
        await client.until("session.commentary.appended")
        await client.until_said("table is booked")


async def test_a_responses_delegation_waits_for_every_output() -> None:
    delegation = {"type": "responses", "responses": {"model": "m", "tools": [CLOCK]}}
    async with (
        local_server("Look at the clock.") as server,
        live_client(server, SESSION | {"delegation": delegation}) as client,
    ):
        await client.say()
        created = (await client.until("session.delegation.created"))["delegation"]
        while (event := (await client.until("response.event"))["event"])["type"] != "response.output_item.done":
            pass
        assert event["item"]["name"] == "look_at_the_clock"
        while (await client.until("response.event"))["event"]["type"] != "response.completed":
            pass
        await client.send("response.create", event_id="early")
        error = (await client.until("error"))["error"]
        assert error["client_event_id"] == "early" and "output" in error["message"]
        output = {"type": "function_call_output", "call_id": event["item"]["call_id"], "output": "Half past nine."}
        await client.send("response.item.create", item=output)
        await client.send("response.create")
        await client.until_said("alf past nine")
        assert created["target"] == "responses" and created["response_id"]


MISTAKES: list[tuple[str, Json, str]] = [
    ("session.start", {"session": SESSION}, "session_already_started"),
    ("session.start", {}, "missing_required_parameter"),
    ("session.update", {"session": {"instructions": "x"}}, "unknown_parameter"),
    ("session.update", {"session": {"delegation": {"type": "responses"}}}, "invalid_value"),
    ("session.input_audio.append", {"audio": "not base64!"}, "invalid_value"),
    ("session.commentary.append", {"content": "x"}, "missing_required_parameter"),
    ("session.commentary.append", {"content": "x", "delegation_id": "none"}, "invalid_value"),
    ("response.item.create", {"item": {"type": "function_call_output", "call_id": "x", "output": ""}}, "invalid_value"),
    ("response.cancel", {}, "invalid_value"),
    ("decision.create", {"event_id": "x"}, "invalid_value"),
]


async def test_each_mistake_is_answered_by_an_error_that_names_the_command() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        for index, (kind, fields, code) in enumerate(MISTAKES):
            await client.send(kind, **{**fields, "event_id": f"try{index}"})
            error = (await client.until("error"))["error"]
            assert (error["code"], error["client_event_id"]) == (code, f"try{index}"), kind


async def test_null_says_nothing_in_a_session() -> None:
    nulls: Json = {"input": None, "store": None, "audio": {"format": None, "output": {"voice": None}}, "client": None}
    async with local_server() as server, live_client(server, SESSION | nulls) as client:
        await client.send("session.update", session={"delegation": None, "triggers": None})
        await client.until("session.updated")


@each(
    "session",
    [{}, {"model": "m", "voice": "x"}, {"model": "m", "audio": {"format": {"type": "audio/pcm", "rate": 48000}}}],
)
async def test_a_session_that_cannot_be_is_refused_and_may_be_started_again(session: Json) -> None:
    async with local_server() as server, live_client(server) as client:
        await client.send("session.input_audio.mute")
        assert (await client.until("error"))["error"]["code"] == "session_not_started"
        await client.send("session.start", session=session)
        await client.until("error")
        await client.send("session.start", session=SESSION)
        await client.until("session.started")


@each("form", [("audio/pcm", 16_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)], ids=str)
async def test_the_sound_travels_in_the_format_that_was_asked_for(form: tuple[str, int]) -> None:
    session = SESSION | {"audio": {"format": {"type": form[0], "rate": form[1]}}}
    async with local_server() as server, live_client(server, session) as client:
        await client.until("session.output_audio.delta")
        delta = await client.until("session.output_audio.delta")
        assert len(base64.b64decode(delta["delta"])) == pytest.approx(
            form[1] / 25 * (2 if "pcm" == form[0][6:] else 1), abs=4
        )


async def test_a_fixture_is_played_whole_and_interrupts_the_model() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        await client.send("session.output_audio.fixture.play", audio=base64_of(VOICE[:9600]))
        await client.until("session.output_audio.fixture.playing")
        await client.until("session.output_audio.fixture.played")
        loud = [loudness(event) for event in client.events if event["type"] == "session.output_audio.delta"]
        assert max(loud, default=0) > 5000


async def test_closing_says_why_and_how_long_it_lasted() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        await client.send("session.close", event_id="bye")
        closed = await client.until("session.closed")
        assert (closed["reason"], closed["client_event_id"]) == ("close_requested", "bye")
        assert closed["usage"]["seconds"] >= 0
        await eventually(lambda: not server.house.sessions)


async def test_a_sideband_sees_both_sides_and_may_command() -> None:
    async with local_server() as server, live_client(server, SESSION) as client:
        session_id = client.events[0]["session"]["id"]
        async with live_client(server, path=f"/{session_id}/attach") as side:
            await client.say()
            await side.until("session.input_audio.append")
            await side.until("session.input_transcript.delta")
            sound = await side.until("session.output_audio.delta")
            assert sound["end_ms"] - sound["start_ms"] == 40
            await side.send("session.input_audio.mute")
            await client.until("session.input_audio.muted")
        async with ClientSession() as http:
            async with http.get(f"{server.base_url}/live/sessions/none/attach") as response:
                assert response.status == 404
