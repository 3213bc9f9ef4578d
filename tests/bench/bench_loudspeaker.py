"""From a packet of remote sound to the loudspeaker's block that plays it, and from the stop key to silence.

    python -m tests.bench.bench_loudspeaker [SECONDS]

Needs PulseAudio: an instance of its own with null sinks, through which a real DuplexStream plays. The other end of the
call is a process of its own (`far_end.py`) that hums for 100 ms every half second, then SECONDS long without a break,
in which every silent block is a gap. Packets and the device's blocks keep the phase they happen to have, between 0 and
20 ms, for a whole call; hence several calls. The sink's monitor is the stream's microphone, so what it hears contains
the capture side (10 to 30 ms) too. The stop key travels as the screen sends it, over the link to an engine process that
speaks with the local server; what the sink plays meanwhile is recorded from outside, recording delay included.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.bench.far_end import FRAME
from tests.bench.table import show
from tests.support.peers import Side, side
from tests.support.vaudio import VirtualAudio
from voicechat.audio.blocks import Block
from voicechat.audio.duplex_stream import DuplexStream
from voicechat.audio.jitter_buffer import JitterStats
from voicechat.audio.path import AudioPath
from voicechat.config.settings import Settings
from voicechat.core.events import StopPressed, TextEntered
from voicechat.engine.host import EngineProcess

AUDIBLE = 0.02
QUIET_BLOCKS = 8
"""Blocks of silence after which the next sound is an onset."""
LEARNING = 2.0
"""Seconds at the start of a call in which a buffer learns; left out."""
CALLS = 4
STOPS = 12


@dataclass
class Ear:
    """A processor that changes nothing and hears where the microphone's sound begins and breaks off."""

    name: str = "ear"
    reason: str = ""
    cancels_echo: bool = False
    onsets: list[float] = field(default_factory=list)
    breaks: list[tuple[float, float]] = field(default_factory=list)
    _quiet: int = 48_000

    def process(self, mic: Block, far: Block) -> Block:
        """Onsets on the monotonic clock; breaks as (when, seconds)."""
        now = time.monotonic()
        loud = np.flatnonzero(np.abs(mic) > AUDIBLE)
        if not loud.size:
            self._quiet += len(mic)
            return mic
        gap = self._quiet + int(loud[0])
        at = now - (len(mic) - int(loud[0])) / 48_000
        if gap >= QUIET_BLOCKS * 480:
            self.onsets.append(at)
        elif gap > 96:  # 2 ms; the tone itself crosses zero for less than a tenth of that
            self.breaks.append((at, gap / 48_000))
        self._quiet = len(mic) - 1 - int(loud[-1])
        return mic

    def is_cold(self, cold_for: float) -> bool:
        return False

    def reset(self) -> None:
        self._quiet = 48_000


class WatchedPath(AudioPath):
    """Notes when a block that begins a sound was handed to the device, and every silent block after it."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(lambda fact: None, processor=ear)
        self.onsets: list[float] = []
        self.blocks: list[tuple[float, bool]] = []
        self._quiet = QUIET_BLOCKS

    def process(self, mic: Block, out: Block, now: float) -> None:
        super().process(mic, out, now)
        at, is_loud = time.monotonic(), bool(np.max(np.abs(out)) > AUDIBLE)
        if is_loud and self._quiet >= QUIET_BLOCKS:
            self.onsets.append(at)
        self._quiet = 0 if is_loud else self._quiet + 1
        self.blocks.append((at, is_loud))


def watch_packets(client: Side) -> list[tuple[int, float]]:
    """Every packet handed to the jitter buffer: RTP timestamp and time."""
    buffer = client.peer.receive._buffer
    assert buffer is not None, client.peer.receive.fallback_reason
    push, pushed = buffer.push, []

    def watched(sequence: int, timestamp: int, payload: bytes, now: float, ssrc: int = 0) -> None:
        pushed.append((timestamp, time.monotonic()))
        push(sequence, timestamp, payload, now, ssrc)

    setattr(buffer, "push", watched)  # noqa: B010  # an instance attribute hides the method
    return pushed


def packets_of(handed: list[tuple[int, float]], pushed: list[tuple[int, float]]) -> list[float]:
    """When the packet of each burst came: RTP timestamps run with frames from an origin most bursts agree on."""
    votes: Counter[int] = Counter()
    for frame, at in handed:
        first = next((stamp for stamp, came in pushed if came >= at), None)
        if first is not None:
            votes[first - frame * FRAME] += 1
    origin = votes.most_common(1)[0][0]
    came_at = dict(pushed)
    return [came_at[origin + frame * FRAME] for frame, _ in handed if origin + frame * FRAME in came_at]


def delays(begun: list[float], heard: list[float], after: float) -> list[float]:
    """Milliseconds from each beginning to the onset that follows it within half a burst's distance."""
    pairs = ((next((onset for onset in heard if onset >= at), None), at) for at in begun if at >= after)
    return [1000 * (onset - at) for onset, at in pairs if onset is not None and onset - at < 0.25]


@dataclass
class Call:
    """What one call measured; times are milliseconds, counts are of 10 ms blocks or 20 ms frames."""

    to_block: list[float]
    to_monitor: list[float]
    gaps: int
    monitor_breaks: list[float]
    invented: int
    silent: int
    restarts: int
    stretched: int


