"""A bare client of a Realtime server over WebRTC: our peer, one HTTP request, and nothing of voicechat's own client."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from numpy.typing import NDArray

from voicechat.rtc.peer import Peer

Pcm = NDArray[np.int16]
Frame = dict[str, object]
FRAME = 960


@dataclass
class RealtimeCall:
    """One call. `say` queues microphone sound; everything that comes back is kept with its time."""

    base_url: str
    events: list[tuple[float, Frame]] = field(default_factory=list)
    call_id: str = ""
    closed: str = ""
    _mic: deque[Pcm] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    said_until: float = 0.0
    """When the last queued sample left."""
    loud_at: list[float] = field(default_factory=list)
    """Moments at which 20 ms of sound (not silence) were played."""
    heard: list[Pcm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peer = Peer(
            role="client",
            uplink=self._next_frame,
            on_message=self._text_came,
            on_open=self._opened.set,
            on_closed=self._ended,
        )

    async def open(self, session: Frame | None = None) -> None:
        form = aiohttp.FormData()
        form.add_field("sdp", await self.peer.offer(), content_type="application/sdp")
        form.add_field("session", json.dumps(session or {"type": "realtime"}), content_type="application/json")
        async with aiohttp.ClientSession() as http, http.post(f"{self.base_url}/realtime/calls", data=form) as reply:
            body = await reply.text()
            assert reply.status == 201, body
            self.call_id = reply.headers["Location"].rpartition("/")[2]
        await self.peer.accept_answer(body)
        async with asyncio.timeout(10):
            await self._opened.wait()

    def say(self, pcm: Pcm) -> None:
        """Speak (48 kHz mono int16)."""
        for at in range(0, len(pcm) - FRAME + 1, FRAME):
            self._mic.append(pcm[at : at + FRAME])

    def send(self, **event: object) -> None:
        reason = self.peer.send(json.dumps(event))
        assert not reason, reason

    async def until(self, *types: str, after: int = 0, timeout: float = 15.0) -> Frame:
        """The first event of one of these types behind the first `after` events."""
        at = after
        async with asyncio.timeout(timeout):
            while True:
                for _, event in self.events[at:]:
                    if event.get("type") in types:
                        return event
                at = len(self.events)
                self._arrived.clear()
                await self._arrived.wait()

    def types(self, after: int = 0) -> list[str]:
        return [str(event.get("type")) for _, event in self.events[after:]]

    def find(self, kind: str, after: int = 0) -> list[Frame]:
        return [event for _, event in self.events[after:] if event.get("type") == kind]

    def time_of(self, kind: str, after: int = 0) -> float:
        """When the first event of a type came."""
        return next(at for at, event in self.events[after:] if event.get("type") == kind)

    def _next_frame(self) -> Pcm:
        """The pace of the whole client: 20 ms out, 20 ms in."""
        now = time.monotonic()
        pcm = self.peer.receive.pull(now)
        self.heard.append(pcm)
        if np.abs(pcm).max(initial=0) > 300:
            self.loud_at.append(now)
        if not self._mic:
            return np.zeros(FRAME, np.int16)
        self.said_until = now
        return self._mic.popleft()

    def _text_came(self, text: str) -> None:
        self.events.append((time.monotonic(), json.loads(text)))
        self._arrived.set()

    def _ended(self, reason: str) -> None:
        self.closed = reason
        self._arrived.set()


@asynccontextmanager
async def realtime_call(base_url: str, session: Frame | None = None) -> AsyncIterator[RealtimeCall]:
    """A call that is open and has seen `session.created`."""
    call = RealtimeCall(base_url)
    try:
        await call.open(session)
        await call.until("session.created")
        yield call
    finally:
        await call.peer.close()
