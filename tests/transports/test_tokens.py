"""Short-lived keys: what is asked for, what is understood, and what never travels or shows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.local_server import local_server
from tests.support.service import Seen, always, listening
from voicechat.errors import SignallingError
from voicechat.transports.signalling import CallAnswer, exchange_sdp, hang_up
from voicechat.transports.target import LineTarget
from voicechat.transports.tokens import Token, from_token_url, mint
from voicechat.transports.upgrade import upgrade

KEY = "sk-secret-0123456789"
ACCESS = "access-0123456789abcdef"
SESSION = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
NOW = 1_800_000_000.0


def target(url: str, **more: Any) -> LineTarget:
    return replace(LineTarget(url, KEY, "gpt-realtime", "client_secret", SESSION, connect_timeout=5.0), **more)


async def minted(wanted: LineTarget, now: float = NOW, life: int = 0) -> Token:
    async with aiohttp.ClientSession() as http:
        return await mint(http, wanted, now, life=life)


async def fetched(url: str, access: str = "", now: float = NOW, **more: Any) -> Token:
    async with aiohttp.ClientSession() as http:
        return await from_token_url(http, url, access, now, **more)


async def failure(asked: Any) -> SignallingError:
    with pytest.raises(SignallingError) as caught:
        await asked
    error = caught.value
    assert error.message and "\n" not in error.message and error.hint
    assert KEY not in str(error) and ACCESS not in str(error)
    return error


def answer(**body: object) -> tuple[Any, list[Seen]]:
    return always(200, json.dumps(body), Content_Type="application/json", Date=formatdate(NOW, usegmt=True))


async def test_a_client_secret_is_asked_for_with_session_model_and_life() -> None:
    handler, seen = answer(value="ek_1", expires_at=NOW + 600, session={"model": "gpt-realtime"})
    async with listening(handler) as url:
        token = await minted(target(url), life=9_999)
    assert (token.value, token.expires_at, token.session) == ("ek_1", NOW + 600, {"model": "gpt-realtime"})
    (one,) = seen
    assert (one.method, one.path) == ("POST", "/v1/realtime/client_secrets")
    assert one.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(one.body) == {
        "session": {**SESSION, "model": "gpt-realtime"},
        "expires_after": {"anchor": "created_at", "seconds": 7200},
    }


async def test_the_beta_interface_gets_a_flat_session_and_answers_with_a_client_secret() -> None:
    handler, seen = answer(id="sess_1", client_secret={"value": "ek_b", "expires_at": NOW + 60})
    async with listening(handler) as url:
        token = await minted(target(url, handshake="sessions"))
    assert (token.value, token.expires_at) == ("ek_b", NOW + 60)
    assert seen[0].path == "/v1/realtime/sessions"
    assert json.loads(seen[0].body) == {"model": "gpt-realtime", "voice": "marin"}


async def test_azure_mints_at_an_address_of_its_own_with_a_header_of_its_own() -> None:
    handler, seen = answer(client_secret={"value": "ek_z", "expires_at": NOW + 60})
    async with listening(handler) as url:
        own = f"{url}/openai/realtimeapi/sessions?api-version=2025-04-01-preview"
        await minted(target("https://nowhere.invalid", handshake="sessions", mint_url=own, auth_style="api-key"))
    (one,) = seen
    assert one.path == "/openai/realtimeapi/sessions" and one.query == {"api-version": "2025-04-01-preview"}
    assert one.headers["api-key"] == KEY and "authorization" not in one.headers


async def test_a_token_is_renewed_before_it_dies_and_never_shown() -> None:
    token = Token("ek_secret", NOW + 60)
    assert not token.needs_renewal(NOW + 40)
    assert token.needs_renewal(NOW + 56) and token.needs_renewal(NOW + 100)
    assert "ek_secret" not in repr(token)


@each("off", [-7200.0, -90.0, 90.0, 7200.0])
async def test_a_clock_that_is_wrong_neither_kills_a_token_nor_keeps_it_alive(off: float) -> None:
    handler, _ = answer(value="ek_1", expires_at=NOW + 600)
    async with listening(handler) as url:
        token = await minted(target(url), now=NOW + off)
    assert token.expires_at == NOW + off + 600


@each("said", [None, "soon", True, -5, 1, 10**30])
async def test_an_end_that_makes_no_sense_counts_as_not_said(said: object) -> None:
    handler, _ = answer(value="ek_1", expires_at=said)
    async with listening(handler) as url:
        assert (await minted(target(url))).expires_at == NOW + 600


@each(
    "body", ["", "[]", "{}", '{"value": ""}', '{"value": 3}', '{"value": "a b"}', '{"client_secret": {}}', "[" * 9_000]
)
async def test_an_answer_without_a_token_is_said_to_be_none(body: str) -> None:
    handler, _ = always(200, body, Content_Type="application/json")
    async with listening(handler) as url:
        error = await failure(minted(target(url)))
    assert error.code == "no_token" and not error.retryable


@each(
    ("status", "body", "code", "retryable"),
    [
        (401, {"error": {"message": f"Incorrect API key: {KEY}", "code": "invalid_api_key"}}, "invalid_api_key", False),
        (429, {"error": {"message": "quota", "code": "insufficient_quota"}}, "insufficient_quota", False),
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded", True),
        (500, {"error": {"message": "oops", "type": "server_error"}}, "server_error", True),
        (404, "<!doctype html><html>not here</html>", "html", False),
    ],
)
async def test_a_refusal_keeps_the_code_of_the_service(status: int, body: object, code: str, retryable: bool) -> None:
    handler, _ = always(status, body if isinstance(body, str) else json.dumps(body))
    async with listening(handler) as url:
        error = await failure(minted(target(url)))
    assert (error.code, error.retryable, error.status) == (code, retryable, status)


async def test_a_service_that_hangs_is_given_up_in_time_and_no_redirect_is_followed() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with listening(hang) as url:
        error = await failure(minted(target(url, connect_timeout=0.2)))
    assert error.code == "timeout" and error.retryable
    handler, seen = always(307, "", Location="http://127.0.0.1:9/elsewhere")
    async with listening(handler) as url:
        await failure(minted(target(url)))
    assert len(seen) == 1


async def test_neither_a_key_nor_a_token_travels_without_encryption() -> None:
    for asked in (minted(target("http://example.test")), fetched("http://example.test/session")):
        error = await failure(asked)
        assert error.code == "unencrypted" and "--insecure" in error.hint


@each("url", ["", "session", "ftp://host/x", "http://", "http://u:p@127.0.0.1/", "http://[bad"])
async def test_an_address_that_is_none_is_said_to_be_none(url: str) -> None:
    assert (await failure(fetched(url))).code == "invalid"


@each(
    "body",
    [
        {"value": "ek_1", "expires_at": NOW + 60},
        {"client_secret": {"value": "ek_1", "expires_at": NOW + 60}},
        {"value": "ek_1", "expires_at": NOW + 60, "client_secret": {"value": "ek_1", "expires_at": NOW + 60}},
    ],
)
async def test_a_token_server_may_answer_in_either_shape(body: dict[str, object]) -> None:
    handler, seen = answer(**body)
    async with listening(handler) as url:
        token = await fetched(f"{url}/session", ACCESS)
    assert (token.value, token.expires_at) == ("ek_1", NOW + 60)
    assert seen[0].method == "GET" and seen[0].headers["authorization"] == f"Bearer {ACCESS}"


@each(
    ("status", "code", "retryable", "hint"),
    [
        (401, "access_required", False, "VOICECHAT_TOKEN_ACCESS"),
        (429, "rate_limited", True, "wait 7 s"),
        (502, "insufficient_quota", False, "administrator"),
    ],
)
async def test_a_token_servers_own_sentence_reaches_the_user(
    status: int, code: str, retryable: bool, hint: str
) -> None:
    body = json.dumps({"error": code, "message": "So it is."})
    handler, _ = always(status, body, **({"Retry_After": "7"} if status == 429 else {}))
    async with listening(handler) as url:
        error = await failure(fetched(f"{url}/session", ACCESS))
    assert (error.code, error.retryable) == (code, retryable)
    assert "So it is." in error.message and hint in error.hint


@each("handshake", ["client_secret", "sessions"])
async def test_the_local_server_mints_both_kinds(handshake: str) -> None:
    async with local_server() as server:
        token = await minted(target(server.base_url, handshake=handshake, model="voicechat-local"), now=time.time())
    assert token.value.startswith("ek_") and not token.needs_renewal(time.time())


# Short-lived keys that die on the way are replaced once: by their time, or because the service says so (R27)


@dataclass
class Minter:
    """Gives tokens ek_1, ek_2, ... of `life` seconds, and refuses those in `dead` as expired."""

    life: float = 60.0
    dead: set[str] = field(default_factory=set)
    minted: int = 0
    used: list[str] = field(default_factory=list)
    now: float = NOW

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith(("client_secrets", "/session")):
            self.minted += 1
            return web.json_response({"value": f"ek_{self.minted}", "expires_at": self.now + self.life})
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.used.append(key)
        if key in self.dead:
            error = {"message": "Ephemeral token expired", "type": "invalid_request_error", "code": None}
            return web.json_response({"error": error}, status=401)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.receive()
            return socket
        place = {"Location": "/v1/realtime/calls/rtc_1"}
        return web.Response(status=201, text="v=0\r\no=answer\r\n", headers=place)

    def times(self, *seconds: float) -> Iterator[float]:
        """The clock as it is looked at, after each other; the service's clock goes along."""
        for second in seconds:
            self.now = NOW + second
            yield NOW + second
        while True:
            yield self.now

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LineTarget]:
        # Without a Date header in step with the fake clock, `expires_at` would be moved to the machine's own.
        async with listening(self._undated) as url:
            yield LineTarget(url, KEY, "gpt-realtime", "client_secret", {}, connect_timeout=5.0)

    async def _undated(self, request: web.Request) -> web.StreamResponse:
        response = await self.handle(request)
        if not response.prepared:
            response.headers["Date"] = "unknown"
        return response


