"""A Realtime server seen through a network that can fail: a signalling proxy that leads every call through a relay.

HTTP goes through unharmed, WebSockets too; the UDP of each call passes a `LossyRelay` of its own, which can be lossy
from the beginning, or go dark at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.support.lossy_relay import LossyRelay, Network
from tests.support.service import listening

_KEPT = ("content-type", "authorization", "openai-beta")


@dataclass
class RelayedCalls:
    """Stands before the server at `upstream` (a base URL). `base_url` is where a client calls instead."""

    upstream: str
    network: Network = field(default_factory=Network)
    is_udp_blocked: bool = False
    """Calls are answered, and no packet of theirs passes."""
    base_url: str = ""
    relays: list[LossyRelay] = field(default_factory=list)
    call_ids: list[str] = field(default_factory=list)
    http: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    def black_out(self) -> None:
        """The calls of this moment are dead from now on; the next one finds a good network."""
        for relay in self.relays:
            relay.black_out()

    async def hang_up_all(self) -> None:
        """The server ends every call."""
        for call_id in self.call_ids:
            async with self.http.post(f"{self.upstream}/realtime/calls/{call_id}/hangup"):
                pass

    async def handle(self, request: web.Request) -> web.StreamResponse:
        url = f"{self.upstream}{request.path_qs.removeprefix('/v1')}"
        headers = {name: value for name, value in request.headers.items() if name.lower() in _KEPT}
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, url, headers)
        body = await request.read()
        is_call = request.path.endswith("/calls") and b"v=0" in body
        relay = await LossyRelay.start(self.network) if is_call else None
        if relay is not None:
            self.relays.append(relay)
            relay.black_out(self.is_udp_blocked)
            body = _with_offer(body, relay)
        async with self.http.request(request.method, url, data=body, headers=headers) as answer:
            text = await answer.text()
            where = answer.headers.get("Location", "")
            if relay is not None and answer.status == 201:
                text = relay.through_b(text)
                self.call_ids.append(where.rpartition("/")[2])
            passed = {"Location": where} if where else {}
            kind = answer.content_type
            return web.Response(status=answer.status, text=text, content_type=kind, headers=passed)

    async def _socket(self, request: web.Request, url: str, headers: dict[str, str]) -> web.WebSocketResponse:
        here = web.WebSocketResponse(max_msg_size=0)
        await here.prepare(request)
        async with self.http.ws_connect(url, headers=headers, max_msg_size=0) as there:
            await asyncio.wait(
                [asyncio.create_task(_pass(here, there)), asyncio.create_task(_pass(there, here))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        return here


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass(source: _Socket, sink: _Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
    await sink.close()


def _with_offer(body: bytes, relay: LossyRelay) -> bytes:
    """The body with its offer led through the relay, be it a bare description or one part of a form."""
    began = body.index(b"v=0")
    ended = body.find(b"\r\n--", began)
    offer, rest = (body[began:], b"") if ended < 0 else (body[began:ended], body[ended:])
    text = offer.decode()
    return body[:began] + relay.through_a(text if text.endswith("\r\n") else text + "\r\n").encode() + rest


@asynccontextmanager
async def relayed_calls(upstream: str, network: Network | None = None) -> AsyncIterator[RelayedCalls]:
    """A running proxy before `upstream`."""
    calls = RelayedCalls(upstream, network or Network())
    try:
        async with listening(calls.handle) as url:
            calls.base_url = f"{url}/v1"
            yield calls
    finally:
        for relay in calls.relays:
            relay.close()
        await calls.http.close()
