"""Everything the model may call in one talk: gathered, offered to the session, and run (the session's `ToolPort`).

The user's own file is run before anybody is called, so that what is wrong with it is told at once. Local MCP servers
take their time and join while the talk goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from voicechat.config.settings import Settings
from voicechat.core.effects import ToolEffect
from voicechat.core.events import Event, ToolOffer, ToolsNoted, ToolsOffered
from voicechat.errors import ConfigError
from voicechat.tasks import sentence, spawn
from voicechat.tools.functions import LoadedFile, load_file, tools_of
from voicechat.tools.mcp_config import LocalServer, RemoteServer, servers_of
from voicechat.tools.policy import EVERY, rule_for
from voicechat.tools.runner import Runner
from voicechat.tools.stand_ins import StandIns
from voicechat.tools.threads import LoopThread
from voicechat.tools.tool import Tool, ToolError, fits_as_name

Tell = Callable[[Event], None]
LONGEST_LIST = 8
"""Tools named in a sentence."""


class Toolbox:
    """`load` before the talk, `perform` in it, `close` after it."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        tell: Tell,
        functions: Sequence[Callable[..., Any]] = (),
    ) -> None:
        """`functions`: those of a program that uses the Python API. Raises ConfigError for an unfit `[mcp.NAME]`."""
        self._settings = settings
        self._environ = environ
        self._tell = tell
        self._functions = tuple(functions)
        self._local, self._remote = servers_of(settings.mcp)
        self._runner = Runner(tell)
        self._loop = LoopThread()
        self._tools: dict[str, Tool] = {}
        self._starting: list[asyncio.Task[None]] = []
        self._awaited = 0
        """Local servers that are still starting."""
        self._servers: list[Any] = []
        self.stand_ins = StandIns()
        self._remote_definitions: tuple[dict[str, Any], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nobody configured any tool."""
        return not (self._settings.tools or self._functions or self._local or self._remote)

    async def load(self) -> None:
        """Read everything that is known at once and begin to start the rest. Raises ConfigError."""
        if self.is_empty:
            return
        if self._local:
            from voicechat.tools.mcp_servers import require_package

            require_package()
        files = [LoadedFile("", self._functions)] if self._functions else []
        files += [await load_file(Path(name).expanduser()) for name in self._settings.tools]
        for loaded in files:
            for tool in tools_of(loaded, self._settings.tool_rules, self._settings.allow_tools, self._loop):
                if tool.name in self._tools:
                    where = self._tools[tool.name].origin
                    raise ConfigError(f"{tool.origin} and {where} both have {tool.name}", hint="rename one of them")
                self._tools[tool.name] = tool
        self._remote_definitions = tuple(self._definition_of(server) for server in self._remote)
        self._awaited = len(self._local)
        self._offer()
        self._starting = [self._spawn_start(spec) for spec in self._local]

    def perform(self, effect: ToolEffect) -> None:
        """Run a call, or drop those that run."""
        self._runner.perform(effect)

    async def close(self) -> None:
        """End every call and every server."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await self._runner.close()
        await asyncio.gather(*(server.close() for server in self._servers), return_exceptions=True)
        self._loop.close()

    def _definition_of(self, server: RemoteServer) -> dict[str, Any]:
        token = ""
        if server.token_env:
            secret = self._environ.get(server.token_env, "").strip()
            if not secret:
                raise ConfigError(
                    f"[mcp.{server.name}] {server.token_env} is not set", hint="export it, then try again"
                )
            token = self.stand_ins.stand_in(server.name, secret)
        return server.definition(token)

    def _offer(self) -> None:
        """What is never to run is not offered either; the runner need not know it."""
        usable = {name: tool for name, tool in self._tools.items() if tool.rule.approval != "never"}
        self._runner.tools = usable
        offers = tuple(ToolOffer(tool.name, tool.rule.approval) for tool in self._tools.values())
        definitions = (*(tool.definition for tool in usable.values()), *self._remote_definitions)
        self._tell(ToolsOffered(offers, definitions, are_all=self._awaited == 0))

    def _spawn_start(self, spec: LocalServer) -> asyncio.Task[None]:
        return spawn(
            self._start(spec), lambda error: self._without(f"MCP server {spec.name} failed: {sentence(error)}")
        )

    async def _start(self, spec: LocalServer) -> None:
        from voicechat.tools.mcp_servers import RunningServer

        server = RunningServer(spec, self._environ, lambda words: self._tell(ToolsNoted(words, "warning")))
        self._servers.append(server)
        try:
            listed = await server.start()
        except ToolError as error:
            self._without(str(error))
            return
        from voicechat.tools.mcp_servers import caller

        rules = self._settings.tool_rules
        if spec.rule:  # a rule for this server beats what is meant for all tools
            rules = {**rules, EVERY: spec.rule}
        names: list[str] = []
        for one in listed:
            name = self._name_for(spec.name, one.name)
            if not name:
                continue
            rule = rule_for(name, {}, rules, self._settings.allow_tools)
            self._tools[name] = Tool(name, one.description, one.parameters, rule, caller(server, one.name), spec.name)
            names.append(name)
        self._awaited -= 1
        self._offer()
        told = ", ".join(names[:LONGEST_LIST]) + (
            f" and {len(names) - LONGEST_LIST} more" if names[LONGEST_LIST:] else ""
        )
        self._tell(ToolsNoted(f"MCP server {spec.name} is here: {told or 'it has no tools'}.", "info"))

    def _without(self, reason: str) -> None:
        self._awaited -= 1
        self._offer()
        self._tell(ToolsNoted(f"{reason}. The talk goes on without its tools.", "warning"))

    def _name_for(self, server: str, name: str) -> str:
        """The tool's own name where nobody has it, else with its server's; empty if a service would refuse it."""
        plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)
        for candidate in (plain, f"{server}_{plain}"):
            if fits_as_name(candidate[:64]) and candidate[:64] not in self._tools:
                return candidate[:64]
        return ""
