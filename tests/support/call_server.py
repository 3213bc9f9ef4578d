"""Signalling servers on loopback that answer as the test says; and a real one, with a real peer behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, WSMsgType, web

from tests.support.peers import Pcm, Side, side, silence

Event = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    parts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Multipart: name -> (content type, text)."""


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    """Serve every path with `handler`; yields the base URL, without `/v1`."""
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def read(request: web.Request) -> Seen:
    """The request, with its parts taken apart."""
    seen = Seen(
        request.method, request.path, dict(request.query), {k.lower(): v for k, v in request.headers.items()}, b""
    )
    if request.content_type == "multipart/form-data":
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader) or not part.name:
                continue
            seen.parts[part.name] = (part.headers.get("Content-Type", ""), (await part.read()).decode())
    else:
        seen.body = await request.read()
    return seen


def always(status: int = 201, body: str | bytes = "v=0\r\n", **headers: str) -> tuple[Handler, list[Seen]]:
    """A handler that answers the same to everybody, and what it saw."""
    seen: list[Seen] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(await read(request))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(status=status, body=raw, headers=named)

    return handler, seen


@dataclass
class SocketService:
    """A service on WebSockets: it greets a connection, keeps it, and answers an event with what `take` returns."""

    greeting: Event | None = field(default_factory=lambda: {"type": "session.created", "session": {"id": "sess_1"}})
    answers_pings: bool = True
    seen: list[Seen] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    close_code: int | None = None
    """How the newest connection was ended by the client."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def socket(self) -> web.WebSocketResponse:
        """The newest connection."""
        return self.sockets[-1]

    def refusal(self, seen: Seen) -> web.Response | None:
        """The answer to a request that gets no connection."""
        return None

    def opened(self) -> Event | None:
        """A connection has come; what it is greeted with."""
        return self.greeting

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        """What an event of the client is answered with."""
        return ()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self.seen.append(await read(request))
        if (refusal := self.refusal(self.seen[-1])) is not None:
            return refusal
        return await self.connect(request)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """One connection to its end."""
        socket = web.WebSocketResponse(autoping=self.answers_pings, max_msg_size=64 * 2**20)
        await socket.prepare(request)
        self.sockets.append(socket)
        if (greeting := self.opened()) is not None:
            await socket.send_json(greeting)
        await self.listen(socket)
        self.close_code = socket.close_code
        self.closed.set()
        return socket

    async def listen(self, socket: web.WebSocketResponse) -> None:
        """Read a connection to its end."""
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                for event in await self.take(json.loads(message.data), socket):
                    await socket.send_json(event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL; its connections are closed at the end."""
        async with listening(self.handle) as url:
            try:
                yield url
            finally:
                for socket in self.sockets:
                    await socket.close()


@dataclass
class RealServer:
    """A server whose calls are real: the peers it made, and the calls that were hung up."""

    uplink: Callable[[], Pcm] = silence
    change_answer: Callable[[str], str] = lambda sdp: sdp
    calls: list[Side] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = await read(request)
        self.seen.append(seen)
        if seen.path.endswith("/hangup"):
            self.hung_up.append(seen.path.split("/")[-2])
            return web.Response()
        offer = seen.parts["sdp"][1] if seen.parts else seen.body.decode()
        call = side("server", self.uplink)
        self.calls.append(call)
        answer = self.change_answer(await call.peer.answer(offer))
        where = f"/v1/realtime/calls/rtc_{len(self.calls)}"
        return web.Response(status=201, text=answer, content_type="application/sdp", headers={"Location": where})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL; closes every call afterwards."""
        try:
            async with listening(self.handle) as url:
                yield url
        finally:
            await asyncio.gather(*(call.peer.close() for call in self.calls))
