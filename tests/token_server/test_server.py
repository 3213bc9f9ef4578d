"""The token server on real sockets, before services that answer as services in the wild do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Literal

import aiohttp
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.service import Seen, always, listening
from voicechat.token_server import AccessRules, TokenServer
from voicechat.transports.target import LineTarget
from voicechat.transports.tokens import Token, from_token_url, mint

KEY = "sk-standard-0123456789"
ACCESS = "access-0123456789abcdef"
PAGE = "https://app.example"


@dataclass
class Got:
    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Service:
    """A token server that runs, and how to ask it."""

    server: TokenServer
    http: aiohttp.ClientSession

    async def get(self, path: str = "/session", method: str = "GET", **headers: str) -> Got:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, self.url(path), headers=named) as response:
            text = await response.text()
            return Got(response.status, json.loads(text) if text else None, dict(response.headers))

    def url(self, path: str = "/session") -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"


@asynccontextmanager
async def tokens_of(upstream: str, access_rules: AccessRules | None = None, **more: Any) -> AsyncIterator[Service]:
    target = LineTarget(upstream, KEY, "gpt-realtime", "client_secret", connect_timeout=more.pop("patience", 5.0))
    async with aiohttp.ClientSession() as http:

        async def fresh() -> Token:
            return await mint(http, target, time.time())

        server = TokenServer(fresh, access_rules or AccessRules(), **more)
        await server.start("127.0.0.1", 0)
        try:
            yield Service(server, http)
        finally:
            await server.stop()


@asynccontextmanager
async def tokens(access_rules: AccessRules | None = None, **more: Any) -> AsyncIterator[tuple[Service, list[Seen]]]:
    """A token server before a service that gives tokens, and what that was asked."""
    body = {"value": "ek_1", "expires_at": int(time.time()) + 600, "session": {"model": "gpt-realtime"}}
    handler, seen = always(200, json.dumps(body), Date=formatdate(usegmt=True))
    async with listening(handler) as upstream, tokens_of(upstream, access_rules, **more) as service:
        yield service, seen


async def shown_out(service: Service, sent: bytes) -> Literal[True] | bytes:
    """True when the connection was closed without a word, else what was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 5) or True
    except ConnectionError:
        return True
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_one_body_satisfies_clients_of_both_interfaces() -> None:
    async with tokens() as (service, seen):
        got = await service.get()
        token = await from_token_url(service.http, service.url(), "", time.time())
        shapes = [await service.get(f"/session?shape={shape}") for shape in ("ga", "beta", "round")]
    assert got.status == 200 and got.headers["Cache-Control"] == "no-store"
    assert got.body["value"] == got.body["client_secret"]["value"] == token.value == "ek_1"
    assert got.body["expires_at"] == got.body["client_secret"]["expires_at"]
    assert got.body["session"] == {"model": "gpt-realtime"}
    assert [set(one.body) for one in shapes[:2]] == [{"value", "expires_at", "session"}, {"client_secret"}]
    assert shapes[2].status == 400
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(got.body)


@pytest.mark.parametrize(
    ("status", "body", "headers", "told_status", "error", "retry"),
    [
        (401, {"error": {"message": f"Incorrect key {KEY[:9]}***", "code": "invalid_api_key"}}, {}, 502, "key", ""),
        (403, {"error": {"message": "org-SECRET may not"}}, {}, 502, "upstream_key_refused", ""),
        (429, {"error": {"message": "org-SECRET: slow", "code": "rate_limit_exceeded"}}, {"Retry_After": "7"}, 503,
         "upstream_rate_limited", "7"),
        (429, {"error": {"message": "org-SECRET", "code": "insufficient_quota"}}, {}, 502, "insufficient_quota", ""),
        (404, {"error": {"message": "x", "code": "model_not_found"}}, {}, 502, "model_not_found", ""),
        (500, {"error": {"message": "org-SECRET"}}, {}, 503, "upstream_failed", "5"),
        (200, "<!doctype html><html>org-SECRET</html>", {}, 502, "upstream_refused", ""),
        (302, "", {"Location": "http://127.0.0.1:9/"}, 502, "upstream_refused", ""),
    ],
)  # fmt: skip
async def test_the_services_trouble_is_told_in_our_words(
    status: int, body: object, headers: dict[str, str], told_status: int, error: str, retry: str
) -> None:
    handler, _ = always(status, body if isinstance(body, str) else json.dumps(body), **headers)
    async with listening(handler) as upstream, tokens_of(upstream) as service:
        got = await service.get()
        stats = (await service.get("/stats")).body
    assert got.status == told_status and set(got.body) == {"error", "message"}
    assert error in got.body["error"] and got.headers.get("Retry-After", "") == retry
    assert KEY[:9] not in json.dumps(got.body) and "SECRET" not in json.dumps(got.body)
    assert sum(stats["failed"].values()) == 1 and stats["minted"] == 0


async def test_a_service_that_hangs_or_is_not_there_is_told_apart() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with listening(hang) as upstream, tokens_of(upstream, patience=0.2) as service:
        got = await service.get()
        assert (got.status, got.body["error"]) == (504, "upstream_timeout")
    async with tokens_of("http://127.0.0.1:9") as service:
        got = await service.get()
        assert (got.status, got.body["error"]) == (502, "upstream_unreachable")


