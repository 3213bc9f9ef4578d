"""How long a key press waits while 300 events flow each second, and whether the list keeps every one of them.

    python -m tests.bench.bench_events [SECONDS]

The real screen runs in a pty of 120x36 over a process that speaks the engine's side of the link and floods it (see
`flood.py`). Keys are pressed by writing their bytes to the pty, half of the time in the talk view, half of it in the
list of events. Measured from the byte written to the command read by the engine's process, and to the bytes that paint
the answer on the screen.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

from tests.bench.bars import Figure, judge
from tests.bench.rig import PLAIN, NotesReader, cpu, number
from tests.support.terminal import Terminal

RATE = 300.0
BAR = 50.0
"""Milliseconds, the worst."""
LOOK_FOR = 2.0
"""Seconds after which a press counts as never answered."""
KEYS: tuple[tuple[bytes, str, bytes], ...] = (
    (b"b", "BargeInChosen", rb"barge-in o(n|ff)"),
    (b"-", "VolumeChosen", rb"volume \d+ %"),
    (b"D", "DeafenChosen", rb"loudspeaker o(n|ff)"),
    (b"=", "VolumeChosen", rb"volume \d+ %"),
)
"""Byte, command it becomes, what the deck then says."""


class Watched:
    """The screen in its terminal, and what the engine's process notes about it."""

    def __init__(self, terminal: Terminal, notes: NotesReader) -> None:
        self.terminal, self.notes = terminal, notes

    def press(self, key: bytes, command: str, painted: bytes) -> tuple[float | None, float | None]:
        """Seconds until the command was read, and until its words were painted; None: never."""
        before, shown, taken = len(self.terminal.written), None, list[float]()
        pressed = time.monotonic()
        self.terminal.type(key)
        while (shown is None or not taken) and time.monotonic() - pressed < LOOK_FOR:
            self.terminal.came.wait(0.1)
            self.terminal.came.clear()
            if shown is None and re.search(painted, PLAIN.sub(b"", self.terminal.written_since(before))):
                shown = time.monotonic() - pressed
            taken = [number(note[2]) - pressed for note in self.notes.of("command", pressed) if note[1] == command]
        return taken[0] if taken else None, shown


def run_screen(seconds: float, notes: int) -> None:
    """In the terminal: the real app over the flooding process; at the end, how many rows its list has seen."""
    from voicechat.config.settings import Settings
    from voicechat.engine import host
    from voicechat.ui.app import VoiceChatApp
    from voicechat.ui.options import UiOptions
    from voicechat.ui.widgets.event_list import EventList

    def spawn_flood(environ: Mapping[str, str], module: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.bench.flood", str(RATE), str(seconds), str(notes)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=dict(environ), pass_fds=(notes,))

    host.spawn = spawn_flood
    app = VoiceChatApp(host.EngineProcess(Settings()), UiOptions())

    def count(code: int) -> None:
        os.write(notes, f"{json.dumps(['counted', app.talk.query_one(EventList).store.end])}\n".encode())

    app.before_leaving = count
    app.run()
    os._exit(0)


def half(screen: Watched, ends: float) -> tuple[list[float], list[float], int]:
    """Press keys until then; milliseconds to the command and to the paint, and how many presses got no answer."""
    reads, paints, lost = [], [], 0
    number = 0
    while time.monotonic() < ends:
        read, shown = screen.press(*KEYS[number % len(KEYS)])
        number += 1
        if read is None or shown is None:
            lost += 1
        else:
            reads.append(1000 * read)
            paints.append(1000 * shown)
        time.sleep(random.uniform(0.15, 0.35))
    return reads, paints, lost


def main() -> int:
    if sys.argv[1:2] == ["screen"]:
        run_screen(float(sys.argv[2]), int(sys.argv[3]))
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    read, write = os.pipe()
    os.set_inheritable(write, True)
    argv = [sys.executable, "-m", "tests.bench.bench_events", "screen", str(seconds), str(write)]
    with Terminal(argv, kitty=False, environ={"LC_ALL": "C.UTF-8"}) as terminal:
        os.close(write)
        notes = NotesReader(read)
        screen, began = Watched(terminal, notes), number(notes.wait("began")[1])
        time.sleep(1.0)
        before, since = cpu(terminal.pid), time.monotonic()
        talk = half(screen, began + seconds / 2)
        terminal.type(b"e")
        time.sleep(0.5)
        events = half(screen, began + seconds - 0.5)
        share = 100 * (cpu(terminal.pid) - before) / (time.monotonic() - since)
        sent = number(notes.wait("sent")[1])
        time.sleep(1.0)
        terminal.kill(signal.SIGTERM)
        counted = number(notes.wait("counted")[1])
        terminal.wait()
    return judge(
        f"{RATE:.0f} events/s for {seconds:g} s while keys are pressed, 120x36",
        [
            Figure("talk: press to command at the engine", talk[0], "ms", "worst", BAR),
            Figure("talk: press to painted answer", talk[1], "ms"),
            Figure("events: press to command at the engine", events[0], "ms", "worst", BAR),
            Figure("events: press to painted answer", events[1], "ms"),
            Figure("presses without an answer", [talk[2] + events[2]], "", "sum", 0.0),
            Figure("events sent", [sent]),
            Figure("   of them not in the list", [sent - counted], "", "sum", 0.0),
            Figure("CPU of the screen's process", [share], "%"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
