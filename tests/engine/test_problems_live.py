"""The real engine process against a real server that misbehaves: the cause arrives as a finding, and no other."""

from __future__ import annotations

import asyncio
import os
import queue
import time
from pathlib import Path

import pytest

from tests.support.local_server import local_server
from voicechat.config.load import load_settings
from voicechat.core.events import TextEntered
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Batch, Finding, FromEngine, Goodbye, Snapshot

PATIENCE = 30.0


def talked(base_url: str, folder: Path) -> tuple[list[Finding], set[int]]:
    """One typed message, until a finding comes or its answer is over; what was found, and the events that flowed."""
    (folder / "config.toml").write_text("")
    flags = {"base_url": base_url, "mic": "none", "speaker": "none"}
    environ = {**os.environ, "VOICECHAT_STATE_DIR": str(folder), "VOICECHAT_API_KEY": "sk-secret-123456"}
    engine = EngineProcess(load_settings(flags, {}, folder / "config.toml"), environ)
    heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
    engine.start(heard.put)
    found: list[Finding] = []
    events: set[int] = set()
    is_asked, deadline = False, time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline and not found:
            match heard.get(timeout=PATIENCE):
                case Finding() as finding:
                    found.append(finding)
                case Batch(rows=rows):
                    events |= {row.seq for row in rows}
                case Snapshot(view=view) if view.connection.phase == "open" and not is_asked:
                    is_asked = True
                    engine.send(TextEntered("Hello"))
                case Snapshot(view=view) if view.completed and view.reply.state not in ("playing", "generating"):
                    break
                case Goodbye(cause=cause):
                    raise AssertionError(cause)
                case _:
                    pass
    finally:
        engine.close()
    return found, events


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("unauthorised", "auth-failed"),
        ("quota", "quota-or-billing"),
        ("fails-responses", "response-failed"),
        ("error=session_limit_reached", "session-limit"),
        ("", ""),
    ],
)
async def test_the_cause_of_a_bad_day_arrives_with_its_events(fault: str, code: str, tmp_path: Path) -> None:
    async with local_server(fault=fault) as server:
        found, events = await asyncio.to_thread(talked, server.base_url, tmp_path)
    assert [finding.code for finding in found] == ([code] if code else [])
    for finding in found:
        assert {mark.seq for mark in finding.evidence} <= events, "evidence comes after the events it names"
