"""The server's addresses, on loopback only: calls (WebRTC), the WebSocket, short-lived keys, models and health.

Clients on this computer may come in, and web pages served from it. Any key is accepted: there is nothing here that a
key protects.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field

import numpy as np
from aiohttp import WSMsgType, web

from voicechat.audio.blocks import FRAME
from voicechat.errors import SignallingError, VoiceChatError
from voicechat.local_server.faults import Fault
from voicechat.local_server.live import LiveSession, check_offer, without_nulls
from voicechat.local_server.refusals import Refusal, check, invalid, missing
from voicechat.local_server.session import LIVE_MODEL, MOST_SESSIONS, TOKEN_LIFE, ClientSession, House, Line, new_id
from voicechat.local_server.session_config import MODEL, Fields, first_config, part, read_update
from voicechat.local_server.sound import Pcm
from voicechat.protocol import shapes
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.rtc.peer import Peer
from voicechat.tasks import spawn
from voicechat.visitors import arrived, cors_headers, listen, sent_in_time, stranger

log = logging.getLogger("voicechat.local_server")

LARGEST_MESSAGE = 22 * 1024 * 1024
"""Bytes of one client event: 15 MiB of sound as base64, and a little."""
_LARGEST_BACKLOG = 64 * 1024 * 1024
"""Bytes that may wait for a client that does not read."""
LARGEST_OFFER = 262_144
"""Bytes of SDP or of a session object; real ones have a few thousand."""
CONNECT_LIMIT = 30.0
"""Seconds until a call whose data channel does not open is given up."""
HOST = "127.0.0.1"
_PING = 20.0
_LARGEST_BODY = 1_000_000
_BASE = "/{base:v1/?|openai/v1}"
"""As written, as joined by clients whose base URL ends in a slash, and as at Azure."""
RETRY_AFTER = "5"
"""Seconds after which a client that found every session in use may ask again."""
_STATUS = {
    "invalid_api_key": 401,
    "forbidden": 403,
    "not_found": 404,
    "request_too_large": 413,
    "unsupported_content_type": 415,
    "upgrade_required": 426,
    "model_load_error": 503,
    "session_limit_reached": 503,
}
"""Of refusals by HTTP; 400 for all others."""
_CODES = {404: "not_found", 413: "request_too_large"}
_EXPIRES_AFTER = shapes.Fields({"anchor": shapes.Word(("created_at",)), "seconds": shapes.Number(10, 7200, whole=True)})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Opener = Callable[[Line], ClientSession | Awaitable[ClientSession]]
"""Makes the session of a line, at once or when the engine is loaded."""


@dataclass(eq=False)
class WebSocketLine:
    """The client's end of a WebSocket."""

    socket: web.WebSocketResponse
    _queue: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _waiting: int = 0
    _ending: tuple[int, str] | None = None
    _writing: asyncio.Task[None] | None = None

    def send(self, text: str) -> None:
        if self._ending or self.socket.closed:
            return
        if self._waiting + len(text) > _LARGEST_BACKLOG:
            self.hang_up(1008, "the client does not read what it is sent")
            return
        self._waiting += len(text)
        self._queue.put_nowait(text)

    def hang_up(self, code: int, reason: str) -> None:
        """Close when everything queued is sent."""
        if self._ending is None:
            self._ending = (code, reason)
            self._queue.put_nowait("")

    async def open(self, request: web.Request) -> None:
        """Upgrade the request, and send what is queued from now on."""
        await self.socket.prepare(request)
        self._writing = spawn(self._write())

    async def listen(self, session: ClientSession) -> None:
        """Hand on what the client says until it leaves."""
        with contextlib.suppress(ConnectionError):  # aiohttp raises it for a ping that it cannot answer any more
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    session.receive(message.data)
                elif message.type is WSMsgType.BINARY:
                    session.receive(message.data.decode("utf-8", "replace"))

    async def written(self) -> None:
        """Everything queued is sent and the socket closed, after `hang_up`."""
        if self._writing:
            await self._writing

    def close(self) -> None:
        """Nothing is sent any more."""
        if self._writing:
            self._writing.cancel()

    async def _write(self) -> None:
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


