"""The server's addresses, on loopback only: calls (WebRTC), the WebSocket, short-lived keys, models and health."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from voicechat.errors import VoiceChatError
from voicechat.local_server.calls import CallDesk, key_of, spoken_dialect
from voicechat.local_server.doors import cors_headers, refusal_response, why_not
from voicechat.local_server.house import LIVE_MODEL, MODEL, TOKEN_LIFE, House, first_config
from voicechat.local_server.live import LiveSession
from voicechat.local_server.refusals import Refusal, invalid, refusal_of
from voicechat.local_server.session import ClientSession, Line, new_id
from voicechat.local_server.session_config import Fields, read_update
from voicechat.protocol import shapes
from voicechat.protocol.session_dialects import in_dialect
from voicechat.protocol.shapes import Number, Word
from voicechat.tasks import spawn
from voicechat.visitors import arrived, listen, sent_in_time

log = logging.getLogger("voicechat.local_server")

LARGEST_MESSAGE = 22 * 1024 * 1024
"""Bytes of one client event: 15 MiB of sound as base64, and a little."""
_LARGEST_BACKLOG = 64 * 1024 * 1024
"""Bytes that may wait for a client that does not read."""
_PING = 20.0


@dataclass
class WebSocketLine:
    """The client's end of a WebSocket.

    Sessions over WebSocket: the same dialogue, with sound as base64 in the events.
    """

    socket: web.WebSocketResponse
    _queue: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _waiting: int = 0
    _ending: tuple[int, str] | None = None

    def send(self, text: str) -> str:
        """Queue one event."""
        if self._ending or self.socket.closed:
            return "the line is closing"
        if self._waiting + len(text) > _LARGEST_BACKLOG:
            self.hang_up(1008, "the client does not read what it is sent")
            return "too much waits to be sent"
        self._waiting += len(text)
        self._queue.put_nowait(text)
        return ""

    def hang_up(self, code: int, reason: str) -> None:
        """Close when everything queued is sent."""
        if self._ending is None:
            self._ending = (code, reason)
            self._queue.put_nowait("")

    async def write(self) -> None:
        """Send what is queued until the end."""
        while True:
            text = await self._queue.get()
            if not text and self._ending:
                code, reason = self._ending
                await self.socket.close(code=code, message=reason.encode()[:120])
                return
            self._waiting -= len(text)
            try:
                await self.socket.send_str(text)
            except ConnectionError:
                return


async def serve_websocket(request: web.Request, house: House, desk: CallDesk) -> web.StreamResponse:
    """`GET /v1/realtime`: one session, as long as the socket is open; with `call_id` a sideband of a call."""
    if call_id := request.query.get("call_id", ""):
        return await _attach(request, desk.session_of(call_id), "call_id")
    dialect = spoken_dialect(request)
    if "openai-beta.realtime-v1" in request.headers.get("Sec-WebSocket-Protocol", ""):
        dialect = "beta"
    of_key = house.session_of(key_of(request))
    if isinstance(of_key, Refusal):
        return refusal_response(401, of_key)
    asked: Fields = {"type": "transcription"} if request.query.get("intent") == "transcription" and not of_key else {}
    model = request.query.get("model") or request.query.get("deployment", "")
    started = first_config(of_key, model[:256], "ga" if asked else dialect, new_id("sess"), asked)
    if isinstance(started, Refusal):
        return refusal_response(400, started)
    config = started[0]
    spoken = dialect if asked else started[1]
    return await _serve(request, house, lambda line: house.open_session(line, "websocket", config, spoken))


async def serve_live(request: web.Request, house: House) -> web.StreamResponse:
    """`GET /v1/live/sessions`: one Live session, which the first message starts."""

    async def opened(line: Line) -> ClientSession:
        return LiveSession(line, house, "websocket")

    return await _serve(request, house, opened)


async def _attach(request: web.Request, session: ClientSession | None, param: str) -> web.StreamResponse:
    """A sideband: it sees what happens in a session that is another's, and may command it."""
    if session is None:
        return refusal_response(404, Refusal("not_found", "There is no such session.", param))
    socket = web.WebSocketResponse(
        protocols=("realtime",), heartbeat=_PING, max_msg_size=LARGEST_MESSAGE, compress=False
    )
    if not socket.can_prepare(request).ok:
        return refusal_response(426, Refusal("upgrade_required", "This address speaks WebSocket."))
    await socket.prepare(request)
    line = WebSocketLine(socket)
    writing = spawn(line.write())
    session.viewers.append(line)
    try:
        with contextlib.suppress(ConnectionError):
            await _listen(socket, session)
    finally:
        session.viewers.remove(line)
        writing.cancel()
    return socket


