"""Sessions over WebSocket: the same dialogue, with sound as base64 in the events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from voicechat.errors import VoiceChatError
from voicechat.local_server.calls import spoken_dialect
from voicechat.local_server.doors import refusal_response
from voicechat.local_server.house import House, first_config
from voicechat.local_server.live import LiveSession
from voicechat.local_server.session import ClientSession, Line, new_id
from voicechat.local_server.shapes import Refusal
from voicechat.tasks import spawn

log = logging.getLogger("voicechat.local_server")

LARGEST_MESSAGE = 22 * 1024 * 1024
"""Bytes of one client event: 15 MiB of sound as base64, and a little."""
_LARGEST_BACKLOG = 64 * 1024 * 1024
"""Bytes that may wait for a client that does not read."""
_PING = 20.0


@dataclass
class WebSocketLine:
    """The client's end of a WebSocket."""

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


async def serve_websocket(request: web.Request, house: House) -> web.StreamResponse:
    """`GET /v1/realtime`: one session, as long as the socket is open."""
    dialect = spoken_dialect(request)
    if "openai-beta.realtime-v1" in request.headers.get("Sec-WebSocket-Protocol", ""):
        dialect = "beta"
    started = first_config({}, request.query.get("model", "")[:256], dialect, new_id("sess"))
    assert not isinstance(started, Refusal)
    return await _serve(request, house, lambda line: house.open_session(line, "websocket", started[0], dialect))


async def serve_live(request: web.Request, house: House) -> web.StreamResponse:
    """`GET /v1/live/sessions`: one Live session, which the first message starts."""

    async def opened(line: Line) -> ClientSession:
        return LiveSession(line, house, "websocket")

    return await _serve(request, house, opened)


async def attach_live(request: web.Request, house: House) -> web.StreamResponse:
    """`GET /v1/live/sessions/{id}/attach`: a sideband, which sees a Live session and may command it."""
    session = house.live.get(request.match_info["session_id"])
    if session is None:
        return refusal_response(404, Refusal("not_found", "There is no such Live session.", "session_id"))
    socket = web.WebSocketResponse(heartbeat=_PING, max_msg_size=LARGEST_MESSAGE, compress=False)
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
        session = await open_session(line)
        house.sessions.add(session)
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
    if "call_id" in request.query:
        text = "This server has no side channel into a call."
        return refusal_response(400, Refusal("invalid_value", text, "call_id"))
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
