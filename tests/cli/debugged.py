"""The real local server on a thread of its own, for commands that begin and end while it goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.local_server import local_server
from voicechat.local_server import session_config
from voicechat.local_server.session_config import SessionConfig, fresh_config

PATIENCE = 30.0


@contextmanager
def served(words: str = "What is twelve times seven?", fault: str = "") -> Iterator[str]:
    """Base URL of a server that hears every utterance as `words`."""
    loop, ready, address = asyncio.new_event_loop(), threading.Event(), list[str]()
    done = asyncio.Event()

    async def serve() -> None:
        async with local_server(words, fault) as server:
            address.append(server.base_url)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield address[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(PATIENCE)
        loop.close()


def break_sessions(monkeypatch: pytest.MonkeyPatch, wrong: Mapping[str, Any]) -> None:
    """Let every session of the server begin with these fields, whatever is right."""

    def broken(model: str, session_id: str, *, transcription: bool = False) -> SessionConfig:
        return SessionConfig({**fresh_config(model, session_id, transcription=transcription).session, **wrong})

    monkeypatch.setattr(session_config, "fresh_config", broken)
