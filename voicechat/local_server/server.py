"""The server's addresses, on loopback only: calls (WebRTC), the WebSocket, short-lived keys, models and health."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from voicechat.local_server.calls import CallDesk
from voicechat.local_server.doors import cors_headers, refusal_response, why_not
from voicechat.local_server.house import LIVE_MODEL, MODEL, House, first_config
from voicechat.local_server.session import new_id
from voicechat.local_server.session_config import Fields
from voicechat.local_server.shapes import Refusal, invalid
from voicechat.local_server.websocket import attach_live, serve_live, serve_websocket
from voicechat.protocol.session_dialects import in_dialect
from voicechat.visitors import arrived, listen, sent_in_time

HOST = "127.0.0.1"
_LARGEST_BODY = 1_000_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A running server: `start` it, use `base_url`, `stop` it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._desk = CallDesk(house)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"http://{HOST}:{self.port}/v1"

    async def start(self, port: int = 0) -> None:
        """Listen (0 picks a free port) and begin to load the engine. Raises OSError when the port is taken."""
        app = web.Application(middlewares=[_guard], client_max_size=_LARGEST_BODY)
        app.add_routes(
            [
                web.post("/v1/realtime/calls", self._desk.take),
                web.post("/v1/realtime", self._desk.take),
                web.post("/v1/realtime/calls/{call_id}/hangup", self._desk.hang_up),
                web.delete("/v1/realtime/calls/{call_id}", self._desk.hang_up),
                web.get("/v1/realtime", self._websocket),
                web.get("/v1/live/sessions", self._live),
                web.post("/v1/live/sessions", self._desk.take_live),
                web.get("/v1/live/sessions/{session_id}/attach", self._attach),
                web.post("/v1/live/sessions/{call_id}/hangup", self._desk.hang_up),
                web.post("/v1/realtime/client_secrets", self._client_secret),
                web.post("/v1/realtime/sessions", self._beta_secret),
                web.get("/v1/models", self._models),
                web.get("/health", self._health),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._listener = await listen(self._runner, HOST, port)
        self.port = int(self._listener.sockets[0].getsockname()[1])
        self.house.start()

    async def stop(self) -> None:
        """End all sessions and stop listening."""
        if self._listener:
            self._listener.close()
        await self._desk.close()
        await self.house.close()
        if self._runner:
            await self._runner.cleanup()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        return await serve_websocket(request, self.house)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return await serve_live(request, self.house)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        return await attach_live(request, self.house)

    async def _client_secret(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/client_secrets`: a key that carries a session's configuration."""
        body = await _read_object(request)
        if isinstance(body, Refusal):
            return refusal_response(400, body)
        given = body.get("session", {})
        session: Fields = given if isinstance(given, dict) else {}
        started = first_config(session, "", "ga", new_id("sess"))
        if isinstance(started, Refusal):
            return refusal_response(400, started)
        value, dies_at = self.house.issue_token(session)
        return web.json_response({"value": value, "expires_at": int(dies_at), "session": started[0].session})

    async def _beta_secret(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/sessions`: the same as beta clients know it."""
        body = await _read_object(request)
        if isinstance(body, Refusal):
            return refusal_response(400, body)
        started = first_config(body, "", "beta", new_id("sess"))
        if isinstance(started, Refusal):
            return refusal_response(400, started)
        value, dies_at = self.house.issue_token(body)
        secret = {"value": value, "expires_at": int(dies_at)}
        return web.json_response({**in_dialect(started[0].session, "beta").session, "client_secret": secret})

    async def _models(self, request: web.Request) -> web.Response:
        model = {"object": "model", "created": 0, "owned_by": "voicechat"}
        models = [{"id": name, **model} for name in (MODEL, LIVE_MODEL)]
        return web.json_response({"object": "list", "data": models})

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": self.house.state, "sessions": len(self.house.sessions)})


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who may come in, answer preflights, and put the CORS headers on every answer, refusals included."""
    arrived(request)
    origin = request.headers.get("Origin", "")
    if reason := why_not(request.headers.get("Host", ""), origin):
        return refusal_response(403, Refusal("forbidden", reason))
    headers = cors_headers(origin, request.headers.get("Access-Control-Request-Headers", ""))
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=headers)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = refusal_response(
            error.status, Refusal("not_found" if error.status == 404 else "http_error", error.reason)
        )
    if not response.prepared:
        response.headers.update(headers)
    return response


async def _read_object(request: web.Request) -> Fields | Refusal:
    try:
        async with sent_in_time():
            body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        return Refusal("invalid_json", "The body is not JSON.")
    return body if isinstance(body, dict) else invalid("body", "it must be a JSON object.")
