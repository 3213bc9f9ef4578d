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
from pathlib import Path

from tests.bench.bars import Figure, asked, judge
from tests.bench.rig import AnsweringServer, Chat, Monitor, Room, counted_between, cpu, number

FPS, RATE = 60.0, 1_000.0
KEY, COMMAND = b"b", "BargeInChosen"
SETTLE = 3.0


def memory(pid: int) -> float:
    """Resident MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> int:
    seconds = asked(str(__doc__).split("\n")[0], 10.0, 20.0)
    with Room() as room, AnsweringServer() as server, Chat(room, server.url, fps=FPS) as chat:
        monitor = Monitor(room)
        server.notes.wait("open")
        server.order("answer", seconds + 30.0)
        server.notes.wait("sounds")
        server.order("flood", RATE, seconds + SETTLE + 1.0)
        time.sleep(SETTLE)
        notes_before, pids = len(chat.notes.all), (chat.pid, chat.engine)
        grown, used, painted = [-memory(pid) for pid in pids], [-cpu(pid) for pid in pids], -chat.painted
        since, waits = time.monotonic(), []
        while time.monotonic() < since + seconds:
            pressed = chat.press(KEY)
            time.sleep(random.uniform(0.5, 0.8))
            taken = [number(note[-1]) for note in chat.notes.of("command") if note[1] == COMMAND]
            waits += [1000 * (at - pressed) for at in taken if at >= pressed][:1]
        until = time.monotonic()
        grown = [gained + memory(pid) for gained, pid in zip(grown, pids, strict=True)]
        used = [100 * (spent + cpu(pid)) / (until - since) for spent, pid in zip(used, pids, strict=True)]
        painted += chat.painted
        notes = chat.notes.all[notes_before:]
        flooded = server.notes.wait("flooded", timeout=30.0)
        monitor.close()
    gaps = monitor.heard().gaps(since, until)
    gained = counted_between(notes)
    return judge(
        f"{seconds:g} s of sound, screen at {FPS:g} fps, {RATE:g} events/s",
        [
            Figure("underruns the device reported", [gained["underflows"]], "", "sum", 0.0),
            Figure("overruns the device reported", [gained["overflows"]], "", "sum", 0.0),
            Figure("restarts of the stream", [gained["restarts"]], "", "sum", 0.0),
            Figure("gaps in the recording", [len(gaps)], "", "sum", 0.0),
            Figure("   their length", [1000 * long for _, long in gaps], "ms"),
            Figure("frames an open microphone had not ready", [gained["not ready"]], "", "sum"),
            Figure("callbacks more than 30 ms apart", [sum(note[0] == "gap" for note in notes)], "", "sum"),
            Figure("   how far", [1000 * number(note[2]) for note in notes if note[0] == "gap"], "ms"),
            Figure("callbacks the engine itself calls late", [gained["late"]], "", "sum"),
            Figure("longest callback in each tenth of a second", [1000 * number(n[2]) for n in notes if n[0] == "step"],
                   "ms"),
            Figure("key press to command at the engine", waits, "ms"),
            Figure("events sent", [number(flooded[1])]),
            Figure("events refused by the server's own channel", [number(flooded[2])], "", "sum", 0.0),
            Figure("seconds the flood took", [number(flooded[3])], "s"),
            Figure("CPU: screen", used[:1], "%"),
            Figure("CPU: engine", used[1:], "%"),
            Figure("memory gained: screen", grown[:1], "MB"),
            Figure("memory gained: engine", grown[1:], "MB"),
            Figure("painted", [painted / (until - since) / 1000], "kB/s"),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
