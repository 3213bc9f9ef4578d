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
import signal
import sys
import threading
from collections.abc import Sequence

from voicechat.errors import VoiceChatError
from voicechat.heap import trim_regularly
from voicechat.local_server.brain.chat_server import choose_brain
from voicechat.local_server.faults import read_fault
from voicechat.local_server.house import House, load_senses
from voicechat.local_server.server import Server
from voicechat.tasks import report

CONFIG_ERROR = 2
"""Exit status when a setting is no good."""
_BRAIN_WAIT = 0.6
"""Seconds the first line waits for the name of the brain; loopback is probed for half of that."""


async def run(house: House, port: int, ended: asyncio.Event) -> None:
    """Serve until `ended`. Raises OSError when the port is taken, ConfigError for a bad brain address."""
    asyncio.get_running_loop().set_exception_handler(report)
    server = Server(house)
    await server.start(port)
    try:
        print(json.dumps(await _greeting(house, server)), flush=True)  # noqa: T201 - stdout is this process's contract
        await ended.wait()
    finally:
        await server.stop()


async def _greeting(house: House, server: Server) -> dict[str, object]:
    label = "built-in"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BRAIN_WAIT):
            label = (await choose_brain(house.brain_url, house.brain_model)).label
    return {"port": server.port, "base_url": server.base_url, "brain": label}


def end_with_stdin(ended: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Watch stdin from a thread."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are ending anyway
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()


async def main_async(options: argparse.Namespace) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers; Ctrl+C raises there
            loop.add_signal_handler(name, ended.set)
    if options.until_stdin_closes:
        end_with_stdin(ended, loop)
    house = House(load_senses, options.brain_url, options.brain_model, read_fault(options.fault))
    await run(house, options.port, ended)


def main(arguments: Sequence[str] | None = None) -> int:
    """The process; returns its exit status."""
    options = _options(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if options.verbose else logging.ERROR,
        format="%(asctime)s %(name)s %(message)s",
    )
    logging.getLogger("aioice").setLevel(logging.WARNING)
    gc.freeze()
    trim_regularly()
    sys.setswitchinterval(0.001)  # the 20 ms pace of a call must not wait for a recogniser's Python
    try:
        asyncio.run(main_async(options))
    except KeyboardInterrupt:
        return 130
    except VoiceChatError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)  # noqa: T201 - the spawner shows it
        return CONFIG_ERROR
    except OSError as error:
        print(f"The local server cannot listen: {error}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voicechat.local_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--brain-url", default="")
    parser.add_argument("--brain-model", default="")
    parser.add_argument("--fault", default="", help="misbehave on purpose, see faults.py")
    parser.add_argument("--until-stdin-closes", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a decoder or model thread that will not end must not keep the process
