"""How fast a session is worked from the shell: `voicechat ctl`, and what `voicechat debug say` adds to its response.

    python -m tests.bench.bench_debug [--quick]

`ctl`: whole commands against a real engine without a server, and a question at the engine's door. `debug say`: a
detached session on the real local server with text answers; its response is over with `response.done` in the session's
own events; one figure is the request at the socket, the other the whole command with Python's imports.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.bars import Figure, judge, options
from tests.cli.debugged import served
from voicechat.cli.debug import ask, begin
from voicechat.config.load import load_settings
from voicechat.engine.door import knock
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import FromEngine, Snapshot

SENTENCE = "What is twelve times seven?"


def timed(act: Callable[[], float], times: int) -> list[float]:
    """Milliseconds of an act, less the seconds that it returns."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        not_ours = act()
        took.append(1000 * (time.perf_counter() - began - not_ours))
        time.sleep(0.002)
    return took


def command(*words: str) -> bytes:
    """What a whole command prints; the installed program where there is one."""
    program = Path(sys.executable).with_name("voicechat")
    start = [str(program)] if program.exists() else [sys.executable, "-m", "voicechat"]
    return subprocess.run([*start, *words], stdout=subprocess.PIPE, check=True).stdout


def ctl(folder: str, times: int) -> list[Figure]:
    settings = load_settings({"base_url": "http://127.0.0.1:9/v1", "mic": "none", "speaker": "none"}, {})
    heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
    engine = EngineProcess(settings, {**os.environ, "VOICECHAT_API_KEY": "none-needed"})
    engine.start(heard.put)
    try:
        while not isinstance(heard.get(timeout=20), Snapshot):
            pass
        command("ctl", "mute", "toggle")  # compiles what it imports
        whole = timed(lambda: len(command("ctl", "mute", "toggle")) * 0.0, times)
        with knock(folder, engine.pid) as connection:

            def at_the_door() -> float:
                connection.sendall(b"mute toggle\n")
                return len(connection.recv(200)) * 0.0

            door = timed(at_the_door, times)
    finally:
        engine.close()
    return [Figure("ctl: whole command", whole, "ms", "p95", 30.0), Figure("ctl: question at the door", door, "ms")]


def debug_say(times: int) -> list[Figure]:
    with served() as url:
        engine, _ = begin({"base_url": url, "transport": "websocket", "output": "text"}, None)

        def request() -> float:
            return float(ask(engine.pid, {"verb": "say", "text": SENTENCE})["times"]["response_done"])

        def whole() -> float:
            said = json.loads(command("debug", "say", SENTENCE, "--session", str(engine.pid), "--json"))
            return float(said["times"]["response_done"])

        try:
            return [
                Figure("debug say: at the socket, beyond its response", timed(request, times), "ms", "p95", 50.0),
                Figure("debug say: the whole command", timed(whole, times), "ms"),
            ]
        finally:
            engine.close()


def main() -> int:
    times = 10 if options(__doc__, quick=False).quick else 40
    folder = tempfile.mkdtemp(prefix="vc", dir="/tmp")
    os.environ |= {f"VOICECHAT_{name.upper()}_DIR": f"{folder}/{name}" for name in ("state", "config")}
    os.environ |= {"VOICECHAT_RUNTIME_DIR": folder, "PYTHONPYCACHEPREFIX": f"{folder}/byte-code"}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed voicechat runs
    try:
        return judge("a session worked from the shell", [*ctl(folder, times), *debug_say(times)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
