"""Starts the local server as a process of its own and ends it again.

It imports nothing heavy: the engine uses it while its own sound devices open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from voicechat.errors import ConfigError, EngineError
from voicechat.heap import GLIBC_HEAP
from voicechat.local_server.speech import require_engine

START_LIMIT = 20.0
"""Seconds until the server must listen: under one on a quiet machine, several on a cold disk."""
CONFIG_ERROR = 2
"""Exit status of a server that was given a setting it cannot use; argparse has the same, for a defect of ours."""
_STOP_LIMIT = 1.5
_LAST_WORDS = 2000


@dataclass(slots=True)
class LocalServer:
    base_url: str
    brain: str
    """Who answers: `built-in` or `ollama/<model>`."""
    process: asyncio.subprocess.Process
    _stderr: asyncio.Task[str]

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def stop(self) -> None:
        """End it: first by closing its stdin, then by force."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_LIMIT):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        self._stderr.cancel()
        await asyncio.gather(self._stderr, return_exceptions=True)


async def start_local_server(
    environ: Mapping[str, str], *, brain_url: str = "", brain_model: str = "", fault: str = ""
) -> LocalServer:
    """Start one on a free port; it ends with this process.

    Raises ConfigError when the offline engine is not installed, EngineError when the server does not come up.
    """
    require_engine()
    given = {"--brain-url": brain_url, "--brain-model": brain_model, "--fault": fault}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "voicechat.local_server"),
        *("--port", "0", "--until-stdin-closes"),
        *(f"{name}={value}" for name, value in given.items() if value),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**GLIBC_HEAP, **environ},
        # Ctrl+C in the terminal is for the screen; the server ends when its stdin does.
        start_new_session=os.name != "nt",
    )
    assert process.stdin and process.stdout and process.stderr
    stderr = asyncio.get_running_loop().create_task(_last_words(process.stderr))
    try:
        async with asyncio.timeout(START_LIMIT):
            line = await process.stdout.readline()
    except BaseException as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise EngineError("The local server did not come up in time.", hint=_HINT) from error
        raise
    try:
        greeting = json.loads(line)
        return LocalServer(str(greeting["base_url"]), str(greeting["brain"]), process, stderr)
    except (ValueError, KeyError, TypeError) as error:
        process.stdin.close()
        status = await process.wait()  # it is ending: killed first, it may be reaped before asyncio asks (Python 3.11)
        words = ((await stderr).strip().splitlines() or ["it said nothing"])[-1][:300]
        if status == CONFIG_ERROR and "unrecognized arguments" not in words:
            raise ConfigError(f"The local server refuses a setting: {words}") from error
        raise EngineError(f"The local server could not start: {words}", hint=_HINT) from error


_HINT = "voicechat serve --verbose shows what it says"


async def _last_words(stream: asyncio.StreamReader) -> str:
    """Read stderr to its end, so that the server never waits for us; the last of it is kept."""
    kept = b""
    while chunk := await stream.read(4096):
        kept = (kept + chunk)[-_LAST_WORDS:]
    return kept.decode("utf-8", "replace")
