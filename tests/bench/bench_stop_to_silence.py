"""How long the loudspeaker goes on after a flush: the promise is 50 ms on a virtual device.

    python tests/bench/bench_stop_to_silence.py [repetitions]

A duplex stream plays a tone into a null sink and records the sink's monitor as its own microphone, so both ends have
one clock. Measured from the request to the last audible sample that the microphone side delivered; that contains the
capture side too, so a real loudspeaker falls silent 10 to 30 ms sooner.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.support.sources import SteadyTone
from tests.support.vaudio import VirtualAudio
from voicechat.audio.blocks import Block
from voicechat.audio.duplex_stream import DuplexStream
from voicechat.audio.path import AudioPath

AUDIBLE = 0.003
REACH = 0.050


class Ear:
    """A processor that changes nothing and remembers when the microphone last heard something."""

    name = "ear"
    reason = ""
    cancels_echo = False

    def __init__(self) -> None:
        self.last_heard_at = 0.0

    def process(self, mic: Block, far: Block) -> Block:
        loud = np.flatnonzero(np.abs(mic) > AUDIBLE)
        if len(loud):
            self.last_heard_at = time.monotonic() - (len(mic) - 1 - int(loud[-1])) / 48_000
        return mic

    def is_cold(self, cold_for: float) -> bool:
        return False

    def reset(self) -> None:
        self.last_heard_at = 0.0


def measure(repetitions: int) -> list[float]:
    """Seconds from the request to the last audible sample."""
    ear = Ear()
    path = AudioPath(lambda _: None, processor=ear)
    stream = DuplexStream(path, mic="default", speaker="default")
    stream.start()
    path.set_source(SteadyTone())
    times = []
    for repetition in range(repetitions):
        path.resume()
        time.sleep(0.4 + repetition * 0.0037)
        asked_at = time.monotonic()
        path.flush()
        time.sleep(0.3)
        times.append(ear.last_heard_at - asked_at)
    stream.close()
    return times


def main() -> int:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        audio = VirtualAudio(Path(folder))
        audio.start()
        os.environ.update(PULSE_SERVER=f"unix:{audio.socket}", PULSE_SINK="vspk", PULSE_SOURCE="vspk.monitor")
        try:
            times = measure(repetitions)
        finally:
            audio.stop()
    print(
        f"stop to silence: median {statistics.median(times) * 1e3:.1f} ms, max {max(times) * 1e3:.1f} ms, "
        f"min {min(times) * 1e3:.1f} ms of {repetitions}; reach {REACH * 1e3:.0f} ms"
    )
    return 0 if statistics.median(times) <= REACH and min(times) > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
