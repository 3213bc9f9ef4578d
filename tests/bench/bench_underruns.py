"""Whether the sound holds while the screen repaints 60 times a second and 1,000 events a second flow.

    python -m tests.bench.bench_underruns [--minutes N | --quick]

The real screen in a pty, made to repaint everything at 60 fps, over the real engine with virtual sound devices; a
scripted server hums without a pause and floods the data channel; keys are pressed meanwhile. Default 10 minutes. Every
underrun or overrun that the device reported counts, and every silence of 2 ms or more in a recording of the sink's
monitor. Also told: callbacks that came more than 30 ms apart, how long a callback took, how long a key press waited
until the engine had it, and how much memory the two processes gained.
"""

from __future__ import annotations

import random
import time

from tests.bench.bars import Figure, judge, seconds_asked
from tests.bench.loaded_talk import SETTLE, LoadedTalk, Taken
from tests.bench.rig import number

FPS, RATE = 60.0, 1_000.0
KEY, COMMAND = b"b", "BargeInChosen"


def run(seconds: float) -> tuple[Taken, list[float], list[object]]:
    """What happened, how long keys waited, and what the server says of its flood."""
    with LoadedTalk(fps=FPS) as talk:
        talk.server.order("answer", seconds + 30.0)
        talk.server.notes.wait("sounds")
        talk.server.order("flood", RATE, seconds + SETTLE + 1.0)
        talk.begin()
        waits: list[float] = []
        while time.monotonic() < talk.since + seconds:
            pressed = talk.chat.press(KEY)
            time.sleep(random.uniform(0.5, 0.8))
            waits += talk.waits_for(COMMAND, pressed)
        taken = talk.end()
        return taken, waits, talk.server.notes.wait("flooded", timeout=30.0)


def callbacks(taken: Taken) -> list[Figure]:
    """How the device called."""
    return [
        Figure("frames an open microphone had not ready", [taken.counts["not ready"]], "", "sum"),
        Figure("callbacks more than 30 ms apart", [len(taken.of("gap", 2))], "", "sum"),
        Figure("   how far", [1000 * far for far in taken.of("gap", 2)], "ms"),
        Figure("callbacks the engine itself calls late", [taken.counts["late"]], "", "sum"),
        Figure(
            "collections of garbage over 1 ms", [1000 * long for long in taken.of("garbage", 1) if long > 0.001], "ms"
        ),
        Figure("longest callback in each tenth of a second", [1000 * long for long in taken.of("step", 2)], "ms"),
    ]


def main() -> int:
    seconds = seconds_asked(__doc__, 10.0, 20.0)
    taken, waits, flooded = run(seconds)
    return judge(
        f"{seconds:g} s of sound, screen at {FPS:g} fps, {RATE:g} events/s",
        [
            *taken.sound(),
            *callbacks(taken),
            Figure("key press to command at the engine", waits, "ms"),
            Figure("events sent", [number(flooded[1])]),
            Figure("events refused by the server's own channel", [number(flooded[2])], "", "sum", 0.0),
            Figure("seconds the flood took", [number(flooded[3])], "s"),
            *taken.costs(),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