async def call(target: LineTarget, clock: Iterator[float]) -> CallAnswer:
    async with aiohttp.ClientSession() as http:
        return await exchange_sdp(http, target, "v=0\r\no=offer\r\n", "client_secret", wall=lambda: next(clock))


@each(
    ("life", "dead", "seconds", "minted", "used"),
    [
        (10.0, set(), (0.0, 0.5), 1, ["ek_1"]),  # it lives
        (60.0, set(), (0.0, 58.0), 2, ["ek_2"]),  # it expired before its use
        (60.0, {"ek_1"}, (0.0,), 2, ["ek_1", "ek_2"]),  # the service says so
    ],
)
async def test_only_a_token_that_has_expired_is_renewed_and_then_the_call_is_made(
    life: float, dead: set[str], seconds: tuple[float, ...], minted: int, used: list[str]
) -> None:
    service = Minter(life=life, dead=dead)
    async with service.serving() as target:
        answer = await call(target, service.times(*seconds))
    assert (service.minted, service.used, answer.key) == (minted, used, used[-1])


async def test_a_service_that_calls_every_token_expired_is_not_asked_without_end() -> None:
    service = Minter(dead={f"ek_{count}" for count in range(9)})
    async with service.serving() as target:
        with pytest.raises(SignallingError, match="expired"):
            await call(target, service.times(0.0))
    assert service.minted == 2


