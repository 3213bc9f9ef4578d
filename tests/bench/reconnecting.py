"""A talk whose line can be taken away: our own server in a process, a relay that goes dark, the real session here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from tests.bench.relayed_calls import RelayedCalls, relayed_calls
from tests.local_server.built_in_voice import Sound
from tests.support.lossy_relay import Network
from tests.support.tapes import write_wav
from voicechat.config.load import load_settings
from voicechat.config.secrets import without_keys
from voicechat.core.events import Event
from voicechat.core.state import State
from voicechat.engine.assemble import Talk
from voicechat.journal.entry import Happening
from voicechat.local_server.spawn import start_local_server

LOOK_EVERY = 0.005
LIMIT = 40.0
"""Seconds after which what is waited for counts as not happening."""


class Watched:
    """One conversation, and when what happened in it (monotonic seconds)."""

    def __init__(self, base_url: str, folder: Path, mic: Path | None = None, **more: object) -> None:
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
        flags = {"provider": "local", "base_url": base_url, "mic": str(mic or "none"), "speaker": "none", **more}
        self.happened: list[Happening] = []
        self.talk = Talk(load_settings(flags, environ), environ)
        self.talk.observers.add("benchmark", self.happened.append)

    @property
    def state(self) -> State:
        return self.talk.session.state

    def tell(self, event: Event) -> None:
        self.talk.session.tell(event)

    def times(self, name: str) -> list[float]:
        """When events of this type were seen, in either direction."""
        return [one.at for one in self.happened if one.event.get("type") == name]

    def remembered(self) -> int:
        """Items of the old conversation that the server has confirmed."""
        kinds = ("conversation.item.added", "conversation.item.created")
        ids = {
            str(one.event.get("item", {}).get("id", ""))
            for one in self.happened
            if one.dir == "in" and one.event.get("type") in kinds
        }
        return sum(item_id.startswith("kept-") for item_id in ids)

    async def until(self, condition: Callable[[], object], limit: float = LIMIT) -> float:
        """The moment at which it is so; infinity if it never is."""
        ends = time.monotonic() + limit
        while time.monotonic() < ends:
            if condition():
                return time.monotonic()
            await asyncio.sleep(LOOK_EVERY)
        return float("inf")

    def is_ready(self, number: int = 1) -> bool:
        """A line of this number or later is up, its configuration in force."""
        state = self.state
        is_up = state.connection.phase == "open" and state.connection.number >= number
        return is_up and state.configuration.in_force_at is not None


@asynccontextmanager
async def talking(
    folder: Path, *, fault: str = "", network: Network | None = None, blocked: bool = False, **settings: object
) -> AsyncIterator[tuple[Watched, RelayedCalls]]:
    """A conversation that has begun, through the relay."""
    server = await start_local_server(without_keys(dict(os.environ)), fault=fault)
    try:
        async with relayed_calls(server.base_url, network) as calls:
            calls.is_udp_blocked = blocked
            watched = Watched(calls.base_url, folder, **settings)  # type: ignore[arg-type]
            try:
                await watched.talk.start()
                yield watched, calls
            finally:
                await watched.talk.close()
    finally:
        await server.stop()


def write(path: Path, sounds: list[Sound]) -> Path:
    """16 kHz sound as a WAV file."""
    pcm = np.clip(np.concatenate(sounds), -1.0, 1.0) * 32767
    return write_wav(path, pcm.astype(np.int16), 16_000)
