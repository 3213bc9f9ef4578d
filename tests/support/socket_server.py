"""A WebSocket service on loopback that does what the test says, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.call_server import Event, SocketService
from tests.support.peers import Pcm
from voicechat.audio.sound_format import SoundDecoder, SoundEncoder, SoundFormat

GREETING = json.dumps({"type": "session.created", "session": {"id": "sess_1"}})


def delta(
    pcm: bytes, *, response: str = "resp_1", item: str = "item_1", kind: str = "response.output_audio.delta"
) -> str:
    """One piece of an answer."""
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
        """Yields the base URL."""
        async with super().serving() as url:
            try:
                yield url
            finally:
                self.may_end.set()


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
