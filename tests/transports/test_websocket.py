"""What only a line over WebSocket does: the request, refusals, the end, and pings."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.peers import eventually, silence
from tests.support.service import Handler, Heard, SocketServer, always, listening
from tests.transports.socket_talk import KEY, talking, target
from voicechat.errors import SignallingError
from voicechat.transports import upgrade, websocket
from voicechat.transports.websocket import WebSocketLine


async def test_the_request_carries_model_key_and_the_users_own_headers_and_query() -> None:
    async with talking(headers={"OpenAI-Beta": "realtime=v1"}, query={"intent": "talk"}) as talk:
        (seen,) = talk.server.seen
    assert seen.path == "/v1/realtime" and seen.query == {"model": "some model", "intent": "talk"}
    assert seen.headers["authorization"] == f"Bearer {KEY}" and seen.headers["openai-beta"] == "realtime=v1"


async def test_the_key_travels_as_the_service_wants_it_and_a_beta_header_only_where_asked() -> None:
    choices: tuple[dict[str, Any], ...] = ({"auth_style": "api-key"}, {"auth_style": "query"}, {"key": ""})
    for wishes in choices:
        async with talking(**wishes) as talk:
            (seen,) = talk.server.seen
        assert "authorization" not in seen.headers and "openai-beta" not in seen.headers
        sent = seen.headers.get("api-key"), seen.query.get("api-key")
        assert sent == {"api-key": (KEY, None), "query": (None, KEY)}.get(wishes.get("auth_style", ""), (None, None))


async def test_an_address_of_its_own_replaces_the_one_below_the_base_url() -> None:
    server, line = SocketServer(), WebSocketLine(uplink=silence, heard=Heard())
    async with server.serving() as url:
        where = url.replace("http", "ws") + "/api/v9/session?tenant=a"
        await line.open(target("https://nowhere.invalid", websocket_url=where))
        await line.close(hang_up=True)
    assert server.seen[0].path == "/api/v9/session" and server.seen[0].query == {"tenant": "a", "model": "some model"}


@each("url", ["ws://u:p@host/x", "ftp://host", "wss://", "wss://host:99999/x"])
def test_an_address_nobody_can_call_is_told_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SignallingError, match="WebSocket address"):
        upgrade.address(target("https://x", websocket_url=url))


async def test_no_key_travels_unencrypted_to_another_machine() -> None:
    line = WebSocketLine(uplink=silence, heard=Heard())
    for wish in (target("http://192.0.2.1"), target("https://x", websocket_url="ws://192.0.2.1/x")):
        with pytest.raises(SignallingError, match="without encryption"):
            await line.open(wish)


@pytest.mark.parametrize(
    ("status", "body", "words", "code", "retryable"),
    [
        (401, '{"error": {"message": "Incorrect key sk-websocket-secret", "code": "invalid_api_key"}}', "Incorrect key",
         "invalid_api_key", False),
        (403, "", "does not allow", "", False),
        (404, '{"detail": "Not Found"}', "Not Found", "", False),
        (429, '{"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}', "Slow down",
         "rate_limit_exceeded", True),
        (503, "busy", "busy", "", True),
        (200, "hello", "takes no WebSocket", "no_websocket", False),
        (502, "<html><body>Bad gateway</body></html>", "web page", "html", True),
    ],
)  # fmt: skip
async def test_a_refused_upgrade_is_told_in_the_services_own_words(
    status: int, body: str, words: str, code: str, retryable: bool
) -> None:
    handler, _ = always(status, body, Retry_After="7")
    line = WebSocketLine(uplink=silence, heard=Heard())
    async with listening(handler) as url:
        with pytest.raises(SignallingError) as refusal:
            await line.open(target(url))
    error = refusal.value
    assert words in error.message and error.status == status and error.retryable is retryable and error.code == code
    assert KEY not in f"{error} {error.hint}"


async def test_a_redirect_never_carries_the_key_to_another_host() -> None:
    elsewhere, seen = always(200)
    async with listening(elsewhere) as there:

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(
                status=307, headers={"Location": there.replace("127.0.0.1", "localhost") + "/v1/realtime"}
            )

        async with listening(handler) as url:
            with pytest.raises(SignallingError, match="redirects to another"):
                await WebSocketLine(uplink=silence, heard=Heard()).open(target(url))
    assert seen == []


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def closes(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=4000, message=b"invalid_request_error.beta_api_shape_disabled")
    return socket


async def complains_and_closes(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"type": "error", "error": {"code": "invalid_api_key", "message": "Incorrect API key"}})
    await socket.close(code=1000)
    return socket


@pytest.mark.parametrize(
    ("handler", "code", "says", "retryable"),
    [
        (never, "timeout", "did not answer in time", True),
        (closes, "beta_api_shape_disabled", "beta dialect", False),
        (complains_and_closes, "invalid_api_key", "Incorrect API key", False),
    ],
)
async def test_a_service_that_never_answers_or_opens_only_to_close_has_refused(
    handler: Handler, code: str, says: str, retryable: bool
) -> None:
    heard = Heard()
    async with listening(handler) as url:
        with pytest.raises(SignallingError, match=says) as refusal:
            await WebSocketLine(uplink=silence, heard=heard).open(target(url, connect_timeout=0.2))
    assert (refusal.value.code, refusal.value.retryable) == (code, retryable) and heard.ends.empty()
    with pytest.raises(SignallingError) as refusal:
        await WebSocketLine(uplink=silence, heard=Heard()).open(target("http://127.0.0.1:9"))
    assert refusal.value.code == "refused"


async def test_a_service_that_never_greets_is_open_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_FIRST_WORD", 0.05)
    async with talking(SocketServer(greeting=None)) as talk:
        assert talk.line.send('{"type": "x"}') == ""
        assert await asyncio.wait_for(talk.server.texts.get(), 5) == '{"type": "x"}'


@pytest.mark.parametrize(
    ("code", "reason", "words", "name"),
    [
        (1001, b"session_expired", "maximum duration", "session_expired"),
        (1011, b"oh no", "oh no", "close 1011"),
        (1013, b"", "overloaded", "close 1013"),
    ],
)
async def test_the_end_of_a_session_is_told_with_its_reason_and_code(
    code: int, reason: bytes, words: str, name: str
) -> None:
    async with talking() as talk:
        await talk.server.socket.close(code=code, message=reason)
        assert words in await talk.heard.end() and talk.heard.codes == [name]


async def test_a_dead_line_is_noticed_by_missing_pongs() -> None:
    async with talking(SocketServer()) as talk:
        await eventually(lambda: talk.line.stats().rtt is not None)
        writer = talk.server.socket
        writer._autoping = False  # it reads on, but answers nothing any more
        assert "nothing came" in await talk.heard.end() and talk.heard.codes == ["line_lost"]


async def test_a_service_that_never_answers_pings_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(SocketServer(answers_pings=False)) as talk:
        begins, looks = talk.line._clock(), itertools.count(1)
        monkeypatch.setattr(talk.line, "_clock", lambda: begins + 0.1 * next(looks))
        monkeypatch.setattr(websocket, "LOOK_EVERY", 0.0)
        await eventually(lambda: next(looks) > 40)  # four seconds of its watch
        assert talk.heard.ends.empty() and talk.line.stats().rtt is None
        assert talk.line.send('{"type": "x"}') == ""


async def test_an_orderly_goodbye_is_said_after_what_still_waits() -> None:
    async with talking() as talk:
        for number in range(50):
            talk.line.send(json.dumps({"type": "x", "n": number}))
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(talk.server.closed.wait(), 5)
        assert talk.server.close_code == 1000 and talk.server.texts.qsize() == 50
