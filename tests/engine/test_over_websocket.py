"""Whole talks over WebSocket: the real engine, sound path and local server, which checks each truncation."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conversing import WatchedTalk, watched
from tests.support.local_server import local_server
from tests.support.peers import eventually

STORY = "Please tell me a long story about the sea."
BLOCK = 0.01


def items(one: WatchedTalk) -> Any:
    return one.talk._live().session.state.playback.items


async def speech(one: WatchedTalk, seconds: float) -> None:
    """Until so much more of the microphone has left: 24,000 samples a second, two bytes each, as base64."""
    enough = one.line().stats().bytes_sent + seconds * 24_000 * 2 * 4 / 3
    await eventually(lambda: one.line().stats().bytes_sent >= enough, 20.0)


def played(one: WatchedTalk) -> float:
    """Seconds of the newest answer that were played."""
    return max(item.played or 0.0 for item in items(one))


async def cut_where_it_was_played(one: WatchedTalk, before: float) -> None:
    """Between what was played before the stop and in the end; a block of 10 ms is reported before it sounds."""
    cut_at = one.of("conversation.item.truncate")[0]["audio_end_ms"] / 1_000
    assert before - BLOCK <= cut_at
    await eventually(lambda: cut_at <= played(one))


async def speaking(one: WatchedTalk, seconds: float) -> None:
    """Until so much of the newest answer was played."""
    await eventually(lambda: any((item.played or 0.0) >= seconds for item in items(one)), 20.0)


@asynccontextmanager
async def talking(folder: Path, **chosen: Any) -> AsyncIterator[WatchedTalk]:
    async with (
        local_server(words=STORY) as server,
        watched(server.base_url, folder, transport="websocket", **chosen) as one,
    ):
        yield one


async def test_a_stopped_answer_is_truncated_and_marked_where_playback_ended(tmp_path: Path) -> None:
    async with talking(tmp_path) as one:
        answer = asyncio.create_task(one.talk.say(STORY))
        await speaking(one, 1.0)
        before = played(one)
        one.talk.stop()
        cut = await answer
        await eventually(lambda: one.of("conversation.item.truncated"))
        (wish,), (done,) = one.of("conversation.item.truncate"), one.of("conversation.item.truncated")
        assert wish["audio_end_ms"] == done["audio_end_ms"] and isinstance(wish["audio_end_ms"], int)
        await cut_where_it_was_played(one, before)
        assert wish["item_id"] == done["item_id"]
        assert cut.cut_by == "you" and not one.of("error")
        turn = one.talk.transcript()[-1]
        assert turn.cut_at == pytest.approx(wish["audio_end_ms"] / 1_000) and turn.text and turn.rest
        assert "4" in (await one.talk.say("What is two plus two?")).text


async def test_an_answer_played_to_its_end_is_not_truncated(tmp_path: Path) -> None:
    async with talking(tmp_path) as one:
        answer = await one.talk.say("What is two plus two?")
        assert "4" in answer.text and answer.cut_by == ""
        one.talk.stop()
        assert "5" in (await one.talk.say("What is two plus three?")).text  # whatever the stop sent went before
        assert not one.of("conversation.item.truncate") and not one.of("error")


@pytest.mark.parametrize(("law", "name"), [("pcmu", "G.711 u-law"), ("pcma", "G.711 A-law")])
async def test_a_session_file_can_ask_for_telephone_sound(tmp_path: Path, law: str, name: str) -> None:
    wish = {"format": {"type": f"audio/{law}"}}
    (tmp_path / "wish.json").write_text(json.dumps({"audio": {"input": wish, "output": wish}}))
    async with talking(tmp_path, session=str(tmp_path / "wish.json")) as one:
        answer = asyncio.create_task(one.talk.say(STORY))
        await speaking(one, 0.6)
        assert one.line().stats().codec == name
        before = played(one)
        one.talk.stop()
        await answer
        await eventually(lambda: one.of("conversation.item.truncated"))
        assert not one.of("error")
        await cut_where_it_was_played(one, before)


async def test_the_line_is_named_and_measured_for_what_it_is(tmp_path: Path) -> None:
    async with talking(tmp_path) as one:
        assert one.talk.view().connection.transport == "WebSocket"
        await eventually(lambda: one.line().stats().rtt is not None)
        assert one.line().stats().codec == "pcm16 24 kHz" and one.line().stats().bytes_received > 0


def humming(path: Path, seconds: float) -> str:
    """A microphone that hums 200 Hz."""
    pcm = (12_000 * np.sin(2 * np.pi * 200 * np.arange(int(48_000 * seconds)) / 48_000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(pcm.tobytes())
    return str(path)


async def test_push_to_talk_cuts_in_without_waiting_and_the_commit_follows_the_last_sound(tmp_path: Path) -> None:
    mic = humming(tmp_path / "mic.wav", 20.0)
    async with talking(tmp_path, turn_mode="push-to-talk", mic=mic) as one:
        one.talk.talk()
        await speech(one, 0.8)
        one.talk.release()
        await speaking(one, 0.8)
        one.talk.talk()
        await eventually(lambda: one.of("conversation.item.truncated"))
        await eventually(lambda: len(one.of("mic.opened")) == 2)
        await speech(one, 0.6)
        one.talk.release()
        await eventually(lambda: len(one.of("response.created")) == 2)
        assert not one.of("error")
        kinds = [happening.event["type"] for happening in one.seen]
        second = kinds.index("mic.opened", kinds.index("mic.opened") + 1)
        assert kinds.index("conversation.item.truncate") < second < kinds.index("conversation.item.truncated")
        assert len(one.of("input_audio_buffer.commit")) == 2 and len(one.of("input_audio_buffer.append")) < 12
