"""Runs calls: several at once, each within its time, and whatever goes wrong becomes words for the model.

A tool that fails, hangs, exits, prints or returns nonsense never ends the process and never holds up the talk. Every
call that is begun is answered exactly once, unless it was dropped with its line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from voicechat.core.effects import RunTool, ToolEffect
from voicechat.core.events import ToolFinished
from voicechat.tasks import spawn
from voicechat.tools.results import argument_problems, read_arguments, written
from voicechat.tools.threads import TooManyHang, in_thread
from voicechat.tools.tool import Tool, ToolError

AT_ONCE = 4
"""Calls that run side by side; others wait, and their time does not run meanwhile."""
LONGEST_REASON = 300
"""Characters of an error for the model and the user."""


class Failed(Exception):
    """A call that came to nothing; the message is for the model, `short` for the user."""

    def __init__(self, message: str, short: str = "") -> None:
        super().__init__(message)
        self.short = short or message


class Runner:
    """The tools of a talk and the calls that run. Everything but the tools themselves runs on the event loop."""

    def __init__(self, tell: Callable[[ToolFinished], None], at_once: int = AT_ONCE) -> None:
        self.tools: Mapping[str, Tool] = {}
        self._tell = tell
        self._free = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()

    def perform(self, effect: ToolEffect) -> None:
        """Begin a call, or drop them all."""
        if isinstance(effect, RunTool):
            task = spawn(self._run(effect))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        else:
            for task in self._running:
                task.cancel()

    async def close(self) -> None:
        """Nothing is told any more."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, call: RunTool) -> None:
        try:
            output, failed = await self._output_of(call), ""
        except Failed as failure:
            output, failed = json.dumps({"error": str(failure)}, ensure_ascii=False), failure.short
        self._tell(ToolFinished(call.call_id, output, failed))

    async def _output_of(self, call: RunTool) -> str:
        tool = self.tools.get(call.name)
        if tool is None:
            raise Failed(f"There is no tool called {call.name!r}.", "there is no such tool")
        arguments = read_arguments(call.arguments)
        if isinstance(arguments, str):
            raise Failed(arguments)
        limit = tool.rule.time_limit
        async with self._free:
            try:
                async with asyncio.timeout(limit) as clock:
                    if problems := await in_thread(partial(argument_problems, arguments, tool.parameters)):
                        raise Failed(problems)
                    result = await tool.invoke(arguments)
                    return await in_thread(partial(written, result, tool.rule.largest))
            except Failed:
                raise
            except ToolError as error:
                raise Failed(str(error)[:LONGEST_REASON]) from error
            except Exception as error:  # the edge of somebody else's code
                if clock.expired():
                    words = f"{call.name} did not end within {limit:g} s."
                    raise Failed(words, f"no result within {limit:g} s") from error
                raise self._failure(tool, error) from error

    def _failure(self, tool: Tool, error: Exception) -> Failed:
        """The error in one line, with the line of the user's own file; the log has the whole of it."""
        if isinstance(error, TooManyHang):
            return Failed(str(error))
        traceback.print_exception(error, file=sys.stderr)
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == tool.origin), None)
        name = "" if type(error).__name__ == "Escaped" else f"{type(error).__name__}: "
        words = f"{name}{error}".strip().removesuffix(":")[:LONGEST_REASON]
        return Failed(words, f"{words} ({Path(tool.origin).name}, line {line})" if line else words)
