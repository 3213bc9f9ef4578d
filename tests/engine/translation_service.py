"""A translation service on loopback, over a real socket: it speaks as OpenAI documents `/v1/realtime/translations`.

It cannot translate. It says what the test tells it to, and is strict about what a client may send.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np
from aiohttp import web

from tests.support.peers import Pcm
from tests.support.service import Event, Seen, SocketService

FRAME_BYTES = 9_600
"""200 ms of 24 kHz PCM16, in which the service translates."""
KNOWN = ("session.update", "session.input_audio_buffer.append", "session.close")
UPDATABLE = {"input": {"noise_reduction", "transcription"}, "output": {"language"}}


@dataclass
class TranslationService(SocketService):
    """Greets with a session, and refuses what is not of the interface."""

    expires_at: Callable[[int], float | None] = lambda number: None
    """Unix time at which a connection's session ends, by its number; None: not said."""
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    appended: list[list[bytes]] = field(default_factory=list)
    """Pieces of the microphone, by connection."""
    refused: list[str] = field(default_factory=list)
    """What the client should not have sent."""
    closed_by_event: asyncio.Event = field(default_factory=asyncio.Event)

    session: Event = field(default_factory=dict)

    def refusal(self, seen: Seen) -> web.Response | None:
        query = f"?{urlencode(seen.query)}" if seen.query else ""
        self.paths.append(seen.path + query)
        self.keys.append(seen.headers.get("authorization", ""))
        if seen.path == "/v1/realtime/translations":
            return None
        return web.json_response({"error": {"message": "no such page", "code": "not_found"}}, status=404)

    def opened(self) -> Event | None:
        self.appended.append([])
        self.session = {"id": f"sess_{len(self.sockets)}", "type": "translation"}
        self.session |= {"model": self.seen[-1].query.get("model", "")}
        self.session |= {"audio": {"input": {}, "output": {"language": "en"}}}
        if (ends := self.expires_at(len(self.sockets))) is not None:
            self.session["expires_at"] = int(ends)
        return {"type": "session.created", "event_id": "event_1", "session": self.session}

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        kind = str(event.get("type"))
        if kind not in KNOWN:
            return self._refused(kind, f"Invalid value: '{kind}'.", event)
        if kind == "session.close":
            self.closed_by_event.set()
            await socket.send_json({"type": "session.closed", "event_id": "event_bye"})
            await socket.close()
            return ()
        if kind == "session.input_audio_buffer.append":
            self.appended[self.sockets.index(socket)].append(base64.b64decode(event["audio"], validate=True))
            return ()
        wanted = event["session"]
        wrong = [name for name in wanted if name != "audio"]
        wrong += [f"{s}.{n}" for s, part in wanted.get("audio", {}).items() for n in set(part) - UPDATABLE[s]]
        if wrong:
            return self._refused(kind, f"Unknown parameter: 'session.{wrong[0]}'.", event)
        self.updates.append(wanted)
        self.session["audio"] = wanted["audio"]
        return [{"type": "session.updated", "event_id": "event_1", "session": self.session}]

    def _refused(self, kind: str, message: str, event: Event) -> list[Event]:
        self.refused.append(f"{kind}: {message}")
        error = {"type": "invalid_request_error", "message": message, "event_id": event.get("event_id")}
        return [{"type": "error", "event_id": "event_1", "error": error}]

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
