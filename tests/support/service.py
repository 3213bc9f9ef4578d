"""Services on loopback that answer as a test says: over HTTP, over WebSockets, and with real peers over WebRTC.

`ScriptedService` takes some handshakes and refuses others, in any dialect, on either transport, and misbehaves as
services in the wild do: addresses that are missing, the wrong content type, web pages, JSON around the answer, messages
in base64, a beta interface that was switched off.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import BodyPartReader, WSMsgType, web

from tests.support.peers import Pcm, Side, side, silence
from voicechat.audio.sound_format import SoundDecoder, SoundEncoder, SoundFormat

Event = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DialectName = Literal["ga", "beta", "xai"]
ALL = frozenset({"multipart", "sdp", "client_secret", "sessions", "websocket"})
PAGE = "<!doctype html><html><body>Welcome</body></html>"
GREETING = json.dumps({"type": "session.created", "session": {"id": "sess_1"}})
SESSIONS: dict[DialectName, Event] = {
    "ga": {"type": "realtime", "audio": {"output": {"voice": "marin"}}},
    "beta": {"modalities": ["text", "audio"], "input_audio_format": "pcm16", "voice": "alloy"},
    "xai": {"voice": "ara", "turn_detection": {"type": "server_vad"}, "audio": {}},
}
FOREIGN = {
    "ga": ("modalities", "voice"),
    "beta": ("type", "audio", "output_modalities"),
    "xai": ("type", "output_modalities", "max_output_tokens"),
}
"""Fields that a service of each dialect does not know."""


@dataclass
class Seen:
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

    greeting: Event | None = field(default_factory=lambda: json.loads(GREETING))
    answers_pings: bool = True
    seen: list[Seen] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    close_code: int | None = None
    """How the newest connection was ended by the client."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def socket(self) -> web.WebSocketResponse:
        return self.sockets[-1]

    def refusal(self, seen: Seen) -> web.Response | None:
        """The answer to a request that gets no connection."""
        return None

    def opened(self) -> Event | None:
        return self.greeting

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        """What an event of the client is answered with."""
        return ()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(await read(request))
        if (refusal := self.refusal(self.seen[-1])) is not None:
            return refusal
        return await self.connect(request)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
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


def delta(
    pcm: bytes, *, response: str = "resp_1", item: str = "item_1", kind: str = "response.output_audio.delta"
) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": kind, "response_id": response, "item_id": item, "delta": audio})


def created(response: str = "resp_1") -> str:
    return json.dumps({"type": "response.created", "response": {"id": response}})


def finished(response: str = "resp_1") -> str:
    return json.dumps({"type": "response.done", "response": {"id": response, "status": "completed"}})


@dataclass
class SocketServer(SocketService):
    """Keeps what a client says, and speaks when the test wants it."""

    reads: bool = True
    form: SoundFormat = field(default_factory=SoundFormat)
    texts: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """Client events without sound."""
    appended: list[bytes] = field(default_factory=list)
    """Pieces of the microphone."""
    order: list[str] = field(default_factory=list)
    """Types of all client events."""
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, socket: web.WebSocketResponse) -> None:
        await (super().listen(socket) if self.reads else self.may_end.wait())

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        self.order.append(str(event.get("type")))
        if event.get("type") == "input_audio_buffer.append":
            self.appended.append(base64.b64decode(event["audio"]))
        else:
            self.texts.put_nowait(json.dumps(event))
        return ()

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.socket.send_str(text)

    async def speak(self, pcm: Pcm, response: str = "resp_1", item: str = "item_1") -> None:
        """An answer of 48 kHz sound in pieces of 100 ms of the wire's format, as fast as it goes."""
        data = SoundEncoder(self.form).encode(pcm)
        step = self.form.bytes_per_second // 10
        await self.say(created(response))
        for at in range(0, len(data), step):
            await self.say(delta(data[at : at + step], response=response, item=item))
        await self.say(finished(response))

    def heard(self, since: int = 0) -> Pcm:
        """What came of the microphone, at 48 kHz."""
        return SoundDecoder(self.form).decode(b"".join(self.appended[since:]))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with super().serving() as url:
            try:
                yield url
            finally:
                self.may_end.set()


