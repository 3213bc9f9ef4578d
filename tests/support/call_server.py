"""Signalling servers on loopback that answer as the test says; and a real one, with a real peer behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from tests.support.peers import Pcm, Side, side, silence

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
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def taking_sockets(handler: Handler, sockets: Sequence[web.WebSocketResponse]) -> AsyncIterator[str]:
    """The same for a handler that keeps its open WebSockets in `sockets`; they are closed at the end."""
    async with listening(handler) as url:
        try:
            yield url
        finally:
            for socket in sockets:
                await socket.close()


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