@dataclass(eq=False)
class Call:
    """One call: the peer, and the session once the channel for events is open."""

    id: str
    house: House
    open_session: Opener
    calls: dict[str, Call]
    session: ClientSession | None = None
    _waiting: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.peer = Peer(
            role="server",
            uplink=self._exchange,
            on_message=self._text_came,
            on_open=lambda: self._run(self._begin()),
            on_closed=lambda reason: self.hang_up(1000, reason),
        )

    async def answer(self, offer: str) -> str:
        """Our description for the client's. Raises SignallingError for an offer that is of no use."""
        answer = await self.peer.answer(offer)
        self._run(self._give_up())
        return answer

    def send(self, text: str) -> None:
        if reason := self.peer.send(text):
            log.info("not sent: %s", reason)

    def hang_up(self, code: int, reason: str) -> None:
        """End the call. WebRTC has no close code; the reason goes to the log."""
        log.info("call %s ends: %s", self.id, reason)
        spawn(self.close())  # not in self._tasks: close() cancels those, and would cancel itself

    async def close(self) -> None:
        """End the call and everything of it; any number of times."""
        self.calls.pop(self.id, None)
        for task in list(self._tasks):
            task.cancel()
        await self.house.leave(self)
        await self.peer.close()

    def _exchange(self) -> Pcm:
        if self.session is None:
            return np.zeros(FRAME, np.int16)
        return self.session.exchange(self.peer.receive.pull(time.monotonic()))

    def _text_came(self, text: str) -> None:
        if self.session is None:
            self._waiting.append(text)
        else:
            self.session.receive(text)

    async def _begin(self) -> None:
        """The channel is open: start the session as soon as the engine is loaded."""
        try:
            self.house.enter(self)
        except Refusal as refusal:
            self.hang_up(1013, refusal.message)
            return
        session = await self.house.start_session(self, self.open_session(self), self.id)
        self.peer.receive.flush()
        self.session = session
        for text in self._waiting:
            session.receive(text)
        self._waiting.clear()

    async def _give_up(self) -> None:
        await asyncio.sleep(CONNECT_LIMIT)
        if self.session is None:
            self.hang_up(1000, "the channel for events did not open")

    def _run(self, work: Coroutine[None, None, None]) -> None:
        spawn(work, self._failed, self._tasks)

    def _failed(self, error: Exception) -> None:
        self.hang_up(1011, error.message if isinstance(error, VoiceChatError) else repr(error))


async def _read_offer(request: web.Request) -> tuple[str, Fields]:
    """The description and the session of an offer: a multipart form, or bare SDP. Raises Refusal."""
    offer, session = b"", b"{}"
    if request.content_type == "application/sdp":
        offer = await request.read()
    elif request.content_type == "multipart/form-data":
        try:
            form = await request.post()
        except ValueError as error:
            raise invalid("session", f"it cannot be read ({type(error).__name__}).") from error
        offer, session = _field(form, "sdp", offer), _field(form, "session", session)
    else:
        text = "Unsupported content type. Send application/sdp, or multipart/form-data with the parts sdp and session."
        raise Refusal("unsupported_content_type", text)
    if max(len(offer), len(session)) > LARGEST_OFFER:
        raise Refusal("request_too_large", "The offer is too large.")
    if not offer.strip():
        raise missing("sdp")
    return offer.decode("utf-8", "replace"), object_in(session, "session")


def _field(form: Mapping[str, object], name: str, default: bytes) -> bytes:
    """A part of a form, which clients send as text, as bytes or as a file."""
    value = form.get(name, default)
    if isinstance(value, web.FileField):
        return value.file.read()
    return bytes(value) if isinstance(value, bytes | bytearray) else str(value).encode()


def key_of(request: web.Request) -> str:
    """The key a client shows, in a header or, as browsers must, in a subprotocol of the WebSocket; may be empty."""
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    prefix = "openai-insecure-api-key."
    in_protocol = next((one.strip() for one in offered if one.strip().startswith(prefix)), "")
    return shown or request.headers.get("api-key", "") or in_protocol.removeprefix(prefix)


def spoken_dialect(request: web.Request) -> DialectName:
    """Beta for clients that say so in the handshake, GA for all others."""
    beta = (
        request.path.startswith("/openai/realtime")  # Azure's preview
        or request.query.get("dialect") == "beta"
        or "realtime=v1" in request.headers.get("OpenAI-Beta", "")
        or "openai-beta.realtime-v1" in request.headers.get("Sec-WebSocket-Protocol", "")
    )
    return "beta" if beta else "ga"


