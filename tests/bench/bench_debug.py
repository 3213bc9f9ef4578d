"""What `voicechat debug say` costs beyond the response it waits for.

    python -m tests.bench.bench_debug [--quick]

A detached session on the real local server with text answers; the response is over with its `response.done` in the
session's own events. One figure is the request at the socket, the other the whole command with Python's imports.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bars import Figure, judge
from tests.cli.debugged import served
from voicechat.cli.debug_session import ask, begin

SENTENCE = "What is twelve times seven?"


def request(number: int, times: int) -> list[float]:
    """Milliseconds from connecting to the result, less those from the message to the end of its response."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        said = ask(number, {"verb": "say", "text": SENTENCE})
        took.append(1000 * (time.perf_counter() - began - said["times"]["response_done"]))
    return took


def command(number: int, times: int) -> list[float]:
    """The same for the whole command, from spawn to exit."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        words = ["debug", "say", SENTENCE, "--session", str(number), "--json"]
        said = subprocess.run([sys.executable, "-m", "voicechat", *words], stdout=subprocess.PIPE, check=True)
        took.append(1000 * (time.perf_counter() - began - json.loads(said.stdout)["times"]["response_done"]))
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 messages")
    times = 10 if parser.parse_args().quick else 40
    folder = tempfile.mkdtemp(prefix="vc", dir="/tmp")
    os.environ |= {f"VOICECHAT_{name}_DIR": str(Path(folder, name.lower())) for name in ("RUNTIME", "STATE", "CONFIG")}
    with served() as url:
        engine = begin({"base_url": url, "transport": "websocket", "output": "text"}, None)
        try:
            figures = [
                Figure("a say at the socket, beyond its response", request(engine.pid, times), "ms", "p95", 50.0),
                Figure("the whole command, with its imports", command(engine.pid, times), "ms"),
            ]
        finally:
            engine.close()
            shutil.rmtree(folder, ignore_errors=True)
    return judge("voicechat debug say", figures)


if __name__ == "__main__":
    sys.exit(main())