async def test_who_comes_too_often_waits_and_is_counted() -> None:
    async with tokens(per_minute=2) as (service, seen):
        statuses = [(await service.get()).status for _ in range(5)]
        got = await service.get()
        stats = (await service.get("/stats")).body
        assert "rate_limited 4" in service.server.summary()
        assert service.server.news() and not service.server.news()
    assert statuses == [200, 200, 429, 429, 429] and len(seen) == 2
    assert got.body["error"] == "rate_limited" and 1 <= int(got.headers["Retry-After"]) <= 60
    assert stats == {
        "minted": 2,
        "refused": {"rate_limited": 4},
        "failed": {},
        "turned_away": 0,
        "bursts": 1,
        "clients": 1,
    }


@pytest.mark.parametrize(
    ("proxies", "statuses"), [({"127.0.0.1"}, [200, 429, 200, 429]), (set(), [200, 429, 429, 429])]
)
async def test_only_behind_a_trusted_proxy_each_visitor_of_it_is_counted_alone(
    proxies: set[str], statuses: list[int]
) -> None:
    asked = ["1.1.1.1", "1.1.1.1", "2.2.2.2", "9.9.9.9, 1.1.1.1"]
    async with tokens(AccessRules(ACCESS), per_minute=1, proxies=frozenset(proxies)) as (service, _):
        access = f"Bearer {ACCESS}"
        got = [(await service.get(Authorization=access, X_Forwarded_For=who)).status for who in asked]
    assert got == statuses


async def test_the_access_token_guards_tokens_and_counts_but_not_health() -> None:
    async with tokens(AccessRules(ACCESS)) as (service, seen):
        assert [(await service.get(path)).status for path in ("/session", "/stats", "/healthz")] == [401, 401, 200]
        got = await service.get(Authorization="Bearer wrong-0123456789abc")
        assert (got.status, got.body["error"]) == (401, "access_required")
        assert (await service.get(Authorization=f"Bearer {ACCESS}")).status == 200
        assert (await service.get("/stats", Authorization=f"Bearer {ACCESS}")).status == 200
    assert len(seen) == 1


async def test_access_tokens_cannot_be_tried_out() -> None:
    async with tokens(AccessRules(ACCESS)) as (service, _):
        statuses = [(await service.get(Authorization=f"Bearer guess-{n}")).status for n in range(32)]
        right = await service.get(Authorization=f"Bearer {ACCESS}")
    assert statuses == [401] * 30 + [429] * 2 and right.status == 429


async def test_a_browser_asks_first_and_then_reads_the_answer_of_a_named_page_only() -> None:
    access_rules = AccessRules(ACCESS, frozenset({PAGE}))
    asks = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    async with tokens(access_rules) as (service, seen):
        asked = await service.get(method="OPTIONS", Origin=PAGE, **asks)
        answered = await service.get(Origin=PAGE, Authorization=f"Bearer {ACCESS}")
        stranger = await service.get(method="OPTIONS", Origin="https://evil.example", **asks)
        anyway = await service.get(Origin="https://evil.example", Authorization=f"Bearer {ACCESS}")
        refused = await service.get(Origin=PAGE)
    assert asked.status == 204 and asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert asked.headers["Access-Control-Allow-Headers"] == "Authorization"
    assert answered.status == 200 and answered.headers["Access-Control-Allow-Origin"] == PAGE
    assert stranger.status == anyway.status == 403
    assert not {"Access-Control-Allow-Origin"} & (set(stranger.headers) | set(anyway.headers))
    assert refused.status == 401 and refused.headers["Access-Control-Allow-Origin"] == PAGE  # so that it can be read
    assert len(seen) == 1


async def test_a_page_that_calls_itself_this_computer_is_not_fooled_in() -> None:
    async with tokens() as (service, seen):
        got = await service.get(Host="evil.example")
    assert (got.status, got.body["error"]) == (403, "wrong_host") and not seen


@each(("method", "path", "status"), [("POST", "/session", 405), ("GET", "/", 404), ("HEAD", "/session", 405)])
async def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    async with tokens_of("http://127.0.0.1:9") as service:
        got = await service.get(path, method)
    assert got.status == status and (method == "HEAD" or set(got.body) == {"error", "message"})


async def test_a_large_body_is_not_taken() -> None:
    async with tokens() as (service, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
        writer.write(b"GET /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert said.startswith(b"HTTP/1.1 200")  # answered without reading it, and the connection is closed


async def test_more_connections_than_there_is_room_for_are_turned_away() -> None:
    async with tokens_of("http://127.0.0.1:9", most_connections=3) as service:
        held = [await asyncio.open_connection("127.0.0.1", service.server.port) for _ in range(3)]
        assert await shown_out(service, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert service.server.counts.turned_away == 1
        for _, each in held:
            each.close()
            await each.wait_closed()
        while (answer := await shown_out(service, b"GET /healthz HTTP/1.0\r\n\r\n")) is True:
            pass
        assert b'{"status": "ok"}' in answer


async def test_somebody_who_sends_a_byte_now_and_then_is_shown_out() -> None:
    async with tokens_of("http://127.0.0.1:9", longest_visit=0.1) as service:
        assert await shown_out(service, b"GET /sess") is True


async def test_who_is_being_served_at_the_end_still_gets_the_answer() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go_on.wait()
        return web.json_response({"value": "ek_late"})

    async with listening(slow) as upstream, tokens_of(upstream) as service:
        getting = asyncio.create_task(service.get())
        await asked.wait()
        stopping = asyncio.create_task(service.server.stop())
        await asyncio.sleep(0)
        go_on.set()
        got = await getting
        await stopping
    assert got.body["value"] == "ek_late"
