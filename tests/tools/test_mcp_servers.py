"""Local MCP servers: a real one, written with the official package, is started, listed, called, and ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from voicechat.tools import mcp_servers
from voicechat.tools.mcp_config import LocalServer
from voicechat.tools.mcp_servers import RunningServer
from voicechat.tools.tool import ToolError

SERVER = Path(__file__).parent.parent / "tools" / "mcp_server.py"


@asynccontextmanager
async def running(tmp_path: Path, *arguments: str, **more: object) -> AsyncIterator[tuple[RunningServer, list[str]]]:
    """A server with its log in a file; what it is told to the user."""
    told: list[str] = []
    spec = LocalServer("test", (sys.executable, str(SERVER), *arguments), **more)  # type: ignore[arg-type]
    environ = {"SHOWN_TOKEN": "a-token", "HIDDEN_API_KEY": "a-key"}
    with (tmp_path / "log").open("w") as log:
        server = RunningServer(spec, environ, told.append, log)
        try:
            yield server, told
        finally:
            await server.close()


async def test_its_tools_are_listed_with_their_schemas_called_and_refused_in_its_words(tmp_path: Path) -> None:
    async with running(tmp_path, pass_env=("SHOWN_TOKEN",), env={"MODE": "quiet"}) as (server, told):
        tools = {tool.name: tool for tool in await server.start()}
        assert tools["add"].description == "Add two whole numbers."
        assert tools["add"].parameters["required"] == ["first", "second"]
        assert await server.call("shout", {"text": "quietly"}) == "QUIETLY"
        assert await server.call("papers", {}) == "Here:\nthe memo itself\n[resource two: memo://two]"
        for name, arguments, why in (("fail", {}, "it is broken"), ("add", {"first": 1}, "error"), ("no_such", {}, "")):
            with pytest.raises(ToolError, match=why or None):
                await server.call(name, arguments)
        shown = [await server.call("secret", {"name": name}) for name in ("SHOWN_TOKEN", "MODE", "HIDDEN_API_KEY")]
        assert shown == ["a-token", "quiet", "unseen"], "it sees only the variables it was given"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await server.call("wait", {"seconds": 30})
        assert await server.call("add", {"first": 2, "second": 40}) == "42", "a call that was given up hurts no other"
    assert told == []
    assert "as it must" in (tmp_path / "log").read_text()


def test_a_tool_without_parameters_is_offered_with_an_empty_list_of_them() -> None:
    """Services refuse the whole update for an object schema without `properties`."""
    tool = mcp_servers._as_offered("ping", "x" * 9_000, {"type": "object"})
    assert tool.parameters == {"type": "object", "properties": {}}
    assert len(tool.description) == mcp_servers.LONGEST_DESCRIPTION


async def test_a_server_that_dies_is_told_once_and_its_tools_answer_with_an_error(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, told):
        await server.start()
        with pytest.raises(ToolError, match="test"):
            async with asyncio.timeout(10):
                await server.call("die", {})
        async with asyncio.timeout(10):
            while not told:  # noqa: ASYNC110 - nothing else says it
                await asyncio.sleep(0.01)
        with pytest.raises(ToolError, match="test ended"):
            await server.call("add", {"first": 1, "second": 1})
        assert len(told) == 1
        assert "answer with an error" in told[0]


async def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = RunningServer(LocalServer("files", ("/nowhere/server",)), {}, lambda words: None)
    with pytest.raises(ToolError, match="files failed: there is no program /nowhere/server"):
        await server.start()
    await server.close()
    async with running(tmp_path, "dead") as (server, told):
        with pytest.raises(ToolError, match="MCP server test failed"):
            async with asyncio.timeout(20):
                await server.start()
    assert told == []
    monkeypatch.setattr(mcp_servers, "START_LIMIT", 0.5)
    async with running(tmp_path, "slow") as (server, _):
        with pytest.raises(ToolError, match="did not answer within"):
            await server.start()
