"""From the first line of the offer to an open channel for events: peer to peer, and with the HTTP handshake.

python -m tests.bench.bench_connect
"""

from __future__ import annotations

import asyncio
import time

from tests.bench.bars import Figure, judge
from tests.support.peers import side, silence
from tests.support.service import Heard, RealServer
from voicechat.transports.target import LineTarget
from voicechat.transports.webrtc import WebRtcLine

ROUNDS = 20


async def peers_seconds() -> float:
    client, server = side("client"), side("server")
    began = time.perf_counter()
    try:
        await client.peer.accept_answer(await server.peer.answer(await client.peer.offer()))
        await asyncio.wait_for(client.opened.wait(), 10)
        return time.perf_counter() - began
    finally:
        await client.peer.close()
        await server.peer.close()


async def main() -> int:
    """One unmeasured round first: a fresh process pays 60 ms once for imports and its first TLS."""
    await peers_seconds()
    alone = [await peers_seconds() for _ in range(ROUNDS)]
    whole: list[float] = []
    steps: dict[str, list[float]] = {}
    line = WebRtcLine(uplink=silence, heard=Heard())
    async with RealServer().serving() as url:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            opened = await line.open(LineTarget(base_url=url, key="k", model="m"))
            whole.append(time.perf_counter() - began)
            for name, seconds in opened.steps:
                steps.setdefault(name, []).append(seconds)
            await line.close(hang_up=False)
    figures = [
        Figure("offer to open channel, two peers", [1000 * s for s in alone], "ms", "median", 60.0),
        Figure("offer to open channel, with HTTP handshake", [1000 * s for s in whole], "ms", "median", 60.0),
        *(Figure(f"   {name}", [1000 * s for s in seconds], "ms") for name, seconds in steps.items()),
    ]
    return judge("connect on loopback", figures)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
