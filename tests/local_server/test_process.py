"""The server as a process of its own: it comes up, says where it is, and never outlives the talk it was started for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from voicechat.errors import ConfigError, EngineError
from voicechat.local_server import spawn, speech
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
COMMAND = [sys.executable, "-P", "-m", "voicechat.local_server", "--port", "0", "--brain-url", "none"]
ENVIRON = {**os.environ, "PYTHONPATH": os.getcwd()}


async def started(*flags: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRON
    )
    assert process.stdout
    async with asyncio.timeout(30):
        return process, json.loads(await process.stdout.readline())


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(10):
        return await process.wait()


async def test_it_says_where_it_is_in_one_line_and_answers_there() -> None:
    process, greeting = await started()
    assert greeting["base_url"] == f"http://127.0.0.1:{greeting['port']}/v1" and greeting["brain"] == "built-in"
    async with aiohttp.ClientSession() as http, http.get(f"{greeting['base_url']}/models") as reply:
        assert reply.status == 200
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0


async def test_it_ends_when_its_stdin_does_even_in_the_middle_of_a_session() -> None:
    process, greeting = await started("--until-stdin-closes")
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{greeting['base_url']}/realtime") as socket:
            assert (await socket.receive_json(timeout=20))["type"] == "session.created"
            assert process.stdin
            process.stdin.close()
            assert await ended(process) == 0


async def test_it_ends_when_its_parent_is_gone() -> None:
    code = (
        "import subprocess, time\n"
        f"child = subprocess.Popen({[*COMMAND, '--until-stdin-closes']!r}, stdin=subprocess.PIPE, stdout=1)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=ENVIRON
    )
    assert parent.stdout
    async with asyncio.timeout(30):
        lines = [await parent.stdout.readline(), await parent.stdout.readline()]
    assert any(line.strip().isdigit() for line in lines)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        rest = await parent.stdout.read()
    assert rest == b""  # the pipe ends when the child, its last holder, has ended


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_local_server_gets_two_malloc_arenas_unless_set() -> None:
    for environ, heaps in ((ENVIRON, b"2"), (ENVIRON | {"MALLOC_ARENA_MAX": "5"}, b"5")):
        server = await spawn.start_local_server(environ, brain_url="none")
        try:
            given = Path(f"/proc/{server.process.pid}/environ").read_bytes().split(b"\0")
            assert b"MALLOC_ARENA_MAX=" + heaps in given
        finally:
            await server.stop()


async def test_the_engine_starts_and_stops_one_with_a_call_each() -> None:
    server = await spawn.start_local_server(ENVIRON, brain_url="none")
    assert server.is_running and server.brain == "built-in"
    async with aiohttp.ClientSession() as http, http.get(f"{server.base_url}/models") as reply:
        assert reply.status == 200
    await server.stop()
    assert not server.is_running


async def test_a_setting_the_server_refuses_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="cannot be understood"):
        await spawn.start_local_server(ENVIRON, brain_url="ftp://somewhere")


async def test_a_server_that_dies_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "voicechat" / "local_server" / "__main__.py"
    program.parent.mkdir(parents=True)
    for package in (program.parent, program.parent.parent):
        (package / "__init__.py").touch()
    program.write_text("raise RuntimeError('nonsense')")
    with pytest.raises(EngineError, match="nonsense"):
        await spawn.start_local_server({**ENVIRON, "PYTHONPATH": str(tmp_path)})


async def test_a_missing_engine_is_a_sentence_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "engine_is_missing", lambda: "The offline engine is not installed (x missing).")
    with pytest.raises(ConfigError) as refused:
        await spawn.start_local_server(ENVIRON)
    assert "not installed" in refused.value.message and ".[local]" in refused.value.hint
