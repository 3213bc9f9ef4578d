"""The real chat with its real engine, and a note of what its sound does: for benchmarks, never run by hand.

    python -m tests.bench.watched_chat NOTES ARGUMENTS...   the screen
    python -m tests.bench.watched_chat engine NOTES         its engine

NOTES is an inherited descriptor. On it the engine writes JSON lists, one a line, ten
times a second and never from the audio thread: `["onset", AT]` for the callback that handed out the first audible block
after a silence, `["hush", AT]` for the last audible one, `["gap", AT, SECONDS]` for callbacks that came so far apart,
`["step", MEAN, WORST]` for how long they took, `["garbage", SECONDS, GENERATION]` for a collection during which no
Python ran, `["counts", {...}]` for the engine's own counters, and
`["command", NAME, AT]`. What the screen writes on it: see `watched_screen`. Times are of the monotonic clock.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping

import numpy as np

from voicechat.audio.blocks import Block
from voicechat.engine.assemble import Talk

AUDIBLE = 0.003
QUIET_BLOCKS = 8
"""Blocks of silence after which the next sound is an onset."""
LATE = 0.03
"""Seconds between two callbacks that a device with 30 ms of buffer no longer hides."""


class Notes:
    """Gathered on the audio thread without a lock, written by a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.queue: deque[tuple[object, ...]] = deque(maxlen=10_000)
        self.steps: deque[float] = deque(maxlen=2_000)
        self.talk: Talk | None = None
        self.quiet = QUIET_BLOCKS
        self.loud_at = 0.0
        self.called_at = 0.0
        self.collecting_since = 0.0

    def garbage(self, phase: str, info: Mapping[str, int]) -> None:
        """For `gc.callbacks`."""
        if phase == "start":
            self.collecting_since = time.monotonic()
        else:
            self.queue.append(("garbage", time.monotonic() - self.collecting_since, info["generation"]))

    def block(self, began: float, ended: float, out: Block) -> None:
        if self.called_at and began - self.called_at > LATE:
            self.queue.append(("gap", began, began - self.called_at))
        self.called_at = began
        self.steps.append(ended - began)
        if float(np.max(np.abs(out))) > AUDIBLE:
            if self.quiet >= QUIET_BLOCKS:
                self.queue.append(("onset", ended))
            self.quiet, self.loud_at = 0, ended
        else:
            self.quiet += 1
            if self.quiet == QUIET_BLOCKS:
                self.queue.append(("hush", self.loud_at))

    def run(self) -> None:
        while True:
            time.sleep(0.1)
            steps = [self.steps.popleft() for _ in range(len(self.steps))]
            if steps:
                self.queue.append(("step", sum(steps) / len(steps), max(steps)))
            if self.talk is not None:
                self.queue.append(("counts", counts(self.talk)))
            while self.queue:
                os.write(self.descriptor, (json.dumps(self.queue.popleft()) + "\n").encode())


def counts(talk: Talk) -> dict[str, int]:
    """What the engine itself counted, since its talk began."""
    served, sound = talk.counters().total, talk.path.snapshot()
    line = talk.session.performer.line
    received = line.stats().receive if line is not None else None
    return {
        "underflows": served.output_underflows,
        "overflows": served.input_overflows,
        "late": served.late,
        "restarts": served.restarts,
        "not ready": sound.underruns,
        "invented": received.concealed if received is not None else 0,
    }


def engine(descriptor: int) -> None:
    from voicechat.audio.path import AudioPath
    from voicechat.engine import service
    from voicechat.engine.__main__ import main
    from voicechat.engine.link import Command

    notes = Notes(descriptor)
    process, take, start = AudioPath.process, service.Service._take, Talk.start

    def watched(path: AudioPath, mic: Block, out: Block, now: float) -> None:
        began = time.monotonic()
        process(path, mic, out, now)
        notes.block(began, time.monotonic(), out)

    async def started(talk: Talk) -> None:
        notes.talk = talk
        await start(talk)

    def taken(self: service.Service, message: object) -> None:
        if isinstance(message, Command):
            notes.queue.append(("command", type(message.act).__name__, time.monotonic()))
        take(self, message)  # type: ignore[arg-type]

    setattr(Talk, "start", started)  # noqa: B010
    setattr(AudioPath, "process", watched)  # noqa: B010
    setattr(service.Service, "_take", taken)  # noqa: B010
    gc.callbacks.append(notes.garbage)
    threading.Thread(target=notes.run, daemon=True).start()
    main()


def screen(descriptor: int, arguments: list[str]) -> None:
    from tests.bench.watched_screen import watch_screen
    from voicechat.__main__ import obey
    from voicechat.config.locations import engine_log
    from voicechat.engine import host

    def spawn(environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.bench.watched_chat", "engine", str(descriptor)]
        pipe = subprocess.PIPE
        with open(engine_log(), "ab") as log:
            return subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=log, env=dict(environ), pass_fds=(descriptor,),
                start_new_session=True,
            )  # fmt: skip

    setattr(host, "spawn", spawn)  # noqa: B010
    watch_screen(descriptor)
    sys.exit(obey(arguments))


if __name__ == "__main__":
    if sys.argv[1] == "engine":
        engine(int(sys.argv[2]))
    else:
        screen(int(sys.argv[1]), sys.argv[2:])
