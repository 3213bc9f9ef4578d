"""The tap's address on loopback: WebSockets, calls over WebRTC and every other request of the service's clients.

A WebSocket through the tap: two sockets, and every frame from one to the other as it came.

Text, binary, ping, pong and close frames are passed on with the very bytes they carried; nothing is answered here. The
service is asked first, so that its refusal (status, headers, body) is what the client gets, and so is the subprotocol.
When one side goes without a close frame, so does the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

from voicechat.errors import SignallingError, port_taken
from voicechat.tap.calls import WebRtcCalls
from voicechat.tap.registry import CONNECT_LIMIT, SessionRegistry
from voicechat.tap.rest import LARGEST, answer_of, forward, problem
from voicechat.tap.session import Direction, Session
from voicechat.tap.upstream import offered, passed_on, shown_protocols
from voicechat.transports.endpoint import proxy_for
from voicechat.transports.refusals import unreachable
from voicechat.visitors import arrived, cors_headers, listen, stranger

LARGEST_REFUSAL = 4 * 1024 * 1024
"""Bytes of a refusal's body."""
NO_CODE = 1005
"""What stands for a close frame without a code (RFC 6455 7.1.5); it is never sent."""
Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class _Answered(Exception):
    """The service answered the handshake with something else than a WebSocket."""

    def __init__(self, status: int, reason: str, headers: CIMultiDict[str], body: bytes) -> None:
        super().__init__(status)
        self.response = answer_of(status, reason, headers, body)
        self.status, self.body = status, body


class _Handshake:
    """What aiohttp would not tell of the service's answer."""

    def __init__(self) -> None:
        self.headers: CIMultiDict[str] = CIMultiDict()

    def trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        trace.on_request_redirect.append(self._redirected)
        return trace

    async def _ended(
        self, http: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        response = params.response
        self.headers = CIMultiDict(response.headers)
        if response.status != 101:
            raise _Answered(response.status, response.reason or "", self.headers, await _body(response))

    async def _redirected(
        self, http: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        response = params.response
        raise _Answered(response.status, response.reason or "", CIMultiDict(response.headers), await _body(response))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    raw = b""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        while len(raw) < LARGEST_REFUSAL and (part := await response.content.read(LARGEST_REFUSAL)):
            raw += part
    return raw


async def relay(request: web.Request, registry: SessionRegistry) -> web.StreamResponse:
    """One client, until one of the two sides ends it."""
    session = registry.call("WebSocket", request.headers, request.raw_path)
    handshake = _Handshake()
    async with registry.http(handshake.trace()) as http:
        try:
            there = await _connect(request, registry, http)
        except _Answered as refused:
            session.refused(refused.status, refused.body)
            return refused.response
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, SignallingError) as error:
            met = (
                error
                if isinstance(error, SignallingError)
                else unreachable(registry.upstream.host, error, CONNECT_LIMIT)
            )
            why = met.message
            session.ended("upstream", f"The service cannot be reached: {why}.")
            return problem(502, "upstream_unreachable", f"voicechat tap: {why}")
        session.opened("upgrade")
        protocols = (there.protocol,) if there.protocol else ()
        here = web.WebSocketResponse(
            autoping=False, autoclose=False, max_msg_size=0, compress=False, protocols=protocols
        )
        here.headers.extend(passed_on(handshake.headers))
        try:
            await here.prepare(request)
            if there.protocol:
                session.noted("tap.subprotocol", chosen=shown_protocols(protocols)[0])
            await _both_ways(here, there, session)
        finally:
            session.ended("tap", "The call was broken off.")
            if request.transport is not None:
                request.transport.close()
        return here


async def _connect(
    request: web.Request, registry: SessionRegistry, http: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse:
    url = registry.upstream.url(request.raw_path)
    return await http.ws_connect(
        URL(url, encoded=True),
        headers=passed_on(request.headers),
        protocols=offered(request.headers),
        proxy=proxy_for(url),
        autoping=False,
        autoclose=False,
        max_msg_size=0,
        compress=0,
    )


async def _both_ways(here: web.WebSocketResponse, there: aiohttp.ClientWebSocketResponse, session: Session) -> None:
    """Until both sides have said goodbye, or one is gone."""
    ways = [
        asyncio.ensure_future(_pass_on(here, there, "out", session)),
        asyncio.ensure_future(_pass_on(there, here, "in", session)),
    ]
    try:
        done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        said_goodbye = all(one.result() for one in done)
        if said_goodbye and rest:
            await asyncio.wait(rest, timeout=10.0)
    finally:
        for one in ways:
            one.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pass_on(source: Socket, sink: Socket, direction: Direction, session: Session) -> bool:
    """Frames of one direction, until its close frame (True) or until the line is gone (False)."""
    who = "client" if direction == "out" else "upstream"
    clock = session.clock
    while True:
        message = await source.receive()
        came_at = clock()
        kind, data = message.type, message.data
        try:
            match kind:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
                    await sink.send_frame(raw, kind)
                    session.saw(direction, raw, came_at, clock(), is_text=kind is WSMsgType.TEXT)
                case WSMsgType.PING | WSMsgType.PONG:
                    await sink.send_frame(bytes(data), kind)
                case WSMsgType.CLOSE:
                    await sink.send_frame(_close_frame(data, message.extra), kind)
                    session.closed(who, data or NO_CODE, message.extra or "")
                    return True
                case _:
                    session.ended(who, f"The {who} went away without a close frame.", code=1006)
                    return False
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            other = "upstream" if direction == "out" else "client"
            session.ended(other, f"The {other} went away without a close frame.", code=1006)
            return False


def _close_frame(code: object, reason: object) -> bytes:
    if not isinstance(code, int) or code in (0, NO_CODE):
        return b""
    return struct.pack("!H", code) + (reason.encode() if isinstance(reason, str) else b"")


HOST = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TapServer:
    """`start` it, point a client at `base_url`, `stop` it."""

    def __init__(self, registry: SessionRegistry, port: int = 0) -> None:
        self._registry = registry
        self._calls = WebRtcCalls(registry)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.port = port

    @property
    def base_url(self) -> str:
        """What a client is given in place of the service's base URL."""
        return f"http://{HOST}:{self.port}{self._registry.upstream.base_path}"

    async def start(self) -> None:
        """Listen; port 0 picks a free one. Raises SignallingError when the port is taken."""
        app = web.Application(middlewares=[_guard], client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            self._listener = await listen(self._runner, HOST, self.port, auto_decompress=False)
        except OSError as error:
            raise port_taken(self.port, error, "tap") from error
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End all calls and stop listening."""
        if self._listener is not None:
            self._listener.close()
        await self._calls.close()
        self._registry.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await relay(request, self._registry)
        if request.method == "POST" and (called := await self._calls.take(request)) is not None:
            return called
        return await forward(request, self._registry)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A browser runs pages from anywhere; only clients and pages of this computer may use what is behind the tap."""
    arrived(request)
    if reason := stranger(request):
        return problem(403, "forbidden", f"voicechat tap: {reason}")
    if not request.raw_path.startswith("/"):  # it would change the host when it is put behind the service's own
        return problem(400, "invalid_path", "voicechat tap: a path begins with a slash.")
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, "http_error", f"voicechat tap: {error.reason}")
    if not response.prepared and "Access-Control-Allow-Origin" not in response.headers:
        if response.status == 502:
            response.headers.update(cors_headers(request))
    return response
