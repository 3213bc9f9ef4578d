"""A whole client without sound devices: settings in, a session with real lines out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.support.event_rows import noted_in
from voicechat.audio.path import AudioPath
from voicechat.config.service_memory import ServiceMemory
from voicechat.config.settings import Settings
from voicechat.config.wish import plan
from voicechat.core.effects import AudioEffect
from voicechat.engine.assemble import Lines
from voicechat.engine.session import Session
from voicechat.engine.ways import Ways
from voicechat.journal.entry import Entry
from voicechat.protocol.dialects import DialectName


class Deck:
    """An audio port that does nothing."""

    def perform(self, effect: AudioEffect) -> None: ...


@dataclass
class Caller:
    """One client and what happened to it."""

    session: Session
    lines: Lines
    happened: list[Entry] = field(default_factory=list)

    async def until(self, true: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait until the state says so; fails after `timeout` seconds with the phase it is in."""
        try:
            async with asyncio.timeout(timeout):
                while not true():
                    changed = asyncio.Event()
                    self.session.on_change = changed.set
                    await changed.wait()
        except TimeoutError:
            raise AssertionError(f"it never came: {self.session.state.connection} {self.notices()}") from None

    async def configured(self) -> None:
        """The line is up and the service has confirmed what it was told."""
        await self.until(
            lambda: (
                self.session.state.connection.phase == "open"
                and self.session.state.configuration.in_force_at is not None
                and self.session.state.configuration.effective
            )
        )

    async def refused(self) -> str:
        """The sentence and the next step of a service that is not to be had."""
        await self.until(lambda: self.session.state.connection.phase == "refused")
        line = self.session.state.connection
        return f"{line.reason} · {line.hint}"

    def notices(self) -> list[str]:
        """What the user was told."""
        return [str(one.event["text"]) for one in self.happened if one.event.get("type") == "notice"]


@asynccontextmanager
async def calling(
    base_url: str, folder: Path, *, key: str = "", environ: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[Caller]:
    """A client that calls `base_url` with these settings, started; what it remembers lives in `folder`."""
    usual: dict[str, Any] = {"provider": "custom", "base_url": base_url, "mic": "none", "connect_timeout": 5.0}
    chosen = Settings(**usual | {"given": frozenset(settings)} | settings)
    wanted = plan(chosen)
    happened: list[Entry] = []
    lines = Lines(
        chosen,
        wanted.provider,
        key,
        AudioPath(lambda fact: None),
        environ or {},
        Ways(wanted.provider, ServiceMemory(folder / "services.json")),
    )
    session = Session(
        wanted.wishes,
        wanted.choices,
        wanted.policy,
        audio=Deck(),
        open_line=lines.open,
        clock=asyncio.get_running_loop().time,
        note=noted_in(happened),
    )

    def spoken() -> DialectName | Literal[""]:
        config = session.state.configuration
        return config.dialect if config.effective else ""

    lines.spoken = spoken
    session.start()
    try:
        yield Caller(session, lines, happened)
    finally:
        await session.close()
        await lines.close()
