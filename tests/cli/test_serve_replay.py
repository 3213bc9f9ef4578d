"""`voicechat serve --replay`: a real server process, with our own client and with a bare WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.support.command import LIMIT, environ_for, started, voicechat
from tests.support.tapes import call_tape


@asynccontextmanager
async def serving(folder: Path, *flags: str) -> AsyncIterator[str]:
    """The address of a server that plays the call's tape."""
    tape = call_tape(folder / "tape")
    arguments = ("serve", "--port", "0", "--replay", str(tape), *flags)
    async with started(*arguments, environ=environ_for(folder), forked=True) as process:
        assert process.stdout
        async with asyncio.timeout(LIMIT):
            address = (await process.stdout.readline()).decode().strip()
        assert address.startswith("http://127.0.0.1:")
        yield address


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_our_own_client_has_the_recorded_talk_again(tmp_path: Path, transport: str) -> None:
    async with serving(tmp_path) as address:
        ran = await voicechat(
            *("run", "--provider", "custom", "--base-url", address, "--transport", transport, "--json"),
            *("--mic", "none", "--speaker", str(tmp_path / "heard.wav")),
            *("--text", "Hello?", "--text", "What time is it?"),
            environ=environ_for(tmp_path),
        )
    assert ran.code == 0, ran.err
    assert [text for who, text in ran.said if who == "assistant"] == [
        "Hello there, how are you?",
        "It is half past nine.",
    ]
    assert pitch_of(tmp_path / "heard.wav") == pytest.approx(880.0, abs=10.0)


async def test_any_client_gets_the_recorded_events_with_their_ids(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, "--speed", "20") as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{address}/realtime?model=any", headers={"Authorization": "Bearer any"}) as socket,
    ):
        assert (await told(socket, "session.created"))[-1]["session"]["id"] == "sess_1"
        await socket.send_json({"type": "response.create"})
        answer = await told(socket, "response.done")
        assert answer[0]["response"]["id"] == "resp_a" and answer[-1]["event_id"] == "event_2220"
        sound = b"".join(
            base64.b64decode(event["delta"]) for event in answer if event["type"] == "response.output_audio.delta"
        )
        assert len(sound) == pytest.approx(2.3 * 48_000, abs=100)
        await socket.send_json({"type": "session.update", "session": {"instructions": "Whatever."}})
        await told(socket, "session.updated")


async def test_by_time_the_whole_session_comes_by_itself(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, "--speed", "50", "--by-time") as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{address}/realtime") as socket,
    ):
        said = await told(socket, "session.updated")
    assert [event["transcript"] for event in said if "transcript" in event] == [
        "Hello there, how are you?",
        "What time is it?",
        "It is half past nine.",
    ]


async def test_a_file_that_is_no_tape_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Buy milk.\n")
    ran = await voicechat("serve", "--replay", str(tmp_path / "notes.txt"), environ=environ_for(tmp_path))
    assert ran.code == 2 and "not a tape" in ran.err and "Traceback" not in ran.err


async def told(socket: aiohttp.ClientWebSocketResponse, last: str) -> list[dict[str, Any]]:
    """What the server says up to an event of this type."""
    said: list[dict[str, Any]] = []
    async with asyncio.timeout(LIMIT):
        while not said or said[-1]["type"] != last:
            said.append(json.loads((await socket.receive()).data))
    return said


def pitch_of(file: Path) -> float:
    """The strongest tone of a WAV file, Hz."""
    with wave.open(str(file)) as sound:
        rate, channels = sound.getframerate(), sound.getnchannels()
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, channels)[:, 0].astype(np.float32)
    assert np.abs(pcm).max() > 3_000, "nothing was heard"
    return float(np.argmax(np.abs(np.fft.rfft(pcm))) * rate / len(pcm))