@dataclass
class RealServer(SocketService):
    """A server whose calls are real: the peers it made, and the calls that were hung up (method and path)."""

    uplink: Callable[[], Pcm] = silence
    change_answer: Callable[[str], str] = lambda sdp: sdp
    calls: list[Side] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = await read(request)
        if self.is_hang_up(seen):
            return web.Response()
        self.seen.append(seen)
        return await self.answered(seen)

    def is_hang_up(self, seen: Seen) -> bool:
        is_one = seen.path.endswith("/hangup") or seen.method == "DELETE"
        if is_one:
            self.hung_up.append(f"{seen.method} {seen.path}")
        return is_one

    async def answered(self, seen: Seen, *, in_json: bool = False) -> web.Response:
        """The answer to an offer; its call is the newest of `calls`."""
        call = side("server", self.uplink)
        self.calls.append(call)
        sdp = self.change_answer(await call.peer.answer(seen.parts["sdp"][1] if seen.parts else seen.body.decode()))
        where = {"Location": f"/v1/realtime/calls/rtc_{len(self.calls)}"}
        if in_json:
            return web.json_response({"sdp": sdp, "type": "answer"}, status=201, headers=where)
        return web.Response(status=201, text=sdp, content_type="application/sdp", headers=where)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL, without /v1; closes every call afterwards."""
        try:
            async with super().serving() as url:
                yield url
        finally:
            await asyncio.gather(*(call.peer.close() for call in self.calls))


@dataclass
class ScriptedService(RealServer):
    takes: frozenset[str] = ALL
    dialect: DialectName = "ga"
    refuses_session: bool = False
    """A configuration in the handshake is a mistake there."""
    refusals: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Step -> (status, body) for what is not taken; 404 without words where nothing is said."""
    needs_key: str = ""
    """The only key that is accepted, wherever it travels; empty: everybody may call."""
    greets: bool = True
    """Whether it says session.created."""
    greets_vaguely: bool = False
    """session.created without anything that shows the dialect."""
    wraps: bool = False
    """Messages of the data channel in base64 and in parts."""
    answers_in_json: bool = False
    beta_is_off: bool = False
    """A beta header is refused: over HTTP with the code, on a WebSocket by closing with 4000."""
    hangs: str = ""
    """The step that is never answered."""
    steps: list[str] = field(default_factory=list)
    """What was asked, in order: taken or not."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What clients said, on any transport."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        try:
            async with super().serving() as url:
                yield url
                self.release.set()
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = await read(request)
        if self.is_hang_up(seen):
            return web.Response(status=404 if seen.path.endswith("/hangup") and self.answers_in_json else 200)
        self.seen.append(seen)
        step = step_of(seen)
        self.steps.append(step)
        if step == self.hangs:
            await self.release.wait()
            return web.Response(status=503)
        if self.needs_key and not self._is_known(seen):
            return problem(401, "invalid_api_key", f"Incorrect API key provided: {key_of(seen)}")
        if self._is_retired(seen) and step != "websocket":
            return problem(400, "beta_api_shape_disabled", "The beta interface was switched off.")
        if self.refuses_session and step == "multipart" and "audio" in json.loads(seen.parts["session"][1]):
            return problem(400, "unknown_parameter", "Unknown parameter: 'session.audio'.")
        if step not in self.takes:
            status, body = self.refusals.get(step, (404, ""))
            return web.Response(status=status, text=body)
        return await self._take(request, seen, step)

    async def _take(self, request: web.Request, seen: Seen, step: str) -> web.StreamResponse:
        if seen.path.endswith("/client_secrets"):
            return web.json_response({"value": "ek_minted", "expires_at": 4_000_000_000})
        if seen.path.endswith("/sessions"):
            return web.json_response({"client_secret": {"value": "ek_minted", "expires_at": 4_000_000_000}})
        if step == "websocket":
            return await self.connect(request)
        answer = await self.answered(seen, in_json=self.answers_in_json)
        self.tasks.add(asyncio.get_running_loop().create_task(self._converse(self.calls[-1])))
        return answer

    async def _converse(self, call: Side) -> None:
        await call.opened.wait()
        said = [self.opened()]
        while True:
            for event in said:
                if event is not None:
                    text = json.dumps(event)
                    for part in wrapped(text) if self.wraps else [text]:
                        call.peer.send(part)
            said = [*self._answers(json.loads(await call.texts.get()))]

    def opened(self) -> Event | None:
        if not self.greets or self._is_retired(self.seen[-1]):
            return None
        session = {"id": "sess_1"} if self.greets_vaguely else self._session()
        return {"type": "session.created", "event_id": "e1", "session": session}

    async def listen(self, socket: web.WebSocketResponse) -> None:
        if self._is_retired(self.seen[-1]):
            await socket.close(code=4000, message=b"invalid_request_error.beta_api_shape_disabled")
        else:
            await super().listen(socket)

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        return self._answers(event)

    def _is_retired(self, seen: Seen) -> bool:
        return self.beta_is_off and "openai-beta" in seen.headers

    def _session(self) -> dict[str, Any]:
        return dict(SESSIONS[self.dialect], id="sess_1")

    def _answers(self, event: Event) -> list[Event]:
        self.events.append(event)
        if event["type"] != "session.update":
            return []
        if (error := self._mistake(event["session"])) is not None:
            return [{"type": "error", "event_id": "e2", "error": error | {"event_id": event.get("event_id")}}]
        return [{"type": "session.updated", "event_id": "e3", "session": self._session() | event["session"]}]

    def _mistake(self, session: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first field of the other dialect, as real services refuse it: the whole update with it."""
        name = next((name for name in FOREIGN[self.dialect] if name in session), "")
        if not name and self.dialect == "ga" and "type" not in session:
            name = "type"
        if not name:
            return None
        path = f"session.{name}"
        error = {"type": "invalid_request_error", "code": "unknown_parameter", "param": path}
        return error | {"message": f"Unknown parameter: '{path}'."}

    def _is_known(self, seen: Seen) -> bool:
        return key_of(seen) in (self.needs_key, "ek_minted")


