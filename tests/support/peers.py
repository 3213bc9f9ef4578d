"""Two real peers in one process, joined by hand: what one test of a call needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicechat.rtc.peer import Peer

Pcm = NDArray[np.int16]
FRAME = 960


def silence() -> Pcm:
    """An uplink with nothing to say."""
    return np.zeros(FRAME, np.int16)


def tone(hertz: float = 440.0) -> Callable[[], Pcm]:
    """An uplink that hums, without a break between frames."""
    at = 0

    def next_frame() -> Pcm:
        nonlocal at
        t = (at + np.arange(FRAME)) / 48_000
        at += FRAME
        return (8_000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)

    return next_frame


@dataclass
class Side:
    peer: Peer
    texts: asyncio.Queue[str]
    opened: asyncio.Event
    closed: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def listen(self, enough: Callable[[Pcm], bool], timeout: float = 10.0) -> Pcm:
        """Pull 20 ms at a time, as a loudspeaker would, until what was heard is enough."""
        heard: Pcm = np.zeros(0, np.int16)
        async with asyncio.timeout(timeout):
            while not enough(heard):
                await asyncio.sleep(FRAME / 48_000)
                heard = np.concatenate((heard, self.peer.receive.pull(time.monotonic())))
        return heard


def side(role: Literal["client", "server"], uplink: Callable[[], Pcm] = silence) -> Side:
    """A peer whose callbacks fill the fields of a Side."""
    texts: asyncio.Queue[str] = asyncio.Queue()
    closed: asyncio.Queue[str] = asyncio.Queue()
    opened = asyncio.Event()
    peer = Peer(role=role, uplink=uplink, on_message=texts.put_nowait, on_open=opened.set, on_closed=closed.put_nowait)
    return Side(peer, texts, opened, closed)


@asynccontextmanager
async def call(
    client_says: Callable[[], Pcm] = silence,
    server_says: Callable[[], Pcm] = silence,
    *,
    change_offer: Callable[[str], str] = lambda sdp: sdp,
    change_answer: Callable[[str], str] = lambda sdp: sdp,
) -> AsyncIterator[tuple[Side, Side]]:
    """A call that is up: (client, server). Both ends are closed afterwards."""
    client, server = side("client", client_says), side("server", server_says)
    try:
        offer = await client.peer.offer()
        answer = await server.peer.answer(change_offer(offer))
        await client.peer.accept_answer(change_answer(answer))
        async with asyncio.timeout(10):
            await client.opened.wait()
            await server.opened.wait()
        yield client, server
    finally:
        await client.peer.close()
        await server.peer.close()


async def eventually(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Wait for something that no event announces; fails after `timeout` seconds."""
    for _ in range(int(timeout / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


def loudness(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64))))) if pcm.size else 0.0


def pitch(pcm: Pcm) -> float:
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
    return float(np.argmax(spectrum)) * 48_000 / pcm.size
