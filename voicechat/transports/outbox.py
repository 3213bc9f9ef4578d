"""What waits to be written to a WebSocket: events and pieces of sound in one order, bounded.

One writer sends one message after the other and waits where the socket takes no more, so a slow network shows here and
not as memory. A piece of sound that finds seconds of others before it is dropped: it would come too late to be a voice.
"""

from __future__ import annotations

import asyncio
from collections import deque

import aiohttp

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes of one event: services take 15 MiB of sound in one `append`."""
LARGEST_BACKLOG = 24 * 1024 * 1024
"""Bytes that may wait."""
LONGEST_SOUND = 5.0
"""Seconds of sound that may wait; longer blackouts end the line anyway."""


class Outbox:
    """Filled and emptied on one event loop."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.messages_sent = 0
        self._waiting: deque[tuple[str, float]] = deque()
        self._bytes = 0
        self._sound = 0.0
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def sound_waiting(self) -> float:
        """Seconds of sound that are not written yet."""
        return self._sound

    def put(self, text: str, sound: float = 0.0) -> str:
        """Queue one message; `sound` is how many seconds of it are in there. Returns why it was not, or nothing."""
        size = len(text.encode())
        if size > LARGEST_MESSAGE:
            return f"the message has {size} bytes and the other side takes {LARGEST_MESSAGE} at most"
        if self._bytes + size > LARGEST_BACKLOG:
            return "the line does not keep up: too much waits to be sent"
        if sound and self._sound + sound > LONGEST_SOUND:
            return "the line does not keep up with the microphone"
        self._waiting.append((text, sound))
        self._bytes += size
        self._sound += sound
        self._empty.clear()
        self._news.set()
        return ""

    async def write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send what comes, until cancelled. Returns when the socket is closed; the reader knows why."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                text, sound = self._waiting[0]
                try:
                    await socket.send_str(text)
                except (aiohttp.ClientError, OSError):
                    return
                size = len(text.encode())
                self._waiting.popleft()
                self._bytes -= size
                self._sound = max(0.0, self._sound - sound) if self._waiting else 0.0
                self.bytes_sent += size
                self.messages_sent += 1
            self._empty.set()

    async def emptied(self, limit: float) -> None:
        """Wait until everything is written, `limit` seconds at most."""
        try:
            async with asyncio.timeout(limit):
                await self._empty.wait()
        except TimeoutError:
            return