async def test_a_session_that_rolls_over_after_its_token_has_expired_gets_a_new_one() -> None:
    service = Minter()
    async with service.serving() as target:
        first = await call(target, service.times(0.0))
        service.dead.add(first.key)
        second = await call(target, service.times(3_600.0))
    assert (first.key, second.key) == ("ek_1", "ek_2") and service.used == ["ek_1", "ek_2"]


@pytest.mark.parametrize(("after", "key"), [(30.0, "ek_1"), (90.0, KEY)])
async def test_a_call_is_hung_up_with_a_key_that_lives(after: float, key: str) -> None:
    service = Minter()
    async with service.serving() as target, aiohttp.ClientSession() as http:
        answer = await call(target, service.times(0.0))
        assert await hang_up(http, target, answer, wall=lambda: NOW + after) == ""
        without = await hang_up(http, replace(target, key=""), answer, wall=lambda: NOW + 90.0)
    assert service.used[1] == key and "has run out" in without


async def test_a_websocket_with_an_expired_token_is_opened_with_a_new_one() -> None:
    service = Minter(dead={"ek_1"})
    async with service.serving() as target:
        given = replace(target, key="", token_url=f"{target.base_url}/session")
        clock = service.times(0.0)
        opened = await upgrade(given, wall=lambda: next(clock))
        await opened.close()
    assert service.used == ["ek_1", "ek_2"]
