"""The real engine process against a real server that misbehaves: the cause arrives as a finding, and no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.engine_client import EngineClient
from tests.support.local_server import local_server
from voicechat.core.events import TextEntered
from voicechat.engine.link import Batch, Finding, Snapshot


def talked(client: EngineClient, expects: bool) -> tuple[list[str], set[int], set[int]]:
    """A typed message, until a finding or the end of its response: codes, the events they name, and those that came."""
    if expects:
        client.until(Snapshot, lambda shown: shown.view.connection.phase in ("open", "refused"))
        client.engine.send(TextEntered("Hello"))
        client.until(Finding)
    else:
        client.until(Snapshot, lambda shown: shown.view.connection.phase == "open")
        client.engine.send(TextEntered("Hello"))
        client.until(Snapshot, lambda shown: shown.view.completed > 0)
    found = [message for message in client.heard if isinstance(message, Finding)]
    rows = [row.seq for message in client.heard if isinstance(message, Batch) for row in message.rows]
    return [one.code for one in found], {mark.seq for one in found for mark in one.evidence}, set(rows)


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("unauthorised", ["auth-failed"]),
        ("quota", ["quota-or-billing"]),
        ("fails-responses", ["response-failed"]),
        ("error=session_limit_reached", ["session-limit"]),
        ("", []),
    ],
)
async def test_the_cause_of_a_fault_arrives_after_its_events(fault: str, codes: list[str], tmp_path: Path) -> None:
    async with local_server(fault=fault) as server:
        with EngineClient(tmp_path, base_url=server.base_url) as client:
            found, named, came = await asyncio.to_thread(talked, client, bool(codes))
    assert found == codes
    assert named <= came, "evidence comes after the events it names"
