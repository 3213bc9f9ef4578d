"""`voicechat tap`: our own client talks through it to our own server, and everything is told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import KEY, LIMIT, ended, environ_for, logs_of, started, voicechat
from tests.support.local_server import local_server
from voicechat.journal.rerun import last_state
from voicechat.journal.tape import read_tape


@asynccontextmanager
async def tap(upstream: str, folder: Path, *flags: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A running `voicechat tap` and its address."""
    environ = environ_for(folder)
    async with started("tap", "--upstream", upstream, "--port", "0", *flags, environ=environ, forked=True) as process:
        assert process.stderr is not None
        async with asyncio.timeout(LIMIT):
            while b"point a client at" not in (line := await process.stderr.readline()):
                assert line, "the tap ended"
        yield line.decode().split()[-1], process


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
async def test_our_own_client_talks_through_it(tmp_path: Path, transport: str) -> None:
    tapes = tmp_path / "tapes"
    async with local_server() as server:
        async with tap(server.base_url, tmp_path, "--json", "--record", str(tapes)) as (address, process):
            wish = ("--provider", "custom", "--base-url", address, "--transport", transport)
            ran = await voicechat("run", *wish, "--text", "12 times 7?", environ=environ_for(tmp_path / "client"))
            process.send_signal(signal.SIGINT)
            told = await ended(process)
    assert ran.code == 0, ran.err
    assert told.code == 0 and "Traceback" not in told.err
    lines: list[dict[str, Any]] = told.lines
    kinds = [line["event"]["type"] for line in lines if "event" in line]
    assert "session.created" in kinds and "response.done" in kinds and kinds.index("tap.called") == 0
    added = [line["added_ms"] for line in lines if "added_ms" in line]
    assert added and all(one >= 0 for one in added)
    assert not [line for line in lines if "finding" in line], "a healthy talk has no findings"
    (tape,) = tapes.iterdir()
    past = last_state(read_tape(tape))
    assert past is not None and any("84" in turn.text for turn in past.state.conversation.turns)
    assert KEY not in told.out + told.err + logs_of(tapes) and (tape / "audio.wav").exists()


async def test_plain_lines_say_what_flows_and_what_it_costs(tmp_path: Path) -> None:
    async with local_server() as server:
        async with tap(server.base_url, tmp_path, "--plain") as (address, process):
            wish = (
                "--provider",
                "custom",
                "--base-url",
                address,
                "--transport",
                "websocket",
                "--text",
                "12 times 7?",
            )
            await voicechat("run", *wish, environ=environ_for(tmp_path / "client"))
            process.send_signal(signal.SIGINT)
            told = await ended(process)
    assert "← session.created" in told.out and "→ session.update" in told.out and " ms)" in told.out
    assert told.out.count("response.output_audio.delta") == 1, "sound does not hide the rest"


async def test_an_address_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    ran = await voicechat("tap", "--upstream", "http://", "--plain", environ=environ_for(tmp_path))
    assert ran.code == 3 and "cannot be understood" in ran.err and "Traceback" not in ran.err


async def test_a_taken_port_is_one_sentence_with_the_next_step(tmp_path: Path) -> None:
    async with local_server() as server:
        flags = ("tap", "--upstream", server.base_url, "--port", str(server.port), "--plain")
        ran = await voicechat(*flags, environ=environ_for(tmp_path))
    assert ran.code == 3 and "--port 0" in ran.err and "Traceback" not in ran.err
