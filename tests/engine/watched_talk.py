"""A conversation through the public API, and everything that flows in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from voicechat.api import Conversation
from voicechat.journal.entry import Happening


@dataclass
class WatchedTalk:
    """What has happened so far is in `seen`, oldest first."""

    talk: Conversation
    seen: list[Happening] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [one.event for one in self.seen if one.event["type"] == kind]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Take in what happens, from now until the end of the block."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        async for happening in self.talk.events():
            self.seen.append(happening)
