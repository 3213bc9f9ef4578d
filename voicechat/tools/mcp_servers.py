"""Local MCP servers through the official `mcp` package: started here, listed, called, and ended with the talk.

Each lives in one task of the engine's loop, because its streams must be opened and closed by the same task. What it
writes to stderr goes to the engine's log. One that ends is told once; its tools answer with an error from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from voicechat.tasks import spawn
from voicechat.tools.mcp_config import LocalServer
from voicechat.tools.tool import ToolError

if TYPE_CHECKING:
    from mcp import ClientSession

START_LIMIT = 30.0
"""Seconds until a server must have told its tools; one that has to be fetched first takes its time."""
CLOSING = 3.0
"""Seconds a server gets to end by itself."""
MOST_TOOLS = 128
MOST_PAGES = 20
LONGEST_DESCRIPTION = 4000
"""Characters of a tool's description; the model pays for each of them in every session."""
EXTRA = ("mcp", "MCP servers need", "mcp", "mcp_types")
"""Of the package version 2 or newer, which alone brings the second module."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server lists it."""

    name: str
    description: str
    parameters: dict[str, Any]


class RunningServer:
    """One local server, from its start to its end."""

    def __init__(
        self,
        spec: LocalServer,
        environ: Mapping[str, str],
        told: Callable[[str], None],
        log: IO[str] | None = None,
    ) -> None:
        """`told` is called once, with a sentence, when the server ends by itself."""
        self.spec = spec
        self._environ = environ
        self._told = told
        self._log = log
        self._session: ClientSession | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.ended = ""
        """Why it cannot be called any more."""

    async def start(self) -> tuple[ListedTool, ...]:
        """Its tools. Raises ToolError with one sentence for a server that does not come up."""
        ready: asyncio.Future[tuple[ListedTool, ...]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._live(ready))
        try:
            async with asyncio.timeout(START_LIMIT):
                return await ready
        except TimeoutError as error:
            await self.close()
            raise ToolError(f"MCP server {self.spec.name} did not answer within {START_LIMIT:g} s") from error

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """The result as text. Raises ToolError for a refusal, a result that is an error, or a server that is gone."""
        session = self._session
        if session is None:
            raise ToolError(self.ended or f"MCP server {self.spec.name} is not running")
        from mcp import MCPError

        try:
            result = await session.call_tool(name, arguments)
        except MCPError as error:
            raise ToolError(self.ended or f"MCP server {self.spec.name}: {error}") from error
        text = result_text(result)
        if result.is_error:
            raise ToolError(text or "the tool failed without a reason")
        return text

    async def close(self) -> None:
        """End it, tidily if it lets itself be ended. Idempotent."""
        self._stop.set()
        task, self._task = self._task, None
        if task is not None:
            done, _ = await asyncio.wait((task,), timeout=CLOSING)
            if not done:
                task.cancel()
                await asyncio.wait((task,), timeout=CLOSING)

    async def _live(self, ready: asyncio.Future[tuple[ListedTool, ...]]) -> None:
        """Open, list, wait for the end, close; all in this task."""
        try:
            await self._serve(ready)
            why = ""
        except BaseExceptionGroup as group:
            why = _reason(group)
        except Exception as error:  # the edge of somebody else's code
            why = _reason(error)
        finally:
            self._session = None
        self.ended = f"MCP server {self.spec.name} {'ended' if not why else f'failed: {why}'}"
        if not ready.done():
            ready.set_exception(ToolError(self.ended))
        elif not self._stop.is_set():
            self._told(f"{self.ended}. Its tools answer with an error from now on.")

    async def _serve(self, ready: asyncio.Future[tuple[ListedTool, ...]]) -> None:
        import anyio
        from mcp import ClientSession
        from mcp.client.stdio import StdioServerParameters, stdio_client

        spec = self.spec
        passed = {name: self._environ[name] for name in spec.pass_env if name in self._environ}
        program, *arguments = spec.command
        env = passed | dict(spec.env or {})
        how = StdioServerParameters(command=program, args=arguments, env=env, cwd=spec.cwd or None)
        gone = asyncio.Event()
        async with stdio_client(how, errlog=self._log or sys.stderr) as (read, write):
            to_session, from_server = anyio.create_memory_object_stream[Any](16)

            async def pump() -> None:
                """The session does not say when its server is gone; the end of this stream does."""
                try:
                    async with to_session:
                        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                            async for message in read:
                                await to_session.send(message)
                finally:
                    gone.set()

            pumping = spawn(pump())
            try:
                async with ClientSession(from_server, write) as session:
                    await self._until_listed(session, ready, gone)
                    self._session = session
                    await self._until_over(gone)
                    self._session = None
            finally:
                pumping.cancel()
                await asyncio.wait((pumping,))

    async def _until_listed(
        self, session: ClientSession, ready: asyncio.Future[tuple[ListedTool, ...]], gone: asyncio.Event
    ) -> None:
        listing = asyncio.ensure_future(listed(session))
        leaving = asyncio.ensure_future(self._until_over(gone))
        try:
            await asyncio.wait((listing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not listing.done():
                raise ToolError("it ended before it told its tools")
            tools = listing.result()
        finally:
            for task in (listing, leaving):
                task.cancel()
            await asyncio.gather(listing, leaving, return_exceptions=True)
        if not ready.done():
            ready.set_result(tools)

    async def _until_over(self, gone: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (gone, self._stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def listed(session: ClientSession) -> tuple[ListedTool, ...]:
    """Every tool, page by page; bounded, because a server may go on for ever."""
    from mcp_types import PaginatedRequestParams

    await session.initialize()
    tools: list[ListedTool] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        tools += [_as_offered(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
        cursor = page.next_cursor
        if not cursor or len(tools) >= MOST_TOOLS:
            break
    return tuple(tools[:MOST_TOOLS])


def _as_offered(name: str, description: str, schema: dict[str, Any]) -> ListedTool:
    """Services refuse an object without `properties`, and with it every other setting of the same update."""
    parameters = {"type": "object", "properties": {}} | dict(schema)
    return ListedTool(name, description[:LONGEST_DESCRIPTION], parameters)


def result_text(result: Any) -> str:
    """The texts of a result; of what is no text only what and how large it is."""
    parts = []
    for block in result.content:
        if block.type == "text":
            parts.append(block.text)
        elif block.type in ("image", "audio"):
            parts.append(f"[{block.type} {block.mime_type}, {len(block.data) * 3 // 4} bytes left out]")
        elif block.type == "resource_link":
            parts.append(f"[resource {block.name}: {block.uri}]")
        elif block.type == "resource" and isinstance(text := getattr(block.resource, "text", None), str):
            parts.append(text)
        else:
            parts.append(f"[{block.type} left out]")
    if not parts and result.structured_content is not None:
        import json

        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def caller(server: RunningServer, name: str) -> Callable[[dict[str, Any]], Any]:
    """How a tool of this server is run."""
    return partial(server.call, name)


def _reason(error: BaseException) -> str:
    """The first cause, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return f"there is no program {error.filename or ''}".rstrip()
    if f"{error}" == "Connection closed":  # the package's words; the server's own went to the log
        return "it ended before it told its tools (why stands in the engine's log)"
    return " ".join(f"{error}".split())[:200] or type(error).__name__
