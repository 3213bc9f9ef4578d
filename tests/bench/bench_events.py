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
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from fcntl import ioctl
from termios import TIOCSWINSZ

from tests.bench.rig import cpu
from tests.bench.table import show

RATE = 300.0
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
    """The screen in its pty, and what the engine's process notes about it."""

    def __init__(self, seconds: float) -> None:
        self.notes, notes = os.pipe()
        results, self._results = os.pipe()
        os.set_inheritable(notes, True)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
            run_screen(seconds, notes, self._results)
        self.results = results
        os.close(notes)
        os.close(self._results)
        ioctl(self.terminal, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.commands: list[tuple[str, float]] = []
        self.began = 0.0
        self.sent = 0
        self._half = b""

    def read(self, seconds: float) -> bytes:
        """What was painted, and the notes taken, until something came or the time is over."""
        ready = select.select([self.terminal, self.notes], [], [], max(0.0, seconds))[0]
        if self.notes in ready:
            *lines, self._half = (self._half + os.read(self.notes, 65536)).split(b"\n")
            for line in lines:
                self._note(line)
        return os.read(self.terminal, 65536) if self.terminal in ready else b""

    def _note(self, line: bytes) -> None:
        match json.loads(line):
            case ["command", str(name), float(at)]:
                self.commands.append((name, at))
            case ["began", float(at)]:
                self.began = at
            case ["sent", int(count)]:
                self.sent = count

    def rest(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.read(left)

    def press(self, key: bytes, command: str, painted: bytes) -> tuple[float | None, float | None]:
        """Seconds until the command was read, and until its words were painted; None: never."""
        del self.commands[:]
        seen, shown = b"", None
        pressed = time.monotonic()
        os.write(self.terminal, key)
        while (shown is None or not self.commands) and time.monotonic() - pressed < LOOK_FOR:
            seen += self.read(0.1)
            if shown is None and re.search(painted, plain(seen)):
                shown = time.monotonic() - pressed
        read = next((at - pressed for name, at in self.commands if name == command), None)
        return read, shown


def plain(painted: bytes) -> bytes:
    """Without colours and cursor moves."""
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", painted)


def run_screen(seconds: float, notes: int, results: int) -> None:
    """In the child: the real app over the flooding process; at the end, how many rows its list has seen."""
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
    counted: list[int] = []
    app.before_leaving = lambda code: counted.append(app.talk.query_one(EventList).store.end)
    app.run()
    os.write(results, str(counted[0]).encode())
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
        screen.rest(random.uniform(0.15, 0.35))
    return reads, paints, lost


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    screen = Watched(seconds)
    while not screen.began:
        screen.read(1.0)
    screen.rest(1.0)
    before, since = cpu(screen.pid), time.monotonic()
    talk = half(screen, screen.began + seconds / 2)
    os.write(screen.terminal, b"e")
    screen.rest(0.5)
    events = half(screen, screen.began + seconds - 0.5)
    share = 100 * (cpu(screen.pid) - before) / (time.monotonic() - since)
    while not screen.sent:
        screen.read(1.0)
    screen.rest(1.0)
    os.kill(screen.pid, signal.SIGTERM)
    screen_end(screen)
    counted = int(os.read(screen.results, 100) or b"0")
    bar = "worst <= 50 ms"
    show(
        f"{RATE:.0f} events/s for {seconds:g} s while keys are pressed, 120x36",
        [
            ("talk: press to command at the engine", talk[0], "ms", bar),
            ("talk: press to painted answer", talk[1], "ms", ""),
            ("events: press to command at the engine", events[0], "ms", bar),
            ("events: press to painted answer", events[1], "ms", ""),
            ("presses without an answer", [talk[2] + events[2]], "", "0"),
            ("events sent", [screen.sent], "", ""),
            ("events in the list", [counted], "", "= sent"),
            ("CPU of the screen's process", [share], "%", ""),
        ],
    )


def screen_end(screen: Watched) -> None:
    """Read on until the screen is gone, else it could not write its farewell."""
    ends = time.monotonic() + 5.0
    while time.monotonic() < ends:
        try:
            screen.read(0.1)
        except OSError:
            break
    os.waitpid(screen.pid, 0)


if __name__ == "__main__":
    main()
