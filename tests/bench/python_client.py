"""Our client of `bench_mouth_to_ear` and `bench_tap`, in a process of its own; never run by hand.

python -m tests.bench.python_client CALLS_URL SETTLE MOUTH.npy EAR.npy

Mouth and ear are stepped every 10 ms by one clock, as a sound card would. A step takes the 10 ms that the microphone
has *just finished* capturing and fills the 10 ms that the loudspeaker plays *next*; both are written down at the time
at which their samples exist, so the framing of the microphone counts. It is the product's sound path (echo processing
off, there is no room) on its own peer.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import aiohttp
import numpy as np

from tests.bench.bursts import Pcm
from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, Block, silent_block, to_float, to_int16
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath
from voicechat.rtc.peer import Peer

_CONNECTS_WITHIN = 15.0
Step = Callable[[Block, Block, float], None]
"""Takes the captured block, fills the one to be played; at a time in seconds."""


class SoundCard(threading.Thread):
    """Steps every 10 ms; silence, then `mouth` once `speak` was called, while `ear` is written in step with it."""

    def __init__(self, step: Step, mouth: Pcm) -> None:
        super().__init__(daemon=True)
        self._step = step
        self._mouth = to_float(np.concatenate((mouth, np.zeros(2 * BLOCK, np.int16))))
        self.ear: Pcm = np.zeros(self._mouth.size + BLOCK, np.int16)
        self.finished = threading.Event()
        self.has_ended_early = False
        self._speaks = threading.Event()
        self._ends = threading.Event()

    def speak(self) -> None:
        """Begin with the mouth's sound."""
        self._speaks.set()

    def close(self) -> None:
        """No further step after this."""
        self._ends.set()
        self.join()

    def run(self) -> None:
        try:
            self._run()
        finally:
            # Also when a step failed: nobody may wait for ever. The ear's missing end is noticed.
            self.has_ended_early = not self._ends.is_set()
            self.finished.set()

    def _run(self) -> None:
        due, at, out = time.monotonic(), 0, silent_block()
        while not self._ends.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            says = self._speaks.is_set() and at + BLOCK <= self._mouth.size
            self._step(self._mouth[at : at + BLOCK] if says else silent_block(), out, time.monotonic())
            if says:
                at += BLOCK
                self.ear[at : at + BLOCK] = to_int16(out)
            elif at:
                self.finished.set()
            due += BLOCK_SECONDS


class NoDetector:
    """Hears no voice: nobody interrupts here."""

    name = "none"
    lag = 0.0

    def hear(self, block: Block) -> float:
        """Never a voice."""
        return 0.0

    def put_off(self, block: Block) -> None:
        """Nor later."""

    def reset(self) -> None:
        """Nothing to forget."""


async def post_offer(url: str, offer: str) -> str:
    """The far end's answer."""
    headers = {"Content-Type": "application/sdp"}
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        http.post(url, data=offer, headers=headers) as reply,
    ):
        return await reply.text()


async def talk(card: SoundCard, settle: float) -> Pcm:
    """Say everything, `settle` seconds after the call is up; what was heard meanwhile."""
    await asyncio.sleep(settle)
    card.speak()
    await asyncio.to_thread(card.finished.wait)
    await asyncio.to_thread(card.close)
    if card.has_ended_early:
        raise RuntimeError("the sound path failed")
    return card.ear


async def ours(url: str, settle: float, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
    path = AudioPath(lambda fact: None, processor=PassThroughProcessor(), detector=NoDetector())
    opened = asyncio.Event()
    waiting: list[float] = []

    def pull() -> Pcm:
        waiting.append(path.snapshot().backlog)
        return path.pull()

    peer = Peer(
        role="client",
        uplink=pull,
        waiting=lambda: path.snapshot().backlog if path.snapshot().gate_open else None,
        on_message=lambda text: None,
        on_open=opened.set,
        on_closed=lambda reason: None,
    )
    path.set_source(peer.receive)
    path.open_mic(0.0)
    card = SoundCard(path.process, mouth)
    card.start()
    try:
        await peer.accept_answer(await post_offer(url, await peer.offer()))
        await asyncio.wait_for(opened.wait(), _CONNECTS_WITHIN)
        ear = await talk(card, settle)
        said = {"underruns": path.snapshot().underruns, "uplink_backlog": statistics.fmean(waiting[-500:])}
        return ear, {**asdict(peer.receive.stats()), **said}
    finally:
        await peer.close()


async def called(url: str, mouth: Pcm, settle: float) -> tuple[Pcm, dict[str, float]]:
    """The ear of one call in a process of its own, sample by sample, and its counters. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:
        into, out = Path(folder, "mouth.npy"), Path(folder, "ear.npy")
        await asyncio.to_thread(np.save, into, mouth)
        command = (sys.executable, "-m", "tests.bench.python_client", url, str(settle), str(into), str(out))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"our own client failed (status {process.returncode})")
        ear: Pcm = await asyncio.to_thread(np.load, out)
        return ear, json.loads(printed)


async def main() -> None:
    url, settle, mouth_file, ear_file = sys.argv[1:]
    mouth: Pcm = np.load(mouth_file)
    ear, stats = await ours(url, float(settle), mouth)
    np.save(ear_file, ear[: mouth.size])
    print(json.dumps(stats), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
