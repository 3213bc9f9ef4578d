"""What a conversation costs: CPU of the screen and of the engine while somebody talks, 120x36 with meters.

    python -m tests.bench.bench_cpu [seconds]

Talks to the local server with a spoken question every few seconds; sound goes through virtual devices where PulseAudio
is installed, else through files. CPU is user and system time from /proc, so this needs Linux.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from tests.bench.table import machine
from tests.bench.talkers import question_wav

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
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        wav = question_wav(Path(folder) / "talk.wav", seconds + WARM_UP + 5)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(sys.executable, [sys.executable, "-m", "voicechat", "--mic", str(wav), "--speaker", "none"])
        ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        read_for(terminal, WARM_UP)
        engine = children(pid)[0]
        before = cpu(pid), cpu(engine)
        read_for(terminal, seconds)
        screen, talk = (100 * (now - then) / seconds for now, then in zip((cpu(pid), cpu(engine)), before, strict=True))
        os.kill(pid, signal.SIGTERM)
        read_for(terminal, 1.0)
        os.waitpid(pid, 0)
    print(f"CPU of one core while talking, {seconds:g} s ({machine()})")
    print(f"  screen {screen:5.1f} %\n  engine {talk:5.1f} %\n  both   {screen + talk:5.1f} %   bar: <= 30 %")


if __name__ == "__main__":
    main()
