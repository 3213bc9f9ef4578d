"""The tap's address on loopback: WebSockets, calls over WebRTC and every other request of the service's clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from voicechat.errors import SignallingError
from voicechat.local_server.doors import cors_headers, why_not
from voicechat.tap.answers import problem
from voicechat.tap.calls import CallDesk
from voicechat.tap.desk import Desk
from voicechat.tap.rest import LARGEST, forward
from voicechat.tap.websocket import relay
from voicechat.visitors import arrived, listen

HOST = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TapServer:
    """`start` it, point a client at `base_url`, `stop` it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls = CallDesk(desk)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        """What a client is given in place of the service's base URL."""
        return f"http://{HOST}:{self.port}{self._desk.upstream.base_path}"

    async def start(self, port: int = 0) -> None:
        """Listen; 0 picks a free port. Raises SignallingError when the port is taken."""
        app = web.Application(middlewares=[_guard], client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            self._listener = await listen(self._runner, HOST, port, auto_decompress=False)
        except OSError as error:
            raise SignallingError(
                f"Port {port} cannot be used ({error.strerror or error}).",
                hint="voicechat tap --port 0 takes a free one",
            ) from error
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End all calls and stop listening."""
        if self._listener is not None:
            self._listener.close()
        await self._calls.close()
        self._desk.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await relay(request, self._desk)
        if request.method == "POST" and (called := await self._calls.take(request)) is not None:
            return called
        return await forward(request, self._desk)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A browser runs pages from anywhere; only clients and pages of this computer may use what is behind the tap."""
    arrived(request)
    origin = request.headers.get("Origin", "")
    if reason := why_not(request.headers.get("Host", ""), origin):
        return problem(403, "forbidden", f"voicechat tap: {reason}")
    if not request.raw_path.startswith("/"):  # it would change the host when it is put behind the service's own
        return problem(400, "invalid_path", "voicechat tap: a path begins with a slash.")
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, "http_error", f"voicechat tap: {error.reason}")
    if not response.prepared and "Access-Control-Allow-Origin" not in response.headers:
        if origin and response.status == 502:
            response.headers.update(cors_headers(origin, request.headers.get("Access-Control-Request-Headers", "")))
    return response
