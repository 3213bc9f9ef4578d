"""A translation service on loopback, over a real socket: it speaks as OpenAI documents `/v1/realtime/translations`.

It cannot translate. It says what the test tells it to, and is strict about what a client may send.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from tests.support.call_server import taking_sockets
from tests.support.peers import Pcm

FRAME_BYTES = 9_600
"""200 ms of 24 kHz PCM16, in which the service translates."""
KNOWN = ("session.update", "session.input_audio_buffer.append", "session.close")
UPDATABLE = {"input": {"noise_reduction", "transcription"}, "output": {"language"}}


@dataclass
class TranslationService:
    """`socket` is the newest connection."""

    expires_at: Callable[[int], float | None] = lambda number: None
    """Unix time at which a connection's session ends, by its number; None: not said."""
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    appended: list[list[bytes]] = field(default_factory=list)
    """Pieces of the microphone, by connection."""
    refused: list[str] = field(default_factory=list)
    """What the client should not have sent."""
    closed_by_event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def socket(self) -> web.WebSocketResponse:
        return self.sockets[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        self.keys.append(request.headers.get("Authorization", ""))
        if request.path != "/v1/realtime/translations":
            return web.json_response({"error": {"message": "no such page", "code": "not_found"}}, status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.appended.append([])
        session: dict[str, Any] = {"id": f"sess_{len(self.sockets)}", "type": "translation"}
        session |= {"model": request.query.get("model", ""), "audio": {"input": {}, "output": {"language": "en"}}}
        if (ends := self.expires_at(len(self.sockets))) is not None:
            session["expires_at"] = int(ends)
        await self.say("session.created", session=session)
        mine = self.appended[-1]
        async for message in socket:
            if message.type is WSMsgType.TEXT and await self._take(socket, mine, session, json.loads(message.data)):
                break
        return socket

    async def _take(
        self, socket: web.WebSocketResponse, mine: list[bytes], session: dict[str, Any], event: dict[str, Any]
    ) -> bool:
        """One client event; True when it ended the session."""
        kind = str(event.get("type"))
        if kind not in KNOWN:
            await self._refuse(kind, f"Invalid value: '{kind}'.", event)
        elif kind == "session.close":
            self.closed_by_event.set()
            await socket.send_json({"type": "session.closed", "event_id": "event_bye"})
            await socket.close()
            return True
        elif kind == "session.input_audio_buffer.append":
            mine.append(base64.b64decode(event["audio"], validate=True))
        else:
            wish = event["session"]
            wrong = [name for name in wish if name != "audio"]
            wrong += [f"{s}.{n}" for s, part in wish.get("audio", {}).items() for n in set(part) - UPDATABLE[s]]
            if wrong:
                await self._refuse(kind, f"Unknown parameter: 'session.{wrong[0]}'.", event)
                return False
            self.updates.append(wish)
            session["audio"] = wish["audio"]
            await self.say("session.updated", session=session)
        return False

    async def _refuse(self, kind: str, message: str, event: dict[str, Any]) -> None:
        self.refused.append(f"{kind}: {message}")
        error = {"type": "invalid_request_error", "message": message, "event_id": event.get("event_id")}
        await self.say("error", error=error)

    async def say(self, kind: str, **members: Any) -> None:
        await self.socket.send_json({"type": kind, "event_id": "event_1", **members})

    async def heard(self, *pieces: str) -> None:
        """What was said, as it is understood."""
        for piece in pieces:
            await self.say("session.input_transcript.delta", delta=piece, elapsed_ms=400)

    async def translated(self, *pieces: str, pcm: Pcm | None = None) -> None:
        """Its translation: words, and 24 kHz sound in pieces of 200 ms."""
        for piece in pieces:
            await self.say("session.output_transcript.delta", delta=piece, elapsed_ms=600)
        data = b"" if pcm is None else pcm.astype("<i2").tobytes()
        for at in range(0, len(data), FRAME_BYTES):
            audio = base64.b64encode(data[at : at + FRAME_BYTES]).decode()
            form = {"format": "pcm16", "sample_rate": 24_000, "channels": 1, "elapsed_ms": 600}
            await self.say("session.output_audio.delta", delta=audio, **form)

    def sound(self, connection: int = -1) -> Pcm:
        """What came of the microphone, 24 kHz."""
        return np.frombuffer(b"".join(self.appended[connection]), "<i2").astype(np.int16)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL."""
        async with taking_sockets(self.handle, self.sockets) as url:
            yield url
