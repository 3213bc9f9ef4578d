"""`voicechat mcp`: the acts of `voicechat debug` as a Model Context Protocol server over standard input and output.

Sessions that it starts end with it. What a tool returns is the object that the command prints with --json.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from voicechat import __version__
from voicechat.cli.commands import DEBUG, Command, Parameter, shared
from voicechat.cli.debug import begin, perform
from voicechat.errors import VoiceChatError, require_extra

if TYPE_CHECKING:
    from voicechat.engine.host import EngineProcess

GUIDE = """\
# Debugging a realtime voice agent with voicechat

A session is a conversation with a Realtime service (OpenAI's, any compatible one, or the built-in local server),
without microphone and loudspeaker. You drive it one turn at a time.

1. `start` connects. Give `session` the configuration to test; without a provider the local server answers, free and
   without a key. Keys of other services are in this server's environment; `base_url` is any compatible one.
   Acts without another `session` are for the one that was started last.
2. `say` something; it returns when the response has ended. `times` are seconds since your last word. Speech (`spoken`,
   `wav`) tests turn detection, transcription and interruption; typed text everything else, and faster.
3. When there is a finding, or `outcome` is not `done`, call `why`: cause, cure and evidence of everything found so far.
   `session_in_force` is what the service really uses, `left_out_fields` are those that it refused.
4. Pass each {field, value} of a finding's `repair` to `set`; where it is empty, `cure` says what to change.
5. `say` the same again. Repaired: `outcome` is `done` and no finding is new. `why` goes on listing those of the past.

`tool_waits`: the agent under test calls a tool that is not approved: `decide`, then `hear`.
`timeout`: the response still runs, `hear` waits on. `events` shows the wire; an evidence's `seq` is its number there.
A `lost` connection comes back by itself within seconds. `stop` hangs up; paid services charge for what is said.
"""
BRIEF = "Drive a voice session one turn at a time, and ask why it went wrong. Read the guide debug_voice_agent."


STARTS = (
    *shared("provider", "base_url", "model", "instructions", "transport", "turn_mode"),
    Parameter("session", about="The session configuration to test, as in session.update (GA fields).", kind=object),
)


def mcp_command() -> int:
    """Serve until the client is gone; the sessions that were started here end then. Raises ConfigError without the
    package."""
    require_extra("mcp", "voicechat mcp needs", "mcp", "mcp_types")
    from mcp.server.mcpserver import MCPServer

    engines: dict[int, EngineProcess] = {}
    server = MCPServer("voicechat", instructions=BRIEF, version=__version__, log_level="ERROR")
    for command in DEBUG:
        server.add_tool(_tool(command, engines), command.name, description=command.about)
    about = "How to find and repair what is wrong with a voice agent."
    server.prompt("debug_voice_agent", description=about)(lambda: GUIDE)
    server.resource("voicechat://guide", name="guide", description=about, mime_type="text/markdown")(lambda: GUIDE)
    try:
        server.run("stdio")
    finally:
        for engine in engines.values():
            engine.close()
    return 0


def _tool(command: Command, engines: dict[int, EngineProcess]) -> Callable[..., dict[str, Any]]:
    """An act of `voicechat debug` as a function with its parameters; each call runs in a thread of its own."""
    is_start = command.name == "start"

    def tool(**given: Any) -> dict[str, Any]:
        from mcp.server.mcpserver.exceptions import ToolError

        try:
            if is_start:
                engine, result = _begun(**given)
                engines[engine.pid] = engine
                return result
            number = given.pop("session") or next(reversed(engines), 0)
            result = perform(command.name, number, given)
        except VoiceChatError as error:
            raise ToolError(str(error)) from error  # what happened and the next step, for the client's model
        if command.name == "stop" and number in engines:
            engines.pop(number).close()
        return result

    parameters = STARTS if is_start else [one for one in command.own if one.name != "as_json"]
    tool.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # where the package looks for the parameters
        [_described(one) for one in parameters], return_annotation=dict[str, Any]
    )
    return tool


def _begun(session: object, **flags: object) -> tuple[EngineProcess, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="voicechat-mcp-") as folder:
        if session:
            file = Path(folder, "session.json")
            file.write_text(json.dumps(session), encoding="utf-8")
            flags["session"] = str(file)
        return begin(flags, None)


def _described(one: Parameter) -> inspect.Parameter:
    from pydantic import Field

    default = inspect.Parameter.empty if one.is_required else one.default
    kind: Any = Any if one.kind is object else one.kind | None if one.is_setting else one.kind
    about = Field(description=one.about)
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about]
    )
