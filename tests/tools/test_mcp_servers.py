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


async def test_its_tools_are_listed_with_their_schemas_and_called(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, told):
        tools = {tool.name: tool for tool in await server.start()}
        assert tools["add"].description == "Add two whole numbers."
        assert tools["add"].parameters["required"] == ["first", "second"]
        assert await server.call("add", {"first": 2, "second": 40}) == "42"
        assert await server.call("shout", {"text": "quietly"}) == "QUIETLY"
    assert told == []
    assert "as it must" in (tmp_path / "log").read_text()


async def test_a_tool_that_fails_and_arguments_it_refuses_are_errors_with_its_words(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, _):
        await server.start()
        with pytest.raises(ToolError, match="it is broken"):
            await server.call("fail", {})
        with pytest.raises(ToolError, match="error"):
            await server.call("add", {"first": 1})
        with pytest.raises(ToolError):
            await server.call("no_such_tool", {})
        assert await server.call("add", {"first": 1, "second": 1}) == "2"


async def test_a_text_in_a_resource_is_passed_on_and_a_link_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, _):
        await server.start()
        assert await server.call("papers", {}) == "Here:\nthe memo itself\n[resource two: memo://two]"


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


async def test_a_server_that_ends_at_its_start_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, "dead") as (server, told):
        with pytest.raises(ToolError, match="MCP server test failed"):
            async with asyncio.timeout(20):
                await server.start()
    assert told == []


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    server = RunningServer(LocalServer("files", ("/nowhere/server",)), {}, lambda words: None)
    with pytest.raises(ToolError, match="files failed: there is no program /nowhere/server"):
        await server.start()
    await server.close()


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_servers, "START_LIMIT", 0.5)
    async with running(tmp_path, "slow") as (server, _):
        with pytest.raises(ToolError, match="did not answer within"):
            await server.start()


async def test_it_sees_only_the_variables_it_was_given(tmp_path: Path) -> None:
    async with running(tmp_path, pass_env=("SHOWN_TOKEN",), env={"MODE": "quiet"}) as (server, _):
        await server.start()
        assert await server.call("secret", {"name": "SHOWN_TOKEN"}) == "a-token"
        assert await server.call("secret", {"name": "MODE"}) == "quiet"
        assert await server.call("secret", {"name": "HIDDEN_API_KEY"}) == "unseen"


async def test_a_call_that_is_given_up_does_not_hurt_the_next_one(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, _):
        await server.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await server.call("wait", {"seconds": 30})
        assert await server.call("add", {"first": 1, "second": 2}) == "3"
