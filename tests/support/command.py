"""The real command line in a process of its own, with its own folders, and a key that must never be seen again."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.forked import MOTHER, forking
from voicechat.cli.main import run_cli

KEY = "sk-test-0123456789abcdef"
LIMIT = 90.0
"""Seconds after which a command counts as hanging; beside a busy suite 10 s of sound take 40 to judge."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """What the last line says; fails when it is no summary."""
        summary: dict[str, Any] = self.lines[-1]["summary"]
        return summary

    @property
    def said(self) -> list[tuple[str, str]]:
        """The transcript as (who, text)."""
        return [(turn["who"], turn["text"]) for turn in self.summary["transcript"]]

    @property
    def events(self) -> list[tuple[str, str]]:
        """(direction, type) of everything that flowed."""
        return [(line["dir"], line["event"].get("type", "")) for line in self.lines[:-1]]


def environ_for(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a user who has nothing but a key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOICECHAT_", "OPENAI_"))}
    own = {
        "VOICECHAT_RUNTIME_DIR": os.environ.get("VOICECHAT_RUNTIME_DIR", str(folder / "run")),
        "VOICECHAT_STATE_DIR": str(folder / "state"),
        "VOICECHAT_CONFIG_DIR": str(folder / "config"),
        "VOICECHAT_BRAIN_URL": "none",
        "VOICECHAT_API_KEY": KEY,
        "PYTHONPATH": str(ROOT),
    }
    return kept | own | more


@asynccontextmanager
async def started(
    *arguments: str, environ: Mapping[str, str], forked: bool = False, stdin: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`voicechat ARGUMENTS` while it runs; whatever happens, it is gone afterwards. `forked`: without the imports."""
    pipe = asyncio.subprocess.PIPE
    streams: dict[str, Any] = {"stdin": stdin, "stdout": pipe, "stderr": pipe, "limit": 2**22}
    command = (sys.executable, "-m", "voicechat", *arguments)
    with forking() if forked and hasattr(os, "fork") else contextlib.nullcontext():
        process = await asyncio.create_subprocess_exec(*command, env=dict(environ), **streams)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> Ran:
    async with asyncio.timeout(LIMIT):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def voicechat(*arguments: str, environ: Mapping[str, str]) -> Ran:
    """One whole command; forked where that gives the same, to save the imports."""
    if not hasattr(os, "fork") or environ["PYTHONPATH"] != str(ROOT):
        async with started(*arguments, environ=environ) as process:
            return await ended(process)
    with tempfile.TemporaryDirectory() as folder:
        code = await MOTHER.run(arguments, environ, folder, LIMIT)
        out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("out", "err"))
    assert code != -signal.SIGKILL, f"it hung\n{err}"
    return Ran(code, out, err)


def here(*arguments: str, stdin: str = "", environ: Mapping[str, str] | None = None) -> Ran:
    """One command in this very process, for commands that start nothing."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    with (
        mock.patch.dict(os.environ, os.environ if environ is None else environ, clear=True),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        code = run_cli(arguments)
    for stream in streams:
        stream.seek(0)
    return Ran(code, streams[0].read(), streams[1].read())


def logs_of(folder: Path) -> str:
    """Everything that was written to files below `folder`, whatever its name."""
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
