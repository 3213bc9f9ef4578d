"""A Python contender of `bench_mouth_to_ear`, in a process of its own; never run by hand.

python -m tests.bench.python_client ours|stock CALLS_URL SETTLE MOUTH.npy EAR.npy

Mouth and ear are stepped every 10 ms by one clock, as a sound card would. A step takes the 10 ms that the microphone
has *just finished* capturing and fills the 10 ms that the loudspeaker plays *next*; both are written down at the time
at which their samples exist, so the framing of the microphone counts. `ours` is the product's sound path (echo
processing off, there is no room) on its own peer; `stock` is aiortc with its own encoder and buffer, its frames handed
over the moment they are complete and played first in, first out.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.bench.bursts import RATE, Pcm
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
    async with aiohttp.ClientSession(raise_for_status=True) as http, http.post(url, data=offer) as reply:
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
    """The product's path and peer."""
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


class StockMic(MediaStreamTrack):
    """Frames of 20 ms for aiortc's encoder, each as soon as it is complete."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Pcm] = asyncio.Queue()
        self._half: Pcm | None = None
        self._pts = 0

    def capture(self, block: Block) -> None:
        """10 ms from the sound card's thread."""
        samples = to_int16(block)
        if self._half is None:
            self._half = samples
            return
        frame, self._half = np.concatenate((self._half, samples)), None
        self._loop.call_soon_threadsafe(self._frames.put_nowait, frame)

    async def recv(self) -> AudioFrame:
        """The next frame. Raises MediaStreamError once the track was stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        pcm = await self._frames.get()
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, fractions.Fraction(1, RATE)
        self._pts += pcm.size
        return frame


class StockEar:
    """First in, first out: what came is played, silence when nothing did."""

    def __init__(self) -> None:
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._lock = threading.Lock()

    async def listen(self, track: MediaStreamTrack) -> None:
        """Read the track to its end."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                mono = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(np.int16)
                with self._lock:
                    self._waiting = np.concatenate((self._waiting, mono))
        except MediaStreamError:
            return

    def play(self, out: Block) -> None:
        """Fill 10 ms."""
        with self._lock:
            piece, self._waiting = self._waiting[:BLOCK], self._waiting[BLOCK:]
        out[:] = 0.0
        out[: piece.size] = to_float(piece)


async def stock(url: str, settle: float, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
    """aiortc as it comes."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    mic, ear = StockMic(), StockEar()
    up = asyncio.Event()
    listening: list[asyncio.Future[None]] = []

    def state_changed() -> None:
        if connection.connectionState == "connected":
            up.set()

    def step(captured: Block, out: Block, now: float) -> None:
        mic.capture(captured)
        ear.play(out)

    connection.addTrack(mic)
    connection.on("track", lambda track: listening.append(asyncio.ensure_future(ear.listen(track))))
    connection.on("connectionstatechange", state_changed)
    try:
        await connection.setLocalDescription()
        answer = await post_offer(url, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await asyncio.wait_for(up.wait(), _CONNECTS_WITHIN)
        card = SoundCard(step, mouth)
        card.start()
        return await talk(card, settle), {}
    finally:
        await connection.close()
        await asyncio.gather(*listening)


async def main() -> None:
    who, url, settle, mouth_file, ear_file = sys.argv[1:]
    contender = {"ours": ours, "stock": stock}[who]
    mouth: Pcm = np.load(mouth_file)
    ear, stats = await contender(url, float(settle), mouth)
    np.save(ear_file, ear[: mouth.size])
    print(json.dumps(stats), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
