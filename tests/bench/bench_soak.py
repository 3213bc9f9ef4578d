"""Whether a long talk costs ever more memory: the screen, the engine and the local server, minute by minute.

    python -m tests.bench.bench_soak [--minutes N] [--every SECONDS] [--verbose]

The product as it comes, `voicechat --provider local`, in a pty with a virtual microphone and loudspeaker. A question is
spoken or typed in turn, every few seconds; the developer view is open every other five minutes. Memory is what a
process has for itself (anonymous, USS without files; /proc, so Linux only), read twice a minute. The first ten minutes
are left out, the growth of the rest is the slope of the straight line nearest to it, in MB an hour.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.bars import Figure, judge, options
from tests.bench.voices import local
from tests.support.command import environ_for
from tests.support.processes import children_of
from tests.support.terminal import Terminal
from tests.support.vaudio import VirtualAudio

WARM_UP = 600.0
"""Seconds in which caches fill; a run of less than half an hour leaves out a third instead."""
LOOK_EVERY = 30.0
"""Seconds; a shorter run is read twenty times."""
PANEL_EVERY = 300.0
BAR = 2.0
"""MB an hour."""
QUESTIONS = (
    "What time is it?",
    "What is twelve times seven?",
    "Tell me a joke.",
    "What can you do?",
    "Tell me a long story.",
    "Please flip a coin.",
)
Series = dict[str, list[tuple[float, float]]]
"""Seconds since the start and MB, by process."""


def private(pid: int) -> float:
    """MB that belong to this process alone and are in memory or swapped out."""
    fields = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    sizes = {name.rstrip(":"): int(size) for name, size, *_ in fields}
    return (sizes["Anonymous"] + sizes["Swap"]) / 1024


def descendants(pid: int) -> dict[str, int]:
    """Process ids of the screen, the engine and the server."""
    found, waiting = {"screen": pid}, children_of(pid)
    while waiting:
        child = waiting.pop()
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:  # a helper process that ended meanwhile
            continue
        for name, sign in (("server", b"voicechat.local_server"), ("engine", b"voicechat.engine")):
            if sign in command:
                found[name] = child
        waiting += children_of(child)
    return found


def growth(series: list[tuple[float, float]], since: float) -> float:
    """MB an hour: the slope of the straight line nearest to what was read after `since`."""
    times, sizes = np.array([point for point in series if point[0] >= since]).T
    return float(np.polyfit(times, sizes, 1)[0]) * 3600


def talk(minutes: float, every: float, verbose: bool) -> tuple[Series, int]:
    """Talk for so long; what was read of each process, and how many questions were asked."""
    clips = [local(text) for text in QUESTIONS]
    series: Series = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        audio = VirtualAudio(folder)
        audio.start()
        environ = environ_for(folder, PULSE_SERVER=f"unix:{audio.socket}", PULSE_SINK="vspk", PULSE_SOURCE="vmic")
        environ |= {"VOICECHAT_RUNTIME_DIR": str(folder), "LC_ALL": "C.UTF-8", "HOME": scratch}
        folder.chmod(0o700)
        command = [sys.executable, "-m", "voicechat", "--provider", "local"]
        try:
            with Terminal(command, kitty=True, size=(160, 45), environ=environ) as terminal:
                terminal.until_written("connected")
                began = time.monotonic()
                asked = 0
                next_look, next_question, next_panel = began, began, began + PANEL_EVERY
                while (now := time.monotonic()) < began + minutes * 60 and not terminal.is_gone():
                    if now >= next_look:
                        next_look += min(LOOK_EVERY, 3.0 * minutes)
                        for name, pid in descendants(terminal.pid).items():
                            series.setdefault(name, []).append((now - began, private(pid)))
                        if verbose:
                            told = ", ".join(f"{name} {points[-1][1]:.1f}" for name, points in series.items())
                            print(f"{now - began:7.0f} s  {asked:4} questions  {told}", flush=True)
                    if now >= next_question:
                        next_question += every
                        ask(terminal, audio, clips, asked)
                        asked += 1
                    if now >= next_panel:
                        next_panel += PANEL_EVERY
                        terminal.type(b"e")
                    time.sleep(0.1)
                if terminal.is_gone():
                    sys.exit(f"the screen ended by itself after {time.monotonic() - began:.0f} s")
        finally:
            audio.stop()
    return series, asked


def ask(terminal: Terminal, audio: VirtualAudio, clips: list[NDArray[np.float32]], number: int) -> None:
    """One question: spoken, and typed every third time."""
    if number % 3 < 2:
        audio.speak(clips[number % len(clips)])
        return
    terminal.type(b"i")
    time.sleep(0.5)
    terminal.type(QUESTIONS[number // 3 % len(QUESTIONS)].encode())
    time.sleep(0.2)
    terminal.type(b"\r")


def main() -> int:
    given = options(__doc__, minutes=120.0, every=15.0, verbose=False)
    series, asked = talk(given.minutes, given.every, given.verbose)
    since = min(WARM_UP, given.minutes * 20)
    figures = [
        Figure(f"the {name}'s growth", [growth(points, since)], "MB/h", "worst", BAR) for name, points in series.items()
    ]
    for name, points in series.items():
        kept = [size for at, size in points if at >= since]
        figures.append(Figure(f"the {name}'s memory", kept, "MB", "median"))
    return judge(f"{asked} questions in {given.minutes:g} minutes", figures)


if __name__ == "__main__":
    sys.exit(main())