async def _serve(
    request: web.Request, house: House, open_session: Callable[[Line], Awaitable[ClientSession]]
) -> web.StreamResponse:
    # Browsers pass the key as a subprotocol; only `realtime` is a protocol, and one must be selected for them.
    socket = web.WebSocketResponse(
        protocols=("realtime",), heartbeat=_PING, max_msg_size=LARGEST_MESSAGE, compress=False
    )
    line = WebSocketLine(socket)
    if (refused := _refusal(request, house, line)) is not None:
        return refused
    try:
        return await _talk(request, house, line, open_session)
    finally:
        house.leave(line)


async def _talk(
    request: web.Request, house: House, line: WebSocketLine, open_session: Callable[[Line], Awaitable[ClientSession]]
) -> web.StreamResponse:
    socket = line.socket
    await socket.prepare(request)
    writing = spawn(line.write())
    session: ClientSession | None = None
    try:
        session = house.admit(await open_session(line))
        session.start()
        with contextlib.suppress(ConnectionError):  # aiohttp raises it for a ping that it cannot answer any more
            await _listen(socket, session)
    except VoiceChatError as error:
        log.error("no session: %s", error.message)
        line.hang_up(1011, error.message)
        await writing
    finally:
        if session:
            house.sessions.discard(session)
            await session.close()
        writing.cancel()
    return socket


def _refusal(request: web.Request, house: House, line: WebSocketLine) -> web.Response | None:
    """Why there is no session, as an answer of HTTP; None when the line has a place."""
    if refusal := house.why_full():
        return refusal_response(503, refusal)
    if (answer := house.fault.http_answer()) and answer.status >= 400:
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        return web.Response(status=answer.status, text=answer.body, content_type=answer.content_type, headers=headers)
    if not line.socket.can_prepare(request).ok:
        return refusal_response(426, Refusal("upgrade_required", "This address speaks WebSocket."))
    house.enter(line)
    return None


async def _listen(socket: web.WebSocketResponse, session: ClientSession) -> None:
    """Hand on what the client says until it leaves."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            session.client_said(message.data)
        elif message.type is WSMsgType.BINARY:
            session.client_said(message.data.decode("utf-8", "replace"))


HOST = "127.0.0.1"
_LARGEST_BODY = 1_000_000
_PREFIXES = ("/v1", "/v1/", "/openai/v1")
"""As written, as joined by clients whose base URL ends in a slash, and as at Azure."""

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
        for prefix in _PREFIXES:
            app.add_routes(
                [
                    web.post(f"{prefix}/realtime/calls", self._desk.take),
                    web.post(f"{prefix}/realtime", self._desk.take),
                    web.post(f"{prefix}/realtime/calls/{{call_id}}/hangup", self._desk.hang_up),
                    web.delete(f"{prefix}/realtime/calls/{{call_id}}", self._desk.hang_up),
                    web.get(f"{prefix}/realtime", self._websocket),
                    web.post(f"{prefix}/realtime/client_secrets", self._client_secret),
                    web.post(f"{prefix}/realtime/sessions", self._beta_secret),
                    web.post(f"{prefix}/realtime/transcription_sessions", self._beta_secret),
                    web.get(f"{prefix}/models", self._models),
                ]
            )
        app.add_routes(
            [
                web.get("/v1/live/sessions", self._live),
                web.post("/v1/live/sessions", self._desk.take_live),
                web.get("/v1/live/sessions/{session_id}/attach", self._attach),
                web.post("/v1/live/sessions/{call_id}/hangup", self._desk.hang_up),
                web.get("/openai/realtime", self._websocket),
                web.post("/openai/realtimeapi/sessions", self._beta_secret),
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
        return await serve_websocket(request, self.house, self._desk)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return await serve_live(request, self.house)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        return await _attach(request, self.house.live.get(request.match_info["session_id"]), "session_id")

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
        life = _life_in(body)
        if isinstance(life, Refusal):
            return refusal_response(400, life)
        value, dies_at = self.house.issue_token(session, life)
        return web.json_response({"value": value, "expires_at": int(dies_at), "session": started[0].session})

    async def _beta_secret(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/sessions` and `transcription_sessions`: the same as beta clients know it."""
        body = await _read_object(request)
        if not isinstance(body, Refusal) and request.path.endswith("transcription_sessions"):
            body = read_update(body, "beta", is_beta_transcription=True)
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


_LIFE = shapes.Fields({"anchor": Word(("created_at",)), "seconds": Number(10, 7200, whole=True)})


def _life_in(body: Fields) -> float | Refusal:
    """Seconds that a key is to live, of `expires_after`."""
    after = body.get("expires_after")
    if after is None:
        return TOKEN_LIFE
    seconds = after.get("seconds") if isinstance(after, dict) else None
    return refusal_of(after, _LIFE, "expires_after") or (float(seconds) if isinstance(seconds, int) else TOKEN_LIFE)


async def _read_object(request: web.Request) -> Fields | Refusal:
    try:
        async with sent_in_time():
            body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        return Refusal("invalid_json", "The body is not JSON.")
    return body if isinstance(body, dict) else invalid("body", "it must be a JSON object.")
