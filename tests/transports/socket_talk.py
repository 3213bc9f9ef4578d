"""A line over WebSocket with a scripted service at its other end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.support.peers import Pcm, eventually, silence, tone
from tests.support.service import Heard, SocketServer
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.transports.target import LineTarget
from voicechat.transports.websocket import WebSocketLine

KEY = "sk-websocket-secret"


def target(url: str, **other: Any) -> LineTarget:
    return replace(LineTarget(base_url=url, key=KEY, model="some model"), **other)


def session_said(kind: str = "session.updated", **session: Any) -> str:
    return json.dumps({"type": kind, "session": session})


def formats(kind: str, turn_detection: object = "absent") -> str:
    form = {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}
    heard: dict[str, object] = {"format": form}
    if turn_detection != "absent":
        heard["turn_detection"] = turn_detection
    return session_said(audio={"input": heard, "output": {"format": form}})


@dataclass
class Talk:
    server: SocketServer
    line: WebSocketLine
    heard: Heard
    url: str

    async def text(self, kind: str) -> str:
        """The next event of a type."""
        while kind not in (text := await self.heard.text()):
            pass
        return text

    async def play(self, seconds: float) -> Pcm:
        """Pull so much at once: the queue's clock goes by what is pulled."""
        at = time.monotonic()
        return np.concatenate([self.line.pull(at + n / 100, 480) for n in range(round(seconds * 100))])


@asynccontextmanager
async def talking(
    server: SocketServer | None = None, uplink: Uplink = silence, waiting: Waiting = lambda: None, **wishes: Any
) -> AsyncIterator[Talk]:
    server, heard = server or SocketServer(), Heard()
    line = WebSocketLine(uplink=uplink, heard=heard, waiting=waiting)
    async with server.serving() as url:
        await line.open(target(url, **wishes))
        try:
            yield Talk(server, line, heard, url)
        finally:
            await line.close(hang_up=False)


class Looks:
    """How much waits at the gate, and how often the line has looked: once a frame of 20 ms at least."""

    def __init__(self, waiting: Waiting = lambda: None) -> None:
        self._waiting = waiting
        self._count = 0

    def __call__(self) -> float | None:
        self._count += 1
        return self._waiting()

    async def later(self, frames: int = 10) -> None:
        """Return when so many more frames could have left, whatever the machine takes for them."""
        until = self._count + 2 * frames
        await eventually(lambda: self._count >= until)


def hum(hertz: float, seconds: float) -> Pcm:
    make = tone(hertz)
    return np.concatenate([make() for _ in range(round(seconds * 50))])
