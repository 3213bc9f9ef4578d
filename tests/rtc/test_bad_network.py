"""A real call over a network that delays and loses."""

from __future__ import annotations

import asyncio

import numpy as np

from tests.support.lossy_relay import LossyRelay, Network
from tests.support.peers import Pcm, side, tone


async def test_a_call_with_one_packet_in_twenty_lost_is_heard_nearly_without_a_gap() -> None:
    client, server = side("client"), side("server", tone(300))
    relay = await LossyRelay.start(Network(delay=0.02, jitter=0.01, loss=0.05, seed=3))
    try:
        answer = await server.peer.answer(relay.through_a(await client.peer.offer()))
        await client.peer.accept_answer(relay.through_b(answer))
        await asyncio.wait_for(client.opened.wait(), 10)

        def three_seconds(pcm: Pcm) -> bool:
            return int(np.count_nonzero(pcm)) > 3 * 48_000

        heard = await client.listen(three_seconds, timeout=20)
        stats = client.peer.stats()
    finally:
        await client.peer.close()
        await server.peer.close()
        relay.close()
    assert stats.loss is not None and 0.01 < stats.loss < 0.12
    assert stats.receive.fec > 0
    frames = heard[: heard.size // 960 * 960].reshape(-1, 960)[50:]
    silent = np.count_nonzero(np.abs(frames).max(axis=1) < 1_000)
    assert silent / len(frames) < 0.05