class Server:
    """A running server: `start` it, use `base_url`, `stop` it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.calls: dict[str, Call] = {}
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
                web.post(f"{_BASE}/realtime/calls", self._take_call),
                web.post(f"{_BASE}/realtime", self._take_call),
                web.post(f"{_BASE}/{{kind:realtime/calls|live/sessions}}/{{call_id}}/hangup", self._hang_up),
                web.delete(f"{_BASE}/realtime/calls/{{call_id}}", self._hang_up),
                web.get(f"{_BASE}/realtime", self._websocket),
                web.post(f"{_BASE}/realtime/client_secrets", self._client_secret),
                web.post(f"{_BASE}/realtime/{{kind:sessions|transcription_sessions}}", self._beta_secret),
                web.get(f"{_BASE}/models", self._models),
                web.get(f"{_BASE}/live/sessions", self._live),
                web.post(f"{_BASE}/live/sessions", self._take_live_call),
                web.get(f"{_BASE}/live/sessions/{{session_id}}/attach", self._attach),
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
        if self._listener:
            self._listener.close()
        for call in list(self.calls.values()):
            await call.close()
        await self.house.close()
        if self._runner:
            await self._runner.cleanup()

    async def _take_call(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/calls`, an offer: 201 with the answer and where the call is. Raises Refusal."""
        if fault := await fault_response(self.house.fault):
            return fault
        of_key = self.house.session_of(key_of(request))
        async with sent_in_time():
            offer, session = await _read_offer(request)
        model = request.query.get("model", "")[:256]
        config, dialect = first_config(of_key, model, spoken_dialect(request), new_id("sess"), session)
        call_id = new_id("rtc")
        answer = await self._answer(
            call_id, offer, lambda line: self.house.open_session(line, "webrtc", config, dialect)
        )
        headers = {"Location": f"/v1/realtime/calls/{call_id}"}
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def _take_live_call(self, request: web.Request) -> web.Response:
        """`POST /v1/live/sessions`: the session and the offer as JSON, the session's id and the answer as JSON."""
        if fault := await fault_response(self.house.fault):
            return fault
        asked = await read_object(request)
        if isinstance(given := asked.get("session"), dict):
            asked["session"] = without_nulls(given)
        check_offer(asked)
        call_id, offer, session = new_id("live"), str(part(asked, "transport")["sdp"]), part(asked, "session")
        answer = await self._answer(call_id, offer, lambda line: LiveSession(line, self.house, "webrtc", session))
        transport = {"type": "webrtc", "sdp": answer}
        return web.json_response({"session": {"id": call_id}, "transport": transport}, status=201)

    async def _answer(self, call_id: str, offer: str, open_session: Opener) -> str:
        """The description that answers an offer. Raises Refusal when there is no call."""
        self.house.check_room()
        if len(self.calls) >= 2 * MOST_SESSIONS:
            raise Refusal("session_limit_reached", "Too many calls are being set up.", type="server_error")
        call = self.calls[call_id] = Call(call_id, self.house, open_session, self.calls)
        try:
            sdp = await call.answer(offer)
        except BaseException as error:
            await call.close()
            if not isinstance(error, SignallingError):
                raise
            raise Refusal("invalid_offer", f"{error.message}.", "sdp") from error
        return self.house.fault.change_answer(sdp)

    async def _hang_up(self, request: web.Request) -> web.Response:
        """`POST .../{id}/hangup` or `DELETE .../{id}`. Raises Refusal."""
        call = self.calls.get(request.match_info["call_id"])
        if call is None:
            raise Refusal("not_found", "There is no such call.", "call_id")
        await call.close()
        return web.Response(status=200)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/realtime`: one session, as long as the socket is open; with `call_id` a sideband of a call."""
        if request.query.get("call_id"):
            return await self._attach(request)
        dialect = spoken_dialect(request)
        of_key = self.house.session_of(key_of(request))
        is_asked = request.query.get("intent") == "transcription" and not of_key
        asked: Fields = {"type": "transcription"} if is_asked else {}
        model = request.query.get("model") or request.query.get("deployment", "")
        config, spoken = first_config(of_key or asked, model[:256], "ga" if asked else dialect, new_id("sess"))
        spoken = dialect if asked else spoken
        return await self._serve(request, lambda line: self.house.open_session(line, "websocket", config, spoken))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/live/sessions`: one Live session, which the first message starts."""
        return await self._serve(request, lambda line: LiveSession(line, self.house, "websocket"))

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        """A sideband: it sees what happens in a session that is another's, and may command it."""
        session_id = request.query.get("call_id") or request.match_info["session_id"]
        session = next((one for one in self.house.sessions if one.id == session_id), None)
        if session is None:
            param = "call_id" if "call_id" in request.query else "session_id"
            raise Refusal("not_found", "There is no such session.", param)
        line = _line(request)
        session.viewers.append(line)
        try:
            await line.open(request)
            await line.listen(session)
        finally:
            session.viewers.remove(line)
            line.close()
        return line.socket

    async def _serve(self, request: web.Request, open_session: Opener) -> web.StreamResponse:
        if (fault := await fault_response(self.house.fault)) and fault.status >= 400:
            return fault
        line = _line(request)
        self.house.enter(line)
        try:
            await line.open(request)
            await line.listen(await self.house.start_session(line, open_session(line)))
        except VoiceChatError as error:
            log.error("no session: %s", error.message)
            line.hang_up(1011, error.message)
            await line.written()
        finally:
            await self.house.leave(line)
            line.close()
        return line.socket

    async def _client_secret(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/client_secrets`: a key that carries a session's configuration."""
        body = await read_object(request)
        session, after = part(body, "session"), body.get("expires_after")
        config, _ = first_config(session, "", "ga", new_id("sess"))
        if after is not None:
            check(after, _EXPIRES_AFTER, "expires_after")
        life = part(body, "expires_after").get("seconds")
        value, dies_at = self.house.issue_token(session, life if isinstance(life, int) else TOKEN_LIFE)
        return web.json_response({"value": value, "expires_at": int(dies_at), "session": config.session})

    async def _beta_secret(self, request: web.Request) -> web.Response:
        """`POST /v1/realtime/sessions` and `transcription_sessions`: the same as beta clients know it."""
        body = await read_object(request)
        if request.path.endswith("transcription_sessions"):
            body = read_update(body, "beta", is_beta_transcription=True)
        config, _ = first_config(body, "", "beta", new_id("sess"))
        value, dies_at = self.house.issue_token(body)
        secret = {"value": value, "expires_at": int(dies_at)}
        return web.json_response({**DIALECTS["beta"].session(config.session).session, "client_secret": secret})

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
    if reason := stranger(request):
        return refusal_response(Refusal("forbidden", reason))
    headers = cors_headers(request)
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=headers)
    try:
        response = await handler(request)
    except Refusal as refusal:
        response = refusal_response(refusal)
    except web.HTTPException as error:
        response = refusal_response(Refusal(_CODES.get(error.status, "http_error"), error.reason), error.status)
    if not response.prepared:
        response.headers.update(headers)
    return response


def refusal_response(refusal: Refusal, status: int = 0) -> web.Response:
    """A refusal as the service's JSON error body; its code says the status, unless that is given."""
    status = status or _STATUS.get(refusal.code, 400)
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    return web.json_response({"error": refusal.fields()}, status=status, headers=headers)


async def fault_response(fault: Fault) -> web.Response | None:
    """What every handshake gets while this fault is in force, if it is one of the handshake."""
    if fault.name == "never-answers":
        await asyncio.sleep(3600)
    if not (answer := fault.http_answer()):
        return None
    status, content_type, text = answer
    headers = {"Retry-After": fault.value} if status == 429 and fault.value else {}
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)


async def read_object(request: web.Request) -> Fields:
    """The body, a JSON object; empty where there is none. Raises Refusal."""
    async with sent_in_time():
        return object_in(await request.read(), "body")


def object_in(text: bytes, what: str) -> Fields:
    """The JSON object of a text; empty for an empty text. Raises Refusal."""
    try:
        given = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid(what, f"it cannot be read ({type(error).__name__}).") from error
    if not isinstance(given, dict):
        raise invalid(what, "it must be a JSON object.")
    return given


def _line(request: web.Request) -> WebSocketLine:
    """Raises Refusal for a request that asks for no WebSocket."""
    # Browsers pass the key as a subprotocol; only `realtime` is a protocol, and one must be selected for them.
    socket = web.WebSocketResponse(
        protocols=("realtime",), heartbeat=_PING, max_msg_size=LARGEST_MESSAGE, compress=False
    )
    if not socket.can_prepare(request).ok:
        raise Refusal("upgrade_required", "This address speaks WebSocket.")
    return WebSocketLine(socket)
