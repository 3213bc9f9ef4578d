"""How soon a talk sounds again after its sound server or its devices were away, without a key.

    python -m tests.bench.bench_sound_return [--rounds 10] [--only "hangs 6 s,restarts,..."]

One engine process with our own server talks through all rounds of a case. Each round asks for a story, takes the sound
away while it is told, gives it back, asks again, and measures seconds from that moment until the monitor of the
loudspeaker has an answer, and until the microphone is in use. A round that has neither within 20 s ends the case.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from tests.bench.bars import Figure, judge, options
from tests.bench.rig import LOUD, Monitor, Room
from tests.support.vaudio import VirtualAudio
from voicechat.config.settings import Settings
from voicechat.core.user_events import TextEntered
from voicechat.core.view import MicView
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import FromEngine, Goodbye, Snapshot

QUESTION = "Tell me a long story."
WITHIN, BAR = 20.0, 3.0
AWAY = 3.0
"""Seconds a server or a device is away."""
Without = Callable[[VirtualAudio], None]


class Engine:
    """An engine with our own server, and what its newest snapshot says."""

    def __init__(self) -> None:
        self.mic, self.phase, self.died = MicView(), "", ""
        self.mic_since = math.inf
        """Since when the microphone is in use; infinity while it is not."""
        self._came = threading.Condition()
        self._process = EngineProcess(Settings(provider="local"))
        self._process.start(self._take)

    def _take(self, message: FromEngine) -> None:
        with self._came:
            if isinstance(message, Snapshot):
                self.mic, self.phase = message.view.mic, message.view.connection.phase
                self.mic_since = min(self.mic_since, time.monotonic()) if self._has_mic else math.inf
            elif isinstance(message, Goodbye):
                self.died = message.cause
            self._came.notify_all()

    def ask(self) -> None:
        """An answer that is running gives way to the new one."""
        self._process.send(TextEntered(QUESTION))

    @property
    def _has_mic(self) -> bool:
        return self.phase == "open" and self.mic.state not in ("device-lost", "no-microphone", "no-line")

    def mic_used(self, within: float = WITHIN) -> float:
        """Waits for the microphone; since when it is in use, infinity if it does not come in time."""
        with self._came:
            self._came.wait_for(lambda: self.mic_since < math.inf or bool(self.died), within)
        return math.inf if self.died else self.mic_since

    def close(self) -> None:
        self._process.close()


def hangs(seconds: float) -> Without:
    def without(audio: VirtualAudio) -> None:
        audio.stall(seconds)

    return without


def restarts(audio: VirtualAudio) -> None:
    audio.stop()
    time.sleep(AWAY)
    audio.start()


def replugged(rate: int) -> Without:
    """The loudspeaker and the microphone go, and come again with this rate."""

    def without(audio: VirtualAudio) -> None:
        for line in reversed(audio.tell("list", "short", "modules").splitlines()):
            number, name = line.split("\t")[:2]
            if name in ("module-null-sink", "module-remap-source"):
                audio.tell("unload-module", number)
        time.sleep(AWAY)
        sink = f"norewinds=1 rate={rate} format=s16le"
        audio.tell("load-module", "module-null-sink", "sink_name=vspk", "channels=2", *sink.split())
        audio.tell("load-module", "module-null-sink", "sink_name=vmic_feed", "channels=1", *sink.split())
        audio.tell("load-module", "module-remap-source", "source_name=vmic", "master=vmic_feed.monitor")
        audio.tell("set-default-sink", "vspk")
        audio.tell("set-default-source", "vmic")

    return without


CASES: dict[str, Without] = {
    "hangs 1 s": hangs(1.0),
    "hangs 6 s": hangs(6.0),
    "hangs 30 s": hangs(30.0),
    "restarts": restarts,
    "device replugged": replugged(48_000),
    "device returns with 44.1 kHz": replugged(44_100),
}


def first_sound(room: Room, within: float = WITHIN) -> float:
    """When the loudspeaker's monitor has a sound from now on; infinity if it has none in time."""
    with Monitor(room) as monitor:
        deadline, seen = time.monotonic() + within, 0
        while time.monotonic() < deadline:
            while seen < len(monitor.chunks):
                at, samples = monitor.chunks[seen]
                seen += 1
                if np.any(np.abs(samples.astype(np.int32)) > LOUD):
                    return at
            time.sleep(0.005)
    return math.inf


def talk(room: Room, engine: Engine) -> None:
    """Until an answer has sounded for a second; a machine with too much to do may lose a line, so asks three times."""
    for _ in range(3):
        engine.mic_used(60.0)
        engine.ask()
        if first_sound(room, 8.0) < math.inf:
            time.sleep(1.0)
            return
    raise RuntimeError("the answer before the loss was not heard")


def measured(room: Room, without: Without, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds from the return to the answer's sound and to the microphone."""
    sounds: list[float] = []
    mics: list[float] = []
    engine = Engine()
    try:
        if engine.mic_used(60.0) == math.inf:
            raise RuntimeError(f"the talk did not begin: {engine.died or (engine.phase, engine.mic)}")
        for _ in range(rounds):
            talk(room, engine)
            without(room.audio)
            back = time.monotonic()
            engine.ask()
            sounds.append(first_sound(room) - back)
            mics.append(max(0.0, engine.mic_used() - back))
            if math.inf in (sounds[-1], mics[-1]):
                break
            time.sleep(3.0)
    finally:
        engine.close()
    return sounds, mics


def main() -> int:
    given = options(__doc__, rounds=10, only=",".join(CASES))
    figures = []
    for name in given.only.split(","):
        with Room() as room:
            os.environ["PULSE_SERVER"] = room.environ["PULSE_SERVER"]
            sounds, mics = measured(room, CASES[name], given.rounds)
        came = sum(seconds <= BAR for seconds in sounds)
        print(f"{name}: sounds again within {BAR:g} s {came} of {given.rounds}", flush=True)
        figures.append(Figure(f"{name}: answer heard again", sounds, "s", "worst", BAR))
        figures.append(Figure(f"{name}: microphone in use", mics, "s", "worst", BAR))
    return judge("Sound returns", figures)


if __name__ == "__main__":
    sys.exit(main())
