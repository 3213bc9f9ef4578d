"""`voicechat mcp` with the official client, which knows of it only what the server tells."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.debugged import PATIENCE, break_sessions, served
from tests.support.command import environ_for, voicechat
from tests.support.forked import forking
from tests.support.processes import is_running, needs_proc
from tests.support.vaudio import until
from voicechat.exit_codes import USAGE

MOST_CALLS = 10
"""Calls in which a wrong field of a session has to be found and repaired."""


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    runtime = tempfile.mkdtemp(prefix="vc", dir="/tmp")  # a socket's path may have 107 characters
    yield environ_for(tmp_path, VOICECHAT_RUNTIME_DIR=runtime)
    shutil.rmtree(runtime, ignore_errors=True)


class Agent:
    """Calls tools by the names and arguments that the server lists, and counts."""

    def __init__(self, session: ClientSession, tools: Mapping[str, Any]) -> None:
        self._session = session
        self.tools = tools
        self.calls = 0

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The object that a tool returns."""
        assert set(arguments) <= set(self.tools[name].input_schema["properties"])
        self.calls += 1
        result = await self._session.call_tool(name, arguments)
        assert not result.is_error, result.content
        said: dict[str, Any] = json.loads(result.content[0].text)
        return said

    async def repair(self, sentence: str) -> dict[str, Any]:
        """What any agent would do after reading the descriptions: say, ask why, set what repairs it, say it again."""
        said = await self.call("say", text=sentence)
        while said["outcome"] != "done" or said["findings"]:
            found = await self.call("why")
            changes = [change for finding in found["findings"] for change in finding["repair"]]
            assert changes, found
            for change in changes:
                assert (await self.call("set", **change))["outcome"] == "done"
            said = await self.call("say", text=sentence)
        return said


@asynccontextmanager
async def agent(environ: Mapping[str, str]) -> AsyncIterator[Agent]:
    how = StdioServerParameters(command=sys.executable, args=["-m", "voicechat", "mcp"], env=dict(environ))
    async with AsyncExitStack() as stack:
        with forking():
            read, write = await stack.enter_async_context(stdio_client(how))
        session = await stack.enter_async_context(ClientSession(read, write))
        await session.initialize()
        yield Agent(session, {tool.name: tool for tool in (await session.list_tools()).tools})


async def test_an_agent_finds_and_repairs_a_wrong_field_of_a_broken_service_in_ten_calls(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_sessions(monkeypatch, {"max_output_tokens": 2})
    with served() as url:
        async with agent(environ) as hands:
            started = await hands.call("start", base_url=url, transport="websocket")
            assert started["connection"]["phase"] == "open"
            said = await hands.repair("What is twelve times seven?")
            assert said["transcript"][-1]["who"] == "assistant" and len(said["transcript"][-1]["text"]) > 10
            assert hands.calls <= MOST_CALLS
            assert (await hands.call("why"))["session_in_force"]["max_output_tokens"] == "inf"


async def test_an_agent_repairs_a_field_of_its_own_session(environ: dict[str, str]) -> None:
    with served() as url:
        async with agent(environ) as hands:
            await hands.call("start", base_url=url, transport="websocket", session={"max_output_tokens": 2})
            await hands.repair("What is twelve times seven?")
            assert hands.calls <= MOST_CALLS


@needs_proc
async def test_every_act_is_a_described_tool_and_sessions_end_with_the_server(environ: dict[str, str]) -> None:
    with served() as url:
        async with agent(environ) as hands:
            assert set(hands.tools) == {"start", "say", "hear", "events", "why", "set", "decide", "stop"}
            assert all(len(tool.description) > 20 for tool in hands.tools.values())
            prompts = (await hands._session.list_prompts()).prompts
            guide = await hands._session.read_resource("voicechat://guide")
            assert [one.name for one in prompts] == ["debug_voice_agent"]
            assert all(f"`{name}`" in guide.contents[0].text for name in hands.tools)
            kept = (await hands.call("start", base_url=url, transport="websocket"))["session"]
            ended = (await hands.call("start", base_url=url, transport="websocket"))["session"]
            assert (await hands.call("stop"))["session"] == ended
            until(lambda: not is_running(ended), PATIENCE, "a stopped session goes on")
            assert (await hands.call("hear", timeout=0.0))["session"] == kept
            assert (await hands.call("events", count=3))["events"]
            assert (await hands.call("say"))["outcome"] == "usage"
        until(lambda: not is_running(kept), PATIENCE, "the session outlives the server that began it")


async def test_what_cannot_be_reached_is_an_error_of_the_tool_with_the_next_step(environ: dict[str, str]) -> None:
    async with agent(environ) as hands:
        for name, arguments in (("why", {}), ("start", {"base_url": "http://127.0.0.1:9/v1"})):
            result = await hands._session.call_tool(name, arguments)
            assert result.is_error and "Traceback" not in result.content[0].text
        assert "start" in (await hands._session.call_tool("why", {})).content[0].text


async def test_without_the_package_a_sentence_says_how_to_get_it(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = Path(environ["VOICECHAT_RUNTIME_DIR"])
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'mcp' else find(name, *more)\n"
    )
    ran = await voicechat("mcp", environ=environ | {"PYTHONPATH": f"{hidden}:{environ['PYTHONPATH']}"})
    assert (ran.code, ran.out) == (USAGE, "")
    assert "pip install" in ran.err
