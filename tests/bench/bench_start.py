"""How long `voicechat --help` and the first frame of the screen take, each in a fresh process.

python -m tests.bench.bench_start
"""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from termios import TIOCSWINSZ

from tests.bench.table import show, yardstick

ROUNDS = 11
OPTIONS = ("--mic", "none", "--speaker", "none")
"""The option parser costs 40 ms, which `voicechat` alone does not pay."""


def help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "voicechat", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def first_frame_seconds(*arguments: str) -> float:
    """From fork to the first painted word of the header, in a pty of 120x36; no sound devices either way."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.environ |= {"VOICECHAT_MIC": "none", "VOICECHAT_SPEAKER": "none"}
        os.execv(sys.executable, [sys.executable, "-m", "voicechat", *arguments])
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen, painted = b"", 0.0
    while time.perf_counter() - began < 10 and not painted:
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536)
            painted = time.perf_counter() - began if b"voicechat" in seen else 0.0
    os.kill(pid, signal.SIGTERM)
    ended = time.perf_counter()
    while time.perf_counter() - ended < 5:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                break
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
    os.close(terminal)
    return painted


def main() -> None:
    print(yardstick(), flush=True)
    show(
        "start",
        [
            ("voicechat --help", [help_seconds() * 1000 for _ in range(ROUNDS)], "ms", "<= 100 ms"),
            ("first frame: voicechat", [first_frame_seconds() * 1000 for _ in range(ROUNDS)], "ms", "<= 350 ms"),
            ("first frame: with options", [first_frame_seconds(*OPTIONS) * 1000 for _ in range(ROUNDS)], "ms", ""),
        ],
    )


if __name__ == "__main__":
    main()
