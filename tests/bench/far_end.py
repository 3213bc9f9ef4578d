"""The other end of a call, in a process of its own: for `bench_loudspeaker`, never run by hand.

python -m tests.bench.far_end BURSTS STEADY

Reads an offer as one line of JSON, prints its answer as another, then hums for 100 ms every half second for BURSTS
seconds and without a break for STEADY seconds. At the end it prints when each burst was handed over (seconds of the
machine's monotonic clock) and which frame began it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import numpy as np

from tests.support.peers import Pcm, side, silence

FRAME = 960
EVERY, LONG = 25, 5
"""Frames from burst to burst, and in a burst."""
PERIOD = 120
"""400 Hz at 48 kHz: a whole number of periods a frame, so that frames join without a seam."""


class Hum:
    """The uplink: bursts, then a steady tone, then silence."""

    def __init__(self, bursts: float, steady: float) -> None:
        self.frame = 0
        self.over = asyncio.Event()
        self.handed: list[tuple[int, float]] = []
        self._steady_from = round(bursts * 50)
        self._ends = self._steady_from + round(steady * 50)
        self._tone = (9_000 * np.cos(2 * np.pi * np.arange(FRAME) / PERIOD)).astype(np.int16)

    def __call__(self) -> Pcm:
        frame, self.frame = self.frame, self.frame + 1
        if frame >= self._ends:
            self.over.set()
            return silence()
        place = frame % EVERY if frame < self._steady_from else 0
        if frame <= self._steady_from and place == 0:
            self.handed.append((frame, time.monotonic()))
        return self._tone if place < LONG else silence()


async def main() -> None:
    hum = Hum(float(sys.argv[1]), float(sys.argv[2]))
    server = side("server", hum)
    try:
        print(json.dumps(await server.peer.answer(json.loads(sys.stdin.readline()))), flush=True)
        await hum.over.wait()
        print(json.dumps(hum.handed), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    finally:
        await server.peer.close()


if __name__ == "__main__":
    asyncio.run(main())
