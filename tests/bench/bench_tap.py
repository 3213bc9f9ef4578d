"""What `voicechat tap` adds: to an event there and back, and to sound there and back, against the direct way.

    python -m tests.bench.bench_tap [--minutes N | --quick]

Events: one at a time over two sessions with the local server, one direct and one through a tap in a process of its own,
taking turns; in every other second both sessions also have an answer made. A client event that is answered at once
crosses the tap twice, and the whole difference is charged to one event. Sound: two calls at the same time to a peer
that sends every packet back, from the mouth to the ear of our client; it crosses the tap twice as well.
Needs the extra `local`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import aiohttp

from tests.bench.bars import Figure, judge, seconds_asked, share
from tests.bench.bench_mouth_to_ear import LEARNING, SETTLE
from tests.bench.bursts import RATE, burst_train, delays
from tests.bench.python_client import called
from tests.bench.reflecting_peer import reflecting
from tests.support.realtime_call import RealtimeCall, realtime_call
from voicechat.local_server.spawn import start_local_server
from voicechat.local_server.speech import engine_is_missing

EVENT_BAR, SOUND_BAR = 5.0, 60.0
"""Milliseconds."""
PAUSE = 0.02
ANSWER_EVERY = 2.0
PROBE = {"type": "input_audio_buffer.clear"}
PROBED = "input_audio_buffer.cleared"
ANSWER: tuple[dict[str, object], ...] = (
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Spell Mississippi."}]},
    },
    {"type": "response.create"},
)
Send = Callable[[dict[str, object]], Awaitable[None]]


class Line:
    """One session to be probed."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.answered = asyncio.Event()
        self.times: list[float] = []

    def came(self, text: str) -> None:
        if f'"{PROBED}"' in text:
            self.answered.set()

    async def probe(self) -> None:
        """Milliseconds from the client's event to its answer."""
        self.answered.clear()
        began = time.perf_counter()
        await self.send(dict(PROBE))
        async with asyncio.timeout(10):
            await self.answered.wait()
        self.times.append(1000 * (time.perf_counter() - began))


@asynccontextmanager
async def over_websocket(base_url: str) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{base_url}/realtime", max_msg_size=0) as socket:
        line = Line(lambda event: socket.send_str(json.dumps(event)))

        async def read() -> None:
            async for message in socket:
                line.came(message.data)

        reading = asyncio.ensure_future(read())
        yield line
        reading.cancel()


@asynccontextmanager
async def over_webrtc(base_url: str) -> AsyncIterator[Line]:
    async with realtime_call(base_url) as call:
        yield line_of(call)


def line_of(call: RealtimeCall) -> Line:
    async def send(event: dict[str, object]) -> None:
        call.send(**event)

    line = Line(send)
    call.peer._on_message = line.came
    return line


@asynccontextmanager
async def tapping(upstream: str) -> AsyncIterator[str]:
    """A tap in a process of its own; its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicechat", "tap", "--upstream", upstream, "--port", "0", "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        while b"point a client at" not in (line := await process.stderr.readline()):
            if not line:
                raise SystemExit("the tap did not start")
        yield line.decode().split()[-1]
    finally:
        process.terminate()
        await process.communicate()


async def events(
    way: Callable[[str], AbstractAsyncContextManager[Line]], direct: str, tapped: str, seconds: float
) -> tuple[Line, Line]:
    """Probes in turns, so that both ways have the same machine."""
    async with AsyncExitStack() as stack:
        lines: list[Line] = [await stack.enter_async_context(way(url)) for url in (direct, tapped)]
        await asyncio.sleep(0.5)
        ends, answer_at = time.monotonic() + seconds, time.monotonic() + ANSWER_EVERY / 2
        while time.monotonic() < ends:
            if time.monotonic() >= answer_at:
                answer_at += ANSWER_EVERY
                for line in lines:
                    for event in ANSWER:
                        await line.send(dict(event))
            for line in lines:
                await line.probe()
            await asyncio.sleep(PAUSE)
        return lines[0], lines[1]


async def sound(direct: str, tapped: str, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds there and back, of two calls at the same time, without the seconds in which buffers learn."""
    mouth, begins = burst_train(seconds + LEARNING, seed=1)
    counted = [at for at in begins if at >= LEARNING * RATE]
    ears = await asyncio.gather(*(called(f"{url}/calls", mouth, SETTLE) for url in (direct, tapped)))
    late = [[1000 * delay for delay in delays(counted, ear) if delay is not None] for ear, _ in ears]
    return late[0], late[1]


def rows(name: str, times: tuple[list[float], list[float]], bar: float) -> list[Figure]:
    """Both ways, and what the tap adds to the middle and to the slow ones: the machine's own hiccups are in both."""
    direct, tapped = (sorted(one) for one in times)
    added = [share(tapped, part) - share(direct, part) for part in (0.5, 0.95)]
    return [
        Figure(f"{name}: direct, there and back", direct, "ms"),
        Figure(f"{name}: through the tap", tapped, "ms"),
        Figure(f"{name}: added at the median", added[:1], "ms", "worst", bar),
        Figure(f"{name}: added at p95", added[1:], "ms", "worst", bar),
    ]


async def main(seconds: float) -> int:
    figures: list[Figure] = []
    server = await start_local_server(os.environ, brain_url="none")
    try:
        async with tapping(server.base_url) as tapped:
            for name, way in (("events, WebSocket", over_websocket), ("events, WebRTC", over_webrtc)):
                direct, through = await events(way, server.base_url, tapped, seconds)
                figures += rows(name, (direct.times, through.times), EVENT_BAR)
    finally:
        await server.stop()
    async with reflecting() as mirror, tapping(mirror) as tapped:
        figures += rows("sound, WebRTC", await sound(mirror, tapped.removesuffix("/v1"), seconds), SOUND_BAR)
    return judge("what the tap adds", figures)


if __name__ == "__main__":
    if missing := engine_is_missing():
        raise SystemExit(f"the local server is needed: {missing}")
    sys.exit(asyncio.run(main(seconds_asked(__doc__, 0.5, 6.0))))