async def one_call(bursts: float, steady: float) -> Call:
    """Play a call on the virtual loudspeaker."""
    command = [sys.executable, "-m", "tests.bench.far_end", str(bursts), str(steady)]
    far = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert far.stdin is not None and far.stdout is not None
    client, ear = side("client"), Ear()
    path = WatchedPath(ear)
    stream = DuplexStream(path, mic="default", speaker="default")
    stream.start()
    try:
        far.stdin.write(json.dumps(await client.peer.offer()).encode() + b"\n")
        pushed = watch_packets(client)
        await client.peer.accept_answer(json.loads(await far.stdout.readline()))
        path.set_source(client.peer.receive)
        await asyncio.wait_for(client.opened.wait(), 10)
        opened_at = time.monotonic()
        await asyncio.sleep(LEARNING)
        before = client.peer.receive.stats()
        handed: list[tuple[int, float]] = json.loads(await watched(far.stdout.readline(), stream))
        after = client.peer.receive.stats()
    finally:
        stream.close()
        far.stdin.close()
        await client.peer.close()
        await far.wait()
    came = packets_of(handed, pushed)
    return measured(came, path, ear, (before, after), opened_at + LEARNING, steady)


async def watched(line: Coroutine[None, None, bytes], stream: DuplexStream) -> bytes:
    """Look after the stream as the engine does, until the far end has told its times."""
    reading = asyncio.create_task(line)
    while not reading.done():
        stream.check(time.monotonic())
        await asyncio.wait([reading], timeout=0.1)
    return reading.result()


def measured(
    came: list[float], path: WatchedPath, ear: Ear, stats: tuple[JitterStats, JitterStats], after: float, steady: float
) -> Call:
    steady_from, steady_to = came[-1] + 0.3, came[-1] + steady - 0.1
    before, later = stats
    return Call(
        to_block=delays(came[:-1], path.onsets, after),
        to_monitor=delays(came[:-1], ear.onsets, after),
        gaps=sum(not is_loud for at, is_loud in path.blocks if steady_from < at < steady_to),
        monitor_breaks=[1000 * long for at, long in ear.breaks if steady_from < at < steady_to],
        invented=later.concealed - before.concealed,
        silent=later.silence - before.silence,
        restarts=path.restarts,
        stretched=later.stretched - before.stretched,
    )


class Monitor(threading.Thread):
    """Records what the sink plays; knows when it was last loud."""

    def __init__(self, audio: VirtualAudio) -> None:
        super().__init__(daemon=True)
        self.last_loud_at = 0.0
        self.loud_since = 0.0
        server, raw = f"--server=unix:{audio.socket}", ("--raw", "--rate=48000", "--channels=1", "--format=s16le")
        command = ("parecord", server, "--device=vspk.monitor", *raw, "--latency-msec=5", "--process-time-msec=5")
        self._recorder = subprocess.Popen(command, stdout=subprocess.PIPE)

    def run(self) -> None:
        assert self._recorder.stdout is not None
        while data := os.read(self._recorder.stdout.fileno(), 65536):
            now, samples = time.monotonic(), np.frombuffer(data[: len(data) // 2 * 2], "<i2")
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 100)
            if loud.size:
                at = now - (samples.size - 1 - int(loud[-1])) / 48_000
                if at - self.last_loud_at > 0.5:
                    self.loud_since = at
                self.last_loud_at = at

    def close(self) -> None:
        self._recorder.terminate()
        self._recorder.wait()


def stops(audio: VirtualAudio) -> list[float]:
    """Milliseconds from the stop key, sent as the screen sends it, to the sink's last loud sample."""
    monitor = Monitor(audio)
    monitor.start()
    engine = EngineProcess(Settings(mic="none", speaker="default"))
    engine.start(lambda message: None)
    found: list[float] = []
    try:
        time.sleep(4.0)
        for number in range(STOPS):
            asked = time.monotonic()
            engine.send(TextEntered("Tell me a story."))
            while time.monotonic() - asked < 10 and not (monitor.loud_since > asked):
                time.sleep(0.01)
            time.sleep(0.8 + 0.037 * number)
            in_speech = time.monotonic() - monitor.last_loud_at < 0.06
            pressed = time.monotonic()
            engine.send(StopPressed())
            time.sleep(0.8)
            if in_speech and monitor.loud_since > asked:
                found.append(1000 * (monitor.last_loud_at - pressed))
    finally:
        engine.close()
        monitor.close()
    return found


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        audio = VirtualAudio(Path(folder))
        audio.start()
        os.environ.update(PULSE_SERVER=f"unix:{audio.socket}", PULSE_SINK="vspk", PULSE_SOURCE="vspk.monitor")
        try:
            calls = [asyncio.run(one_call(seconds + LEARNING, seconds)) for _ in range(CALLS)]
            silenced = stops(audio)
        finally:
            audio.stop()
    show(
        "remote sound to the loudspeaker of a virtual device",
        [
            ("packet in to loudspeaker's block", [one for call in calls for one in call.to_block], "ms", "<= 60 ms"),
            ("packet in to the sink's monitor", [one for call in calls for one in call.to_monitor], "ms", ""),
            (f"silent blocks in {seconds:g} s of tone", [call.gaps for call in calls], "", "0"),
            ("   breaks at the monitor", [len(call.monitor_breaks) for call in calls], "", "0"),
            ("      their length", [one for call in calls for one in call.monitor_breaks], "ms", ""),
            ("   frames invented", [call.invented for call in calls], "", "0"),
            ("   frames of silence", [call.silent for call in calls], "", "0"),
            ("   frames stretched or shortened", [call.stretched for call in calls], "", ""),
            ("   stream restarts", [call.restarts for call in calls], "", "0"),
            ("stop key to silence at the monitor", silenced, "ms", "<= 50 ms"),
        ],
    )


if __name__ == "__main__":
    main()
