"""What looks at a talk cannot hurt it, and what fails inside it is told: the engine against a scripted service."""

from __future__ import annotations

import asyncio
import json
import queue
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import eventually
from tests.support.service import SocketServer
from voicechat.api import Conversation, Settings
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Batch, EventRow, FromEngine
from voicechat.journal.entry import Happening
from voicechat.transports.spoken_answers import SpokenAnswers

UPDATED = json.dumps({"type": "session.updated", "session": {"id": "sess_1"}})
ODD_ERROR = json.dumps({"type": "error", "error": {"code": {}, "message": "odd"}})


def settings_for(url: str) -> Settings:
    given = frozenset({"transport", "mic", "speaker"})
    return Settings(provider="custom", base_url=url, transport="websocket", mic="none", speaker="none", given=given)


@asynccontextmanager
async def talking(tmp_path: Path) -> AsyncIterator[tuple[SocketServer, Conversation]]:
    server = SocketServer()
    async with server.serving() as url:

        async def configure() -> None:
            await server.texts.get()
            await server.say(UPDATED)

        configuring = asyncio.create_task(configure())
        async with Conversation(settings_for(url), {"VOICECHAT_STATE_DIR": str(tmp_path)}) as talk:
            yield server, talk
        await configuring


def notices(talk: Conversation) -> list[str]:
    return [turn.text for turn in talk.transcript() if turn.who == "note"]


async def test_an_odd_error_over_websocket_leaves_the_later_events_arriving(tmp_path: Path) -> None:
    server, heard, rows = SocketServer(), queue.SimpleQueue[FromEngine](), list[EventRow]()
    async with server.serving() as url:
        engine = EngineProcess(settings_for(url), {"VOICECHAT_STATE_DIR": str(tmp_path)})

        def seen(kind: str) -> int:
            while not heard.empty():
                message = heard.get()
                if isinstance(message, Batch):
                    rows.extend(message.rows)
            return sum(row.type == kind and row.dir == "in" for row in rows)

        await asyncio.to_thread(engine.start, heard.put)
        try:
            await eventually(lambda: seen("session.created") == 1, 15.0)
            await server.say(ODD_ERROR, *(json.dumps({"type": "rate_limits.updated", "rate_limits": []}),) * 20)
            await eventually(lambda: seen("rate_limits.updated") == 20, 10.0)
        finally:
            await asyncio.to_thread(engine.close)
    assert seen("error") == 1


async def test_an_observer_that_raises_leaves_the_talk_whole_with_one_notice(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, talk):
        calls = 0

        def broken(happening: Happening) -> None:
            nonlocal calls
            calls += 1
            raise ValueError("a defect of the observer")

        talk._live().observers.add("broken list", broken)
        later: list[str] = []
        talk._live().observers.add("later list", lambda happening: later.append(str(happening.event["type"])))
        await server.say(*(json.dumps({"type": "rate_limits.updated", "rate_limits": []}),) * 3)
        await eventually(lambda: later.count("rate_limits.updated") == 3)
        assert calls == 1
        assert talk.view().connection.phase == "open"
        stopped = [text for text in notices(talk) if "broken list" in text]
        assert stopped == ["The broken list stopped after an error; the talk goes on."]


async def test_a_defect_in_the_websocket_reader_is_a_lost_line_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(tmp_path) as (server, talk):
        read = SpokenAnswers.read

        async def failing(self: SpokenAnswers, text: str) -> None:
            if "rate_limits" in text:
                raise KeyError("a defect of the reader")
            await read(self, text)

        monkeypatch.setattr(SpokenAnswers, "read", failing)
        await server.say(json.dumps({"type": "rate_limits.updated"}))
        await eventually(lambda: talk.view().connection.phase == "lost" or len(server.sockets) > 1)
        await eventually(lambda: len(server.sockets) > 1 and talk.view().connection.phase == "open", 10.0)
        assert any("an unexpected error: KeyError" in text for text in notices(talk))


async def test_an_unexpected_error_while_connecting_is_a_refused_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*args: Any, **kwargs: Any) -> None:
        raise KeyError("a defect of the line")

    monkeypatch.setattr("voicechat.engine.assemble.Lines._open", failing)
    talk = Conversation(settings_for("http://127.0.0.1:9"), {"VOICECHAT_STATE_DIR": str(tmp_path)})
    began = time.monotonic()
    with pytest.raises(Exception, match=r"unexpected error: KeyError: 'a defect of the line'"):
        await talk.__aenter__()
    assert time.monotonic() - began < 10
