"""A conversation through the public API with a service of the test, and everything that flows in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.command import KEY
from voicechat.api import Conversation, Settings
from voicechat.engine.ports import Line
from voicechat.journal.entry import Entry


def settings_for(base_url: str, **chosen: Any) -> Settings:
    """These settings, all of them given by the user; no sound devices."""
    chosen = {"provider": "custom", "base_url": base_url, "mic": "none", "speaker": "none"} | chosen
    return Settings(**chosen, given=frozenset(chosen))


@asynccontextmanager
async def conversing(base_url: str, folder: Path, **chosen: Any) -> AsyncIterator[Conversation]:
    """A conversation with these settings whose state is kept in a folder."""
    environ = {"VOICECHAT_STATE_DIR": str(folder), "VOICECHAT_API_KEY": KEY}
    async with Conversation(settings_for(base_url, **chosen), environ) as talk:
        yield talk


@dataclass
class WatchedTalk:
    """What has happened so far is in `seen`, oldest first."""

    talk: Conversation
    seen: list[Entry] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [one.event for one in self.seen if one.event["type"] == kind]

    def lines(self, who: str = "") -> list[tuple[str, str]]:
        """The transcript; `who`: only of these, by default without notes."""
        turns = self.talk.transcript()
        return [(turn.who, turn.text) for turn in turns if turn.who == who or (not who and turn.who != "note")]

    def line(self) -> Line:
        """The connection that is open."""
        line = self.talk._live().session.performer.line
        assert line is not None
        return line


@asynccontextmanager
async def watched(base_url: str, folder: Path, **chosen: Any) -> AsyncIterator[WatchedTalk]:
    """A conversation that is watched from its beginning to the end of the block; what is heard goes into a file."""
    async with conversing(base_url, folder, **{"speaker": str(folder / "heard.wav")} | chosen) as talk:
        one = WatchedTalk(talk)

        async def watch() -> None:
            async for happening in talk.events():
                one.seen.append(happening)

        watching = asyncio.create_task(watch())
        try:
            yield one
        finally:
            watching.cancel()
