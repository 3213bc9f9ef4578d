"""The server over real sockets, by a client that is not ours: the `openai` package's Realtime connection."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat import visitors
from voicechat.local_server.server import Server, WebSocketLine
from voicechat.local_server.session import MOST_SESSIONS, Session
from voicechat.local_server.spawn import start_local_server
from voicechat.local_server.speech import engine_is_missing

TIMEOUT = 20.0
TRANSCRIBED: Any = {"type": "realtime", "audio": {"input": {"transcription": {"model": "any"}}}}


@asynccontextmanager
async def connected(base_url: str) -> AsyncIterator[AsyncRealtimeConnection]:
    client = AsyncOpenAI(api_key="any", base_url=base_url)
    async with client, client.realtime.connect(model="any") as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """All events up to and including the first of a type."""
    seen: list[Any] = []
    async with asyncio.timeout(TIMEOUT):
        while True:
            event = await connection.recv()
            seen.append(event)
            if event.type == kind:
                return seen


async def speak(connection: AsyncRealtimeConnection, pcm: NDArray[np.float32]) -> None:
    """Append sound (24 kHz) in pieces of 100 ms, as fast as it goes."""
    data = (np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes()
    for at in range(0, len(data), 4_800):
        await connection.input_audio_buffer.append(audio=base64.b64encode(data[at : at + 4_800]).decode())


def utterance() -> NDArray[np.float32]:
    voice = 0.5 * np.sin(2 * np.pi * 200 * np.arange(24_000) / 24_000)
    return np.concatenate([np.zeros(12_000), voice, np.zeros(24_000)]).astype(np.float32)


def texts(events: list[Any], kind: str) -> str:
    return "".join(event.delta for event in events if event.type == kind)


async def test_the_openai_package_holds_a_spoken_turn() -> None:
    async with local_server() as server, connected(server.base_url) as connection:
        created = (await until(connection, "session.created"))[-1]
        assert created.session.id.startswith("sess_") and created.event_id
        await connection.session.update(session=TRANSCRIBED)
        await until(connection, "session.updated")
        await speak(connection, utterance())
        events = await until(connection, "response.done")
    assert texts(events, "conversation.item.input_audio_transcription.delta") == "What is twelve times seven?"
    sound = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
    words = texts(events, "response.output_audio_transcript.delta")
    assert "84" in words and len(sound) == int(24_000 * 0.05 * len(words)) * 2
    assert events[-1].response.status == "completed" and events[-1].response.usage.output_tokens > 0
    assert len({event.event_id for event in events}) == len(events)


async def test_the_openai_package_holds_a_typed_turn_in_text() -> None:
    async with local_server() as server, connected(server.base_url) as connection:
        item: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "12 times 7?"}],
        }
        await connection.conversation.item.create(item=item)
        await connection.response.create(response={"output_modalities": ["text"]})
        events = await until(connection, "response.done")
    assert "84" in texts(events, "response.output_text.delta")


async def test_a_refusal_reaches_the_client_with_its_own_event_id() -> None:
    async with local_server() as server, connected(server.base_url) as connection:
        wish: Any = {"type": "realtime", "foo": 1}
        await connection.session.update(session=wish, event_id="mine")
        error = (await until(connection, "error"))[-1].error
    assert (error.code, error.param, error.event_id) == ("unknown_parameter", "session.foo", "mine")


async def test_a_user_who_cuts_in_ends_the_answer_that_is_being_made() -> None:
    async with local_server(fault="slow-first-sound=30") as server, connected(server.base_url) as connection:
        await speak(connection, utterance())
        await until(connection, "response.created")
        await speak(connection, utterance())
        done = (await until(connection, "response.done"))[-1].response
    assert done.status == "cancelled" and done.status_details.reason == "turn_detected"


async def raw_events(server: Server, count: int, send: str = "", **connect: Any) -> list[dict[str, Any]]:
    url = f"{server.base_url}/realtime"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, **connect) as socket:
        if send:
            await socket.send_str(send)
        return [await socket.receive_json(timeout=TIMEOUT) for _ in range(count)]


async def test_the_beta_header_makes_a_beta_session() -> None:
    async with local_server() as server:
        events = await raw_events(server, 1, headers={"OpenAI-Beta": "realtime=v1"})
    assert events[0]["session"]["modalities"] == ["text", "audio"]
    assert events[0]["session"]["input_audio_format"] == "pcm16"


async def test_a_beta_client_hears_beta_names_only() -> None:
    item = '{"type": "response.create", "response": {"modalities": ["text"]}}'
    async with local_server() as server:
        events = await raw_events(server, 10, item, headers={"OpenAI-Beta": "realtime=v1"})
    kinds = [event["type"] for event in events]
    assert "response.text.delta" in kinds and "conversation.item.created" in kinds
    assert not [kind for kind in kinds if "output_text" in kind]
    assert "conversation.item.added" not in kinds and "conversation.item.done" not in kinds


async def test_a_browser_that_passes_its_key_as_a_subprotocol_gets_realtime_selected() -> None:
    protocols = ("realtime", "openai-insecure-api-key.abc")
    async with local_server() as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{server.base_url}/realtime", protocols=protocols) as socket:
            assert socket.protocol == "realtime"


async def test_a_web_page_from_elsewhere_is_kept_out_and_one_from_here_let_in() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        url = f"{server.base_url}/realtime"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url, headers={"Origin": "https://example.com"})
        assert refused.value.status == 403
        async with http.ws_connect(url, headers={"Origin": "http://localhost:3000"}) as socket:
            assert (await socket.receive_json(timeout=TIMEOUT))["type"] == "session.created"
        async with http.get(f"{server.base_url}/models", headers={"Host": "evil.example"}) as reply:
            assert reply.status == 403


async def test_sessions_are_limited_and_a_closed_one_makes_room() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http, AsyncExitStack() as closing:
        url = f"{server.base_url}/realtime"
        sockets = [await closing.enter_async_context(http.ws_connect(url)) for _ in range(MOST_SESSIONS)]
        for socket in sockets:
            await socket.receive_json(timeout=TIMEOUT)
        with pytest.raises(aiohttp.WSServerHandshakeError) as full:
            await http.ws_connect(url)
        assert full.value.status == 503
        await sockets[0].close()
        await eventually(lambda: len(server.house.sessions) < MOST_SESSIONS)
        async with http.ws_connect(url) as socket:
            assert (await socket.receive_json(timeout=TIMEOUT))["type"] == "session.created"


async def test_many_sockets_at_once_get_no_more_sessions_than_there_are() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http, AsyncExitStack() as closing:
        url = f"{server.base_url}/realtime"
        asked = [closing.enter_async_context(http.ws_connect(url)) for _ in range(3 * MOST_SESSIONS)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        sockets = [answer for answer in answers if isinstance(answer, aiohttp.ClientWebSocketResponse)]
        refused = [answer.status for answer in answers if isinstance(answer, aiohttp.WSServerHandshakeError)]
        assert len(sockets) == MOST_SESSIONS and refused == [503] * (2 * MOST_SESSIONS)
        await asyncio.gather(*(socket.close() for socket in sockets))
        await eventually(lambda: not server.house.sessions)
        async with http.ws_connect(url) as socket:
            assert (await socket.receive_json(timeout=TIMEOUT))["type"] == "session.created"


@pytest.mark.parametrize(
    "sent", [b"GET /hea", b"POST /v1/realtime/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"]
)
async def test_a_half_sent_request_is_ended(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "SEND_WITHIN", 0.1)
    for rest in (b"", b"Content-Type: application/sdp\r\n\r\nv=0"):
        async with local_server() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent + rest)
            async with asyncio.timeout(5.0):  # the connection too, not the answer alone
                with contextlib.suppress(ConnectionError):
                    answer = await reader.read()
                    assert not answer or b" 408 " in answer or b" 400 " in answer
            writer.close()


async def test_a_malformed_request_leaves_no_address_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with local_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nHost\x00: b\r\n\r\n")
        async with asyncio.timeout(TIMEOUT):
            assert b" 400 " in await reader.read()
        writer.close()
    assert "127.0.0.1" not in caplog.text and "Traceback" not in caplog.text


async def test_binary_noise_and_broken_json_leave_the_session_usable() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{server.base_url}/realtime") as socket:
            await socket.send_bytes(b"\xff\xfe\x00")
            await socket.send_str("{")
            await socket.send_str('{"type": "input_audio_buffer.clear"}')
            kinds = [(await socket.receive_json(timeout=TIMEOUT))["type"] for _ in range(4)]
    assert kinds[1:] == ["error", "error", "input_audio_buffer.cleared"]


async def test_health_and_models_answer() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        async with http.get(f"{server.base_url}/models") as reply:
            assert (await reply.json())["data"][0]["id"]
        async with http.get(f"http://127.0.0.1:{server.port}/health") as reply:
            assert (await reply.json())["status"] in ("loading", "ready")


@pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
async def test_a_question_spoken_to_the_real_engine_is_understood_and_answered_aloud() -> None:
    from voicechat.local_server.speech.engine import load_engine

    server = await start_local_server(os.environ, brain_url="none")
    try:
        engine = await asyncio.to_thread(load_engine)
        question = np.concatenate([*engine.voice.speak("What is twelve times seven?"), np.zeros(24_000, np.float32)])
        async with connected(server.base_url) as connection:
            await connection.session.update(session=TRANSCRIBED)
            await until(connection, "session.updated")
            await speak(connection, question)
            events = await until(connection, "response.done")
        completed = [e.transcript for e in events if e.type == "conversation.item.input_audio_transcription.completed"]
        assert completed == ["What is twelve times seven?"]
        assert "84" in texts(events, "response.output_audio_transcript.delta")
        sound = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
        heard = (
            np.frombuffer(sound, "<i2").astype(np.float32)[: len(sound) // 6 * 3].reshape(-1, 3).mean(axis=1) / 32768
        )
        padded = np.pad(heard, 12_000)
        at_16k = np.interp(np.arange(0, len(padded), 0.5), np.arange(len(padded)), padded).astype(np.float32)
        assert "84" in engine.recogniser.transcribe(at_16k) or "eighty" in engine.recogniser.transcribe(at_16k).lower()
    finally:
        await server.stop()
    assert not server.is_running


async def test_a_connection_that_breaks_behind_a_ping_is_no_error_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with local_server() as server, connected(server.base_url) as connection:
        await until(connection, "session.created")
        [session] = server.house.sessions
        assert isinstance(session, Session) and isinstance(session.line, WebSocketLine)
        request = session.line.socket._req
        assert request is not None and request.transport is not None
        request.protocol.data_received(b"\x89\x80\0\0\0\0")
        request.transport.abort()
        await eventually(lambda: not server.house.sessions)
        await asyncio.sleep(0.05)
    assert not caplog.records