def key_of(seen: Seen) -> str:
    bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or seen.headers.get("api-key", "") or seen.query.get("api-key", "")


def step_of(seen: Seen) -> str:
    """Which handshake a request belongs to."""
    if seen.headers.get("upgrade", "").lower() == "websocket":
        return "websocket"
    if seen.path.endswith("/client_secrets"):
        return "client_secret"
    if seen.path.endswith("/calls"):
        if seen.parts:
            return "multipart"
        return "client_secret" if key_of(seen).startswith("ek_") else "sdp"
    return "sessions"


def problem(status: int, code: str, words: str) -> web.Response:
    """A refusal in OpenAI's shape."""
    return web.json_response(
        {"error": {"message": words, "type": "invalid_request_error", "code": code}}, status=status
    )


def wrapped(text: str, size: int = 300) -> list[str]:
    """A message as speaches sends it: base64, in parts when it is long."""
    data = base64.b64encode(text.encode()).decode()
    if len(data) <= size:
        return [json.dumps({"id": "m1", "type": "full_message", "data": data})]
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    whole = {"id": f"m{hash(text)}", "type": "partial_message", "total_fragments": len(parts)}
    return [json.dumps({**whole, "data": part, "fragment_index": index}) for index, part in enumerate(parts)]


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    texts: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    ends: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    codes: list[str] = field(default_factory=list)
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    times_emptied: int = 0
    played: list[tuple[str, float, bool]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def on_text(self, text: str, *, translated: bool = False) -> None:
        self.texts.put_nowait(text)

    def on_closed(self, reason: str, code: str = "") -> None:
        self.ends.put_nowait(reason)
        self.codes.append(code)

    def on_emptied(self) -> None:
        self.times_emptied += 1
        self.emptied.set()

    def on_played(self, item_id: str, seconds: float, at: float, moving: bool) -> None:
        self.played.append((item_id, seconds, moving))

    def on_received(self, text: str) -> None:
        """Nothing is translated here."""

    def on_sent(self, text: str) -> None:
        self.shown.append(text)

    def on_noted(self, text: str, code: str) -> None:
        self.notes.append((text, code))

    async def text(self) -> str:
        return await asyncio.wait_for(self.texts.get(), 5)

    async def end(self) -> str:
        return await asyncio.wait_for(self.ends.get(), 5)
