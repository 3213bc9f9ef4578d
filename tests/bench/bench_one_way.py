"""One-way delay of sound between two peers: from the frame handed to the sender to its onset in what is pulled.

python -m tests.bench.bench_one_way

The sender hums for 100 ms every half second. The receiver pulls 20 ms at a time in a thread of its own, as a
loudspeaker does. A microphone would add the 20 ms in which a frame fills, a device its own buffer.
"""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np

from tests.bench.bars import Figure, judge
from tests.support.lossy_relay import LossyRelay, Network
from tests.support.peers import Pcm, side, silence
from voicechat.audio.jitter_buffer import JitterStats

FRAME = 960
CALLS = 4
SECONDS = 16.0
EVERY, LONG = 25, 5
"""Frames from burst to burst, and in a burst."""
AUDIBLE = 1_500


class Bursts:
    """The sender's uplink; remembers when each burst was handed over."""

    def __init__(self) -> None:
        self.frame = 0
        self.handed: list[float] = []
        self._tone = (9_000 * np.cos(2 * np.pi * 400 * np.arange(FRAME) / 48_000)).astype(np.int16)

    def __call__(self) -> Pcm:
        place = self.frame % EVERY
        self.frame += 1
        if place == 0:
            self.handed.append(time.monotonic())
        return self._tone if place < LONG else silence()


class Loudspeaker(threading.Thread):
    """Pulls every 20 ms and notes when a sound begins after a silence."""

    def __init__(self, pull: object) -> None:
        super().__init__(daemon=True)
        self.pull = pull
        self.onsets: list[float] = []
        self.ended = threading.Event()

    def run(self) -> None:
        due, quiet = time.monotonic(), 0
        while not self.ended.is_set():
            due += FRAME / 48_000
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            frame = self.pull(now)  # type: ignore[operator]
            loud = np.flatnonzero(np.abs(frame.astype(np.int32)) > AUDIBLE)
            if loud.size and quiet >= 8:
                self.onsets.append(now + int(loud[0]) / 48_000)
            quiet = 0 if loud.size else quiet + 1


async def one_call(network: Network | None, seed: int) -> tuple[list[float], JitterStats]:
    bursts = Bursts()
    client, server = side("client"), side("server", bursts)
    relay = (
        None if network is None else await LossyRelay.start(Network(network.delay, network.jitter, network.loss, seed))
    )
    try:
        offer = await client.peer.offer()
        answer = await server.peer.answer(relay.through_a(offer) if relay else offer)
        await client.peer.accept_answer(relay.through_b(answer) if relay else answer)
        await asyncio.wait_for(client.opened.wait(), 10)
        speaker = Loudspeaker(client.peer.receive.pull)
        speaker.start()
        await asyncio.sleep(SECONDS)
        speaker.ended.set()
        await asyncio.to_thread(speaker.join)
        stats = client.peer.receive.stats()
    finally:
        await client.peer.close()
        await server.peer.close()
        if relay:
            relay.close()
    return delays(bursts.handed, speaker.onsets), stats


def delays(handed: list[float], onsets: list[float]) -> list[float]:
    """Seconds from each burst to the onset that follows it; the first second, in which a buffer learns, is left out."""
    found = []
    for at in handed[2:]:
        heard = [onset - at for onset in onsets if 0.0 <= onset - at < EVERY * FRAME / 48_000]
        if heard:
            found.append(heard[0])
    return found


async def main() -> int:
    figures = []
    for name, network, bar in (
        ("clean loopback", None, 40.0),
        ("20 ms, jitter 10, loss 1 %", Network(0.020, 0.010, 0.01), 80.0),
        ("20 ms, jitter 10, loss 5 %", Network(0.020, 0.010, 0.05), None),
    ):
        results = [await one_call(network, seed) for seed in range(1, CALLS + 1)]
        late = [1000 * delay for found, _ in results for delay in found]
        figures.append(Figure(name, late, "ms", "median", bar))
        frames = sum(s.played + s.fec + s.concealed for _, s in results)
        for what, count in (
            ("repaired", sum(s.fec for _, s in results)),
            ("invented", sum(s.concealed for _, s in results)),
        ):
            figures.append(Figure(f"   {what}", [100 * count / frames], "%"))
    return judge("one way, frame handed over to onset played", figures)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
