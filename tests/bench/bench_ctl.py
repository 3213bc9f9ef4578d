"""How fast a running talk can be worked from the shell: a whole `voicechat ctl` command, and the door alone.

    python -m tests.bench.bench_ctl [--quick]

A real engine without a server; `mute` is the command, and its effect is seen at the engine's client.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bars import Figure, judge
from voicechat.config.load import load_settings
from voicechat.engine.door import knock
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import FromEngine, Snapshot


def shell(environ: dict[str, str], times: int) -> list[float]:
    """Milliseconds of whole commands, from spawn to exit."""
    command = [str(Path(sys.executable).with_name("voicechat")), "ctl"]
    if not Path(command[0]).exists():
        command = [sys.executable, "-m", "voicechat", "ctl"]
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([*command, "mute", "toggle"], env=environ, stdout=subprocess.DEVNULL, check=True)
        took.append(1000 * (time.perf_counter() - began))
    return took


def door(folder: str, number: int, times: int) -> list[float]:
    """Milliseconds of a question and its answer over an open connection."""
    took = []
    with knock(folder, number) as connection:
        for _ in range(times):
            began = time.perf_counter()
            connection.sendall(b"mute toggle\n")
            connection.recv(200)
            took.append(1000 * (time.perf_counter() - began))
            time.sleep(0.002)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 commands")
    times = 10 if parser.parse_args().quick else 60
    folder = tempfile.mkdtemp(prefix="vc", dir="/tmp")
    environ = {**os.environ, "VOICECHAT_RUNTIME_DIR": folder, "VOICECHAT_API_KEY": "none-needed"}
    settings = load_settings({"base_url": "http://127.0.0.1:9/v1", "mic": "none", "speaker": "none"}, {})
    heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
    engine = EngineProcess(settings, environ)
    engine.start(heard.put)
    try:
        while not isinstance(heard.get(timeout=20), Snapshot):
            pass
        figures = [
            Figure("whole command, spawn to exit", shell(environ, times), "ms", "p95", 30.0),
            Figure("question and answer at the door", door(folder, engine.pid, times), "ms"),
        ]
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)
    return judge("voicechat ctl", figures)


if __name__ == "__main__":
    sys.exit(main())
