"""What a conversation costs: CPU of the screen and of the engine while somebody talks, 120x36 with meters.

    python -m tests.bench.bench_cpu [seconds]

Talks to the local server with a spoken question every few seconds out of a file; answers go to a virtual loudspeaker
where PulseAudio is installed. CPU is user and system time from /proc, so this needs Linux.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from tests.bench.table import show
from tests.bench.talkers import question_wav
from tests.support.vaudio import VirtualAudio

TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 6.0


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def read_for(terminal: int, seconds: float) -> None:
    """What is painted goes nowhere; the end of the terminal is no error."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                return


def shares(arguments: list[str], seconds: float) -> list[tuple[float, float]]:
    """Per cent of a core that screen and engine used, second by second, once the talk is under way."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(sys.executable, [sys.executable, "-m", "voicechat", *arguments])
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    found = []
    try:
        read_for(terminal, WARM_UP)
        engine = children(pid)[0]
        at, screen, talk = time.monotonic(), cpu(pid), cpu(engine)
        ends = at + seconds
        while at < ends:
            read_for(terminal, 1.0)
            now, next_screen, next_talk = time.monotonic(), cpu(pid), cpu(engine)
            found.append((100 * (next_screen - screen) / (now - at), 100 * (next_talk - talk) / (now - at)))
            at, screen, talk = now, next_screen, next_talk
    finally:
        os.kill(pid, signal.SIGTERM)
        read_for(terminal, 3.0)
        os.waitpid(pid, 0)
    return found


@contextmanager
def loudspeaker(folder: Path) -> Iterator[str]:
    """A virtual device where PulseAudio is installed, else none."""
    if shutil.which("pulseaudio") is None:
        yield "none"
        return
    audio = VirtualAudio(folder)
    audio.start()
    os.environ.update(PULSE_SERVER=f"unix:{audio.socket}", PULSE_SINK="vspk", PULSE_SOURCE="vmic")
    try:
        yield "default"
    finally:
        audio.stop()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as folder, loudspeaker(Path(folder)) as speaker:
        wav = question_wav(Path(folder) / "talk.wav", seconds + WARM_UP + 5)
        found = shares(["--mic", str(wav), "--speaker", speaker], seconds)
    screen, engine, both = [s for s, _ in found], [e for _, e in found], [s + e for s, e in found]
    show(
        f"CPU of one core while talking, {seconds:g} s, second by second, loudspeaker: {speaker}",
        [
            ("screen", screen, "%", ""),
            ("engine", engine, "%", ""),
            ("both", both, "%", ""),
            ("   on average", [statistics.mean(both)], "%", "<= 30 %"),
        ],
    )


if __name__ == "__main__":
    main()
