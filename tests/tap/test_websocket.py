"""A WebSocket client behind the tap sees what it would see without it, frame by frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from openai import AsyncOpenAI

from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.service import Handler
from tests.tap.tapped import Tapped, service, tapping

KEY = "sk-tapped-0123456789abcdef"
TIMEOUT = 10.0
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}


def everywhere(folder: Path) -> str:
    """All text in a folder."""
    return "".join(file.read_bytes().decode("utf-8", "replace") for file in folder.rglob("*") if file.is_file())


async def opened(request: web.Request, *protocols: str) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=0, autoping=False, protocols=protocols)
    await socket.prepare(request)
    return socket


@asynccontextmanager
async def through(handler: Handler, record: Path | None = None) -> AsyncIterator[tuple[Tapped, aiohttp.ClientSession]]:
    """A tap before this service, and a client to call it with."""
    async with service(handler) as url, tapping(url, record) as tapped, aiohttp.ClientSession() as http:
        yield tapped, http


async def echoing(request: web.Request) -> web.WebSocketResponse:
    socket = await opened(request)
    async for message in socket:
        await socket.send_frame(
            message.data.encode() if message.type is WSMsgType.TEXT else bytes(message.data), message.type
        )
    return socket


async def test_the_openai_package_talks_through_it() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped:
        client = AsyncOpenAI(api_key=KEY, base_url=tapped.base_url)
        async with client, client.realtime.connect(model="any") as connection:
            item: Any = {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "12 times 7?"}],
            }
            await connection.conversation.item.create(item=item)
            await connection.response.create(response={"output_modalities": ["text"]})
            async with asyncio.timeout(TIMEOUT):
                while (await connection.recv()).type != "response.done":
                    pass
        await eventually(lambda: "tap.ended" in tapped.types())
        turns = tapped.sessions[0].model.state.conversation.turns
        assert any("84" in turn.text for turn in turns) and tapped.find("tap.ended")["code"] == 1000


async def test_headers_query_and_subprotocols_reach_the_service_as_the_client_sent_them(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.WebSocketResponse:
        seen.update(headers=dict(request.headers), path=request.raw_path)
        return await opened(request, "realtime")

    async with through(answer, tmp_path) as (tapped, http):
        protocols = ("realtime", f"openai-insecure-api-key.{KEY}")
        headers = {"Authorization": f"Bearer {KEY}", "OpenAI-Beta": "realtime=v1", "X-Mine": "yes"}
        asked = f"{tapped.base_url}/realtime?model=a%20b&api-key={KEY}"
        async with http.ws_connect(asked, headers=headers, protocols=protocols) as socket:
            assert socket.protocol == "realtime"
        await eventually(lambda: "tap.ended" in tapped.types())
        told = json.dumps([one.event for one in tapped.happened])
    assert seen["headers"]["Authorization"] == f"Bearer {KEY}" and seen["headers"]["X-Mine"] == "yes"
    assert seen["headers"]["OpenAI-Beta"] == "realtime=v1" and KEY in seen["headers"]["Sec-WebSocket-Protocol"]
    assert seen["path"] == f"/v1/realtime?model=a%20b&api-key={KEY}"
    assert KEY not in told and KEY not in everywhere(tmp_path) and "model=a%20b" in told


async def test_secrets_inside_events_travel_on_and_are_neither_shown_nor_recorded(tmp_path: Path) -> None:
    update = {
        "type": "session.update",
        "session": {"tools": [{"type": "mcp", "authorization": "very-private-1", "headers": {"X": "very-private-2"}}]},
        "note": f"my key is {KEY}",
    }
    async with through(echoing, tmp_path) as (tapped, http):
        async with http.ws_connect(f"{tapped.base_url}/realtime", headers={"api-key": KEY}) as socket:
            await socket.send_str(json.dumps(update))
            assert json.loads(await socket.receive_str(timeout=TIMEOUT)) == update
        await eventually(lambda: "tap.ended" in tapped.types())
        rows = "".join(json.dumps(row.event) for row in tapped.sessions[0].log.recent)
    for told in (rows, everywhere(tmp_path)):
        assert "session.update" in told and KEY not in told and "very-private" not in told


async def test_text_binary_ping_and_pong_pass_byte_for_byte_and_are_not_answered_here() -> None:
    frames = [
        ('{"a":  1 , "ü": "\\u00fc"}'.encode(), WSMsgType.TEXT),
        (b"\x00\xff\xfe not text", WSMsgType.BINARY),
        (b"are you there", WSMsgType.PING),
        (b"unasked", WSMsgType.PONG),
        (b"", WSMsgType.TEXT),
    ]
    async with through(echoing) as (tapped, http):
        async with http.ws_connect(f"{tapped.base_url}/realtime", autoping=False) as socket:
            for raw, kind in frames:
                await socket.send_frame(raw, kind)
            back = [await socket.receive(timeout=TIMEOUT) for _ in frames]
    got = [(one.data.encode() if isinstance(one.data, str) else bytes(one.data), one.type) for one in back]
    assert got == frames


async def test_a_frame_of_twenty_megabytes_goes_there_and_back_whole() -> None:
    huge = json.dumps({"type": "input_audio_buffer.append", "audio": "QUJD" * 5_000_000})
    async with through(echoing) as (tapped, http):
        async with http.ws_connect(f"{tapped.base_url}/realtime", max_msg_size=0) as socket:
            await socket.send_str(huge)
            assert await socket.receive_str(timeout=30) == huge
        tapped.registry.later.finish()
        assert all(len(json.dumps(row.event)) < 5_000 for row in tapped.sessions[0].log.recent)


async def test_a_refusal_reaches_the_client_with_its_status_headers_and_body() -> None:
    body = b'{"error": {"message": "Incorrect API key provided: sk-tapped*cdef.", "code": "invalid_api_key"}}'

    async def refuse(request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/json", "x-request-id": "req_1", "Retry-After": "7"}
        return web.Response(status=401, body=body, headers=headers)

    async with through(refuse) as (tapped, http):
        headers = {**UPGRADE, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        async with http.get(f"{tapped.base_url}/realtime", headers=headers) as reply:
            assert (reply.status, await reply.read()) == (401, body)
            assert reply.headers["x-request-id"] == "req_1" and reply.headers["Retry-After"] == "7"
        ended = tapped.find("tap.ended")
    assert ended["status"] == 401 and "Incorrect API key" in str(ended["reason"])


async def test_a_redirect_is_the_clients_to_follow() -> None:
    async def move(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "https://example.com/v1/realtime"})

    async with through(move) as (tapped, http):
        async with http.get(f"{tapped.base_url}/realtime", headers=UPGRADE, allow_redirects=False) as reply:
            assert (reply.status, reply.headers["Location"]) == (307, "https://example.com/v1/realtime")


async def test_close_codes_and_reasons_go_both_ways() -> None:
    closed: list[tuple[int | None, str]] = []

    async def end(request: web.Request) -> web.WebSocketResponse:
        socket = await opened(request)
        message = await socket.receive()
        if message.type is WSMsgType.CLOSE:
            closed.append((message.data, message.extra or ""))
        else:
            await socket.close(code=4004, message=b"the session has expired")
        return socket

    async with through(end) as (tapped, http):
        async with http.ws_connect(f"{tapped.base_url}/realtime") as socket:
            await socket.send_str("{}")
            message = await socket.receive(timeout=TIMEOUT)
            assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4004, "the session has expired")
        async with http.ws_connect(f"{tapped.base_url}/realtime") as socket:
            await socket.close(code=4321, message=b"I am done")
        await eventually(lambda: closed)
        ended = tapped.find("tap.ended")
    assert closed == [(4321, "I am done")]
    assert ended["by"] == "upstream" and ended["code"] == 4004


async def test_a_service_that_dies_takes_the_client_with_it_and_without_a_close_frame() -> None:
    async def die(request: web.Request) -> web.WebSocketResponse:
        socket = await opened(request)
        await socket.receive()
        assert request.transport is not None
        request.transport.abort()
        return socket

    async with through(die) as (tapped, http):
        async with http.ws_connect(f"{tapped.base_url}/realtime") as socket:
            await socket.send_str("{}")
            message = await socket.receive(timeout=TIMEOUT)
            assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR) and socket.close_code != 1000
        assert tapped.find("tap.ended")["by"] == "upstream"


async def test_a_client_that_vanishes_is_gone_for_the_service_too() -> None:
    gone = asyncio.Event()

    async def wait(request: web.Request) -> web.WebSocketResponse:
        socket = await opened(request)
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
        gone.set()
        return socket

    async with service(wait) as url, tapping(url) as tapped:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{tapped.base_url}/realtime") as socket:
            await socket.send_str("{}")
            await http.close()  # the connection, without a word
            async with asyncio.timeout(TIMEOUT):
                await gone.wait()
        await eventually(lambda: "tap.ended" in tapped.types())
        assert tapped.find("tap.ended")["by"] == "client"


async def test_a_service_that_is_not_there_is_said_so_to_client_and_screen() -> None:
    async with tapping("http://127.0.0.1:9/v1") as tapped, aiohttp.ClientSession() as http:
        async with http.get(f"{tapped.base_url}/realtime", headers=UPGRADE) as reply:
            assert reply.status == 502 and (await reply.json())["error"]["code"] == "upstream_unreachable"
        assert "cannot be reached" in str(tapped.find("tap.ended")["reason"])


async def test_a_page_from_another_computer_is_kept_out() -> None:
    async with through(echoing) as (tapped, http):
        for headers in ({"Origin": "https://example.com"}, {"Host": "evil.example"}):
            async with http.get(f"{tapped.base_url}/models", headers=headers) as reply:
                assert reply.status == 403


async def test_every_client_has_a_session_of_its_own_seen_from_both_sides() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped, aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.ws_connect(f"{tapped.base_url}/realtime?model=any") as socket:
                created = await socket.receive_json(timeout=TIMEOUT)
                await socket.send_str('{"type": "input_audio_buffer.clear"}')
                cleared = await socket.receive_json(timeout=TIMEOUT)
            assert created["session"]["model"] == "any" and cleared["type"] == "input_audio_buffer.cleared"
        await eventually(lambda: tapped.types().count("tap.ended") == 2)
        assert [one.caller.number for one in tapped.sessions] == [1, 2]
        assert len({one.model.state.configuration.effective["id"] for one in tapped.sessions}) == 2
        assert tapped.types("in")[0] == "session.created" and tapped.types("out") == ["input_audio_buffer.clear"] * 2
        assert tapped.find("tap.ended")["by"] == "client"
        assert tapped.sessions[0].model.state.connection.phase == "ended"
