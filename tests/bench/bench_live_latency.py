"""GPT-Live offline, over WebSocket: end of speech to first sound, and barge-in to silence.

    python -m tests.bench.bench_live_latency [ROUNDS]

The questions are spoken by the server's own voice and sent in frames of 20 ms at the pace of speech, silence included.
A moment is when the message came: the first sound is the first `session.output_audio.delta` above -40 dBFS, silence
after a barge-in is the end of the last one. Targets: 700 ms and 250 ms at the median (the voice that cuts in is taken
to begin with its first sample above the noise). The server runs as a process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections import deque

import aiohttp
import numpy as np
from numpy.typing import NDArray

from tests.bench.bars import Figure, judge
from tests.bench.bench_turn_latency import QUESTIONS
from tests.bench.voices import local, trimmed
from voicechat.audio.blocks import to_int16
from voicechat.audio.sound_format import resampled
from voicechat.local_server.spawn import start_local_server

RATE = 24_000
FRAME = RATE // 50
LOUD = 0.01 * 32_767
LONG = "Tell me a long story."
CUT_IN = "Wait, what is the time now?"


class LiveCall:
    """Sends a frame every 20 ms, and notes when loud sound came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.mic: deque[NDArray[np.int16]] = deque()
        self.said_until = 0.0
        self.loud: list[tuple[float, float]] = []
        """When a loud message came, and when it has been played if that began at once."""
        self.heard: list[str] = []

    def say(self, pcm: NDArray[np.int16]) -> None:
        self.mic.extend(np.pad(pcm, (0, -len(pcm) % FRAME)).reshape(-1, FRAME))

    async def send(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame = self.mic.popleft() if self.mic else None
            data = np.zeros(FRAME, np.int16) if frame is None else frame
            audio = base64.b64encode(data.astype("<i2").tobytes()).decode()
            await self.socket.send_str(json.dumps({"type": "session.input_audio.append", "audio": audio}))
            if frame is not None:
                self.said_until = loop.time()
            due += 0.02
            await asyncio.sleep(due - loop.time())

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for message in self.socket:
            event = json.loads(message.data)
            if event["type"] == "session.output_audio.delta":
                pcm = np.frombuffer(base64.b64decode(event["delta"]), "<i2")
                loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD)
                if loud.size:
                    self.loud.append((loop.time(), loop.time() + float(loud[-1] + 1) / RATE))
            elif event["type"] == "session.input_transcript.delta":
                self.heard.append(event["delta"])

    async def first_sound(self) -> float:
        """Milliseconds from the end of what is being said to the first sound."""
        before = len(self.loud)
        async with asyncio.timeout(30):
            while self.mic or len(self.loud) == before:
                before = len(self.loud) if self.mic else before
                await asyncio.sleep(0.005)
        return 1000 * (self.loud[before][0] - self.said_until)

    async def quiet(self, seconds: float = 1.2) -> None:
        """Until no sound has come for so long."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(120):
            while not self.loud or loop.time() < self.loud[-1][1] + seconds:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)


def spoken(text: str) -> NDArray[np.int16]:
    """From the first to the last audible sample, 24 kHz."""
    return to_int16(resampled(trimmed(local(text)), 48_000, RATE))


async def main(rounds: int) -> int:
    server = await start_local_server(os.environ, brain_url="none")
    first, cut = [], []
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{server.base_url}/live/sessions") as socket:
            await socket.send_str(json.dumps({"type": "session.start", "session": {"model": "local-live"}}))
            while (await socket.receive_json())["type"] != "session.started":
                pass
            call = LiveCall(socket)
            tasks = [asyncio.ensure_future(call.send()), asyncio.ensure_future(call.listen())]
            for number in range(rounds):
                call.say(spoken(QUESTIONS[number % len(QUESTIONS)]))
                first.append(await call.first_sound())
                await call.quiet()
            for _ in range(rounds // 2):
                call.say(spoken(LONG))
                await call.first_sound()
                await asyncio.sleep(1.5)
                began = asyncio.get_running_loop().time()
                call.say(spoken(CUT_IN))
                while call.mic:  # noqa: ASYNC110 - nothing reports the moment
                    await asyncio.sleep(0.02)
                stopped = max((end for at, end in call.loud if at < call.said_until + 0.3), default=began)
                cut.append(1000 * (stopped - began))
                await call.quiet()
            for task in tasks:
                task.cancel()
    finally:
        await server.stop()
    print(f"heard: {''.join(call.heard)}")
    figures = [
        Figure("end of speech to first sound", first, "ms", "median", 700.0),
        Figure("barge-in to silence", cut, "ms", "median", 250.0),
    ]
    return judge("GPT-Live, local server, WebSocket", figures)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)))
