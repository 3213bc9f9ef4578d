"""The local server's own process: `python -P -m voicechat.local_server --port 0`.

Prints one JSON line on stdout when it accepts connections (the models load behind that): port, base_url, brain. It ends
on SIGTERM, on SIGINT and when its stdin ends (`--until-stdin-closes`), as it does when the process that started it is
gone. Logs go to stderr, with `--verbose` only, and hold no words of anybody.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import sys
import threading

from voicechat.errors import VoiceChatError
from voicechat.heap import trim_regularly
from voicechat.local_server.brain.chat_server import choose_brain
from voicechat.local_server.faults import read_fault
from voicechat.local_server.server import Server
from voicechat.local_server.session import House, load_senses
from voicechat.local_server.spawn import CONFIG_ERROR
from voicechat.tasks import ended_by_signal, report

_BRAIN_WAIT = 0.6
"""Seconds the first line waits for the name of the brain; loopback is probed for half of that."""


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end. Raises OSError when the port is taken, ConfigError for a bad setting."""
    ended, loop = ended_by_signal(), asyncio.get_running_loop()
    loop.set_exception_handler(report)
    if options.until_stdin_closes:
        end_with_stdin(ended, loop)
    server = Server(House(load_senses, options.brain_url, options.brain_model, read_fault(options.fault)))
    await server.start(options.port)
    try:
        brain = "built-in"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BRAIN_WAIT):
                brain = (await choose_brain(options.brain_url, options.brain_model)).label
        greeting = {"port": server.port, "base_url": server.base_url, "brain": brain}
        print(json.dumps(greeting), flush=True)  # noqa: T201 - stdout is this process's contract
        await ended.wait()
    finally:
        await server.stop()


def end_with_stdin(ended: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Watch stdin from a thread."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are ending anyway
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """The process; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m voicechat.local_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--brain-url", default="")
    parser.add_argument("--brain-model", default="")
    parser.add_argument("--fault", default="", help="misbehave on purpose, see faults.py")
    parser.add_argument("--until-stdin-closes", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    level = logging.INFO if options.verbose else logging.ERROR
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aioice").setLevel(logging.WARNING)
    gc.freeze()
    trim_regularly()
    sys.setswitchinterval(0.001)  # the 20 ms pace of a call must not wait for a recogniser's Python
    try:
        asyncio.run(run(options))
    except KeyboardInterrupt:
        return 130
    except VoiceChatError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)  # noqa: T201 - the spawner shows it
        return CONFIG_ERROR
    except OSError as error:
        print(f"The local server cannot listen: {error}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a decoder or model thread that will not end must not keep the process
