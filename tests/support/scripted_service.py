"""A Realtime service that takes some handshakes and refuses others, in either dialect, on either transport.

The peers and sockets are real; what is said is only what configures a session. It misbehaves as services in the wild
do: addresses that are missing, the wrong content type, web pages, JSON around the answer, messages in base64, a beta
interface that was switched off.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.support.call_server import Event, Seen, SocketService, read
from tests.support.peers import Side, side

Dialect = Literal["ga", "beta", "xai"]
ALL = frozenset({"multipart", "sdp", "client_secret", "sessions", "websocket"})
PAGE = "<!doctype html><html><body>Welcome</body></html>"

GA_SESSION: dict[str, Any] = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
BETA_SESSION: dict[str, Any] = {"modalities": ["text", "audio"], "input_audio_format": "pcm16", "voice": "alloy"}
XAI_SESSION: dict[str, Any] = {"voice": "ara", "turn_detection": {"type": "server_vad"}, "audio": {}}
SESSIONS: dict[Dialect, dict[str, Any]] = {"ga": GA_SESSION, "beta": BETA_SESSION, "xai": XAI_SESSION}
FOREIGN = {
    "ga": ("modalities", "voice"),
    "beta": ("type", "audio", "output_modalities"),
    "xai": ("type", "output_modalities", "max_output_tokens"),
}
"""Fields that a service of each dialect does not know."""


@dataclass
class ScriptedService(SocketService):
    """What the service takes, and how it talks."""

    takes: frozenset[str] = ALL
    dialect: Dialect = "ga"
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
    hung_up: list[str] = field(default_factory=list)
    calls: list[Side] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL, without /v1; everything is closed afterwards."""
        try:
            async with super().serving() as url:
                yield url
                self.release.set()
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await asyncio.gather(*(call.peer.close() for call in self.calls))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request of any handshake."""
        seen = await read(request)
        if seen.path.endswith("/hangup") or seen.method == "DELETE":
            self.hung_up.append(f"{seen.method} {seen.path}")
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
        call = side("server")
        self.calls.append(call)
        answer = await call.peer.answer(seen.parts["sdp"][1] if seen.parts else seen.body.decode())
        self.tasks.add(asyncio.get_running_loop().create_task(self._converse(call)))
        where = {"Location": f"/v1/realtime/calls/rtc_{len(self.calls)}"}
        if self.answers_in_json:
            return web.json_response({"sdp": answer, "type": "answer"}, status=201, headers=where)
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=where)

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
        words = f"Unknown parameter: 'session.{name}'."
        return {
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "param": f"session.{name}",
            "message": words,
        }

    def _is_known(self, seen: Seen) -> bool:
        return key_of(seen) in (self.needs_key, "ek_minted")


def key_of(seen: Seen) -> str:
    """The key of a request, wherever it is."""
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
    total = (len(data) + size - 1) // size
    name = f"m{hash(text)}"
    return [
        json.dumps(
            {
                "id": name,
                "type": "partial_message",
                "data": data[index * size : (index + 1) * size],
                "fragment_index": index,
                "total_fragments": total,
            }
        )
        for index in range(total)
    ]
