"""How long `voicechat --help` and the first frame of the screen take, each in a fresh process.

It runs from byte code, as an installed voicechat does: a checkout used with PYTHONDONTWRITEBYTECODE compiles every file
at each start, which takes 80 ms of a first frame.

python -m tests.bench.bench_start
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time

from tests.bench.bars import Figure, judge, yardstick
from tests.support.terminal import Terminal

ROUNDS = 11
OPTIONS = ("--mic", "none", "--speaker", "none")
"""The option parser costs 40 ms, which `voicechat` alone does not pay."""


def help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "voicechat", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def first_frame_seconds(*arguments: str) -> float:
    """From the start to the first painted word of the header, in a terminal of 120x36; no sound devices either way."""
    began = time.perf_counter()
    environ = {"VOICECHAT_MIC": "none", "VOICECHAT_SPEAKER": "none"}
    with Terminal([sys.executable, "-m", "voicechat", *arguments], kitty=False, environ=environ) as terminal:
        while b"voicechat" not in terminal.written:
            terminal.came.wait(10.0)
            terminal.came.clear()
        painted = time.perf_counter() - began
        terminal.kill(signal.SIGTERM)
        terminal.wait()
    return painted


def main() -> int:
    print(yardstick(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        for options in ((), OPTIONS):
            first_frame_seconds(*options)
        return measured()


def measured() -> int:
    frames = [[1000 * first_frame_seconds(*options) for _ in range(ROUNDS)] for options in ((), OPTIONS)]
    return judge(
        "start",
        [
            Figure("voicechat --help", [help_seconds() * 1000 for _ in range(ROUNDS)], "ms", "median", 80.0),
            Figure("first frame: voicechat", frames[0], "ms", "median", 300.0),
            Figure("first frame: with options", frames[1], "ms"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
