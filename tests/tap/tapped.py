"""A tap in this process, on a real port, and a service behind it that a test has written itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.service import Handler, listening
from voicechat.config.settings import Settings
from voicechat.journal.entry import Entry
from voicechat.tap.registry import SessionRegistry
from voicechat.tap.server import TapServer
from voicechat.tap.session import Session
from voicechat.tap.upstream import Upstream


@dataclass
class Tapped:
    """A running tap and everything it has seen."""

    base_url: str
    registry: SessionRegistry
    sessions: list[Session] = field(default_factory=list)
    happened: list[Entry] = field(default_factory=list)

    def types(self, *directions: str) -> list[str]:
        """Types of what was seen so far, in order."""
        self.registry.later.finish()
        return [str(one.event.get("type")) for one in self.happened if not directions or one.dir in directions]

    def find(self, kind: str) -> dict[str, object]:
        """The first event of a type."""
        self.registry.later.finish()
        return next(one.event for one in self.happened if one.event.get("type") == kind)


@asynccontextmanager
async def tapping(upstream: str, record: Path | None = None) -> AsyncIterator[Tapped]:
    """A tap of a service."""
    registry = SessionRegistry(Upstream(upstream), Settings(), record=record)
    server = TapServer(registry)
    await server.start()
    tapped = Tapped(server.base_url, registry)

    def follow(session: Session) -> None:
        tapped.sessions.append(session)
        session.on_event = tapped.happened.append

    registry.on_session = follow
    registry.on_request = lambda event: tapped.happened.append(Entry(0, 0.0, "local", event))
    try:
        yield tapped
    finally:
        await server.stop()


@asynccontextmanager
async def service(handler: Handler) -> AsyncIterator[str]:
    """A service whose every answer is `handler`'s; its base URL."""
    async with listening(handler) as url:
        yield f"{url}/v1"
