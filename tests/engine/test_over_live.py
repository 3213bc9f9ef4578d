"""Whole talks over GPT-Live: the real engine and sound path with our own Live server, over both transports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.engine.conversing import WatchedTalk, watched
from tests.support.each import each
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.journal.rerun import check
from voicechat.journal.tape import read_tape
from voicechat.local_server.live import LiveSession

TRANSPORTS = ["websocket", "webrtc"]
STORY = "Please tell me a long story about the sea."


@asynccontextmanager
async def talking(folder: Path, transport: str, **chosen: Any) -> AsyncIterator[WatchedTalk]:
    async with (
        local_server(words=STORY) as server,
        watched(server.base_url, folder, model="local-live", transport=transport, **chosen) as one,
    ):
        yield one


@each("transport", TRANSPORTS)
async def test_a_typed_question_is_answered_aloud_by_a_live_session(transport: str, tmp_path: Path) -> None:
    async with talking(tmp_path, transport) as one:
        answer = await one.talk.say("What is two plus two?")
        assert "4" in answer.text and one.of("assistant.audible")
        assert one.of("session.started") and one.of("session.instructions.append")
        assert len(one.of("session.start")) == (1 if transport == "websocket" else 0)
        assert not one.of("error")


@each("transport", TRANSPORTS)
async def test_a_stopped_live_answer_is_silent_and_the_next_one_is_heard(transport: str, tmp_path: Path) -> None:
    async with talking(tmp_path, transport) as one:
        story = asyncio.create_task(one.talk.say(STORY))
        await eventually(lambda: one.of("assistant.audible"), 20.0)
        one.talk.stop()
        assert (await story).cut_by == "you"
        await eventually(lambda: one.of("assistant.silent"))
        heard = len(one.of("assistant.audible"))
        await one.talk.say("What is two plus two?")
        assert len(one.of("assistant.audible")) > heard and not one.of("error")


@each("transport", TRANSPORTS)
async def test_a_live_session_that_was_lost_goes_on_with_the_conversation_as_its_history(
    transport: str, tmp_path: Path
) -> None:
    async with (
        local_server(words=STORY) as server,
        watched(server.base_url, tmp_path, model="local-live", transport=transport) as one,
    ):
        await one.talk.say("What is two plus two?")
        (lost,) = server.house.sessions
        assert isinstance(lost, LiveSession)
        lost.hang_up(1011, "the test ends it")
        await eventually(lambda: len(one.of("session.started")) == 2, 20.0)
        answer = await one.talk.say("What is three plus four?")
        assert "7" in answer.text and not one.of("error")
        asked = [event["content"] for event in one.of("session.instructions.append")]
        assert len(asked) == 2 and "three plus four" in asked[1], "nothing that was said before is answered again"
        for start in one.of("session.start")[1:]:
            told = [(item["role"], item["content"][0]["text"]) for item in start["session"]["input"]]
            assert told == [("user", "What is two plus two?"), ("assistant", "2 plus 2 is 4.")]


async def test_a_tape_of_a_live_session_has_its_wire_events_and_checks(tmp_path: Path) -> None:
    async with talking(tmp_path, "websocket", record=str(tmp_path / "tapes")) as one:
        await one.talk.say("What is two plus two?")
    (folder,) = (tmp_path / "tapes").iterdir()
    lines = [json.loads(line) for line in (folder / "session.jsonl").read_text(encoding="utf-8").splitlines()]
    types = {line["event"]["type"] for line in lines if line.get("dir") in ("in", "out")}
    assert {"session.start", "session.started", "session.output_transcript.delta"} <= types
    assert not types & {"response.created", "response.done"}
    assert check(read_tape(folder)).difference is None
