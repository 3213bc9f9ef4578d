"""What a conversation costs: CPU of the screen and of the engine, listening and speaking, in two sizes of terminal.

    python -m tests.bench.bench_cpu [--minutes N | --quick] [--threads]

The client as shipped, in a pty, with a virtual microphone and loudspeaker, connected to a scripted server. Listening:
the microphone is open, first nobody speaks, then somebody does without a pause. Speaking: the assistant sounds. Each
phase lasts N minutes (default 0.5; `--quick`: 8 s, the smaller terminal only). All client processes count, the
server's does not. CPU is user and system time from
/proc, so this needs Linux. `--threads` tells what each thread used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from tests.bench.bars import Figure, judge, options, yardstick
from tests.bench.rig import AnsweringServer, Chat, Room, cpu, cpu_of_threads
from tests.bench.witness import stolen
from tests.support.speech import spoken

SIZES = ((120, 36), (180, 50))
LISTENING, SPEAKING = 15.0, 20.0
"""Per cent of a core."""
SETTLE = 3.0
"""Seconds from the start of a phase until it is measured."""
LOOK_EVERY = 1.0


@dataclass
class Phase:
    """One thing that goes on, and what it cost: per cent of a core, second by second."""

    name: str
    bar: float
    screen: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    threads: dict[str, float] = field(default_factory=dict)

    @property
    def both(self) -> list[float]:
        return [a + b for a, b in zip(self.screen, self.engine, strict=True)]

    def measure(self, chat: Chat, seconds: float) -> None:
        time.sleep(SETTLE)
        pids = (chat.pid, chat.engine)
        threads = [cpu_of_threads(pid) for pid in pids]
        began = at = time.monotonic()
        used = [cpu(pid) for pid in pids]
        while at < began + seconds:
            time.sleep(LOOK_EVERY)
            now, then = time.monotonic(), used
            used = [cpu(pid) for pid in pids]
            self.screen.append(100 * (used[0] - then[0]) / (now - at))
            self.engine.append(100 * (used[1] - then[1]) / (now - at))
            at = now
        for name, pid, before in zip(("screen", "engine"), pids, threads, strict=True):
            for thread, spent in cpu_of_threads(pid).items():
                self.threads[f"{name} {thread}"] = 100 * (spent - before.get(thread, 0.0)) / (at - began)

    def figures(self, size: str) -> list[Figure]:
        what = f"{size} {self.name}"
        return [
            Figure(f"{what}: screen", self.screen, "%"),
            Figure(f"{what}: engine", self.engine, "%"),
            Figure(f"{what}: both", self.both, "%", "mean", self.bar),
        ]


class Talker(AbstractContextManager["Talker"]):
    """Somebody at the virtual microphone."""

    def __init__(self, room: Room, seconds: float) -> None:
        self._player = room.audio.speak(spoken(seconds))

    def __exit__(self, *_: object) -> None:
        self._player.terminate()
        self._player.wait()


def answering(server: AnsweringServer, seconds: float) -> AbstractContextManager[None]:
    """The assistant speaks for so long; it ends by itself."""
    server.order("answer", seconds)
    return nullcontext()


def run(size: tuple[int, int], seconds: float) -> list[Phase]:
    phases = []
    with Room() as room, AnsweringServer() as server, Chat(room, server.url, size, watched=False) as chat:
        server.notes.wait("open")
        nothing: Callable[[], AbstractContextManager[object]] = nullcontext
        for name, bar, begin in (
            ("listening, nobody speaks", LISTENING, nothing),
            ("listening, you speak", LISTENING, lambda: Talker(room, 1.0 + SETTLE + seconds + 2.0)),
            ("speaking", SPEAKING, lambda: answering(server, 1.0 + SETTLE + seconds + 2.0)),
        ):
            phase = Phase(name, bar)
            with begin():
                phase.measure(chat, seconds)
            phases.append(phase)
    return phases


def main() -> int:
    given = options(__doc__, minutes=0.5, quick=False, threads=False)
    print(yardstick(), flush=True)
    seconds = 8.0 if given.quick else 60 * float(given.minutes)
    figures = []
    began, before = time.monotonic(), stolen()
    for size in SIZES[: 1 if given.quick else 2]:
        for phase in run(size, seconds):
            figures += phase.figures(f"{size[0]}x{size[1]}")
            if given.threads:
                tell_threads(phase)
    taken = 100 * (stolen() - before) / (time.monotonic() - began)
    figures.append(Figure("share of a core that the machine's host took", [taken], "%"))
    return judge(f"CPU of one core, {seconds:g} s a phase", figures)


def tell_threads(phase: Phase) -> None:
    print(phase.name)
    for thread, share in sorted(phase.threads.items(), key=lambda item: -item[1]):
        if share >= 0.1:
            print(f"   {thread:<40}{share:6.1f} %")


if __name__ == "__main__":
    raise SystemExit(main())
