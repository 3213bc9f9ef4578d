"""Short-lived keys that die on the way are replaced once: by their time, or because the service says so (R27)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.service import listening
from voicechat.errors import SignallingError
from voicechat.transports.signalling import CallAnswer, exchange_sdp, hang_up
from voicechat.transports.target import LineTarget
from voicechat.transports.upgrade import upgrade

KEY = "sk-secret-0123456789"
NOW = 1_800_000_000.0


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
