"""`voicechat mcp`: the acts of `voicechat debug` as a Model Context Protocol server over standard input and output.

Sessions that it starts end with it. What a tool returns is the object that the command prints with --json.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from voicechat import __version__
from voicechat.cli.commands import DEBUG, Command, Parameter as Described
from voicechat.cli.debug import begin, perform
from voicechat.errors import VoiceChatError
from voicechat.tools.mcp_servers import require_package

if TYPE_CHECKING:
    from voicechat.engine.host import EngineProcess

GUIDE = """\
# Debugging a realtime voice agent with voicechat

A session is a conversation with a Realtime service (OpenAI's, any compatible one, or the built-in local server),
without microphone and loudspeaker. You drive it one turn at a time.

1. `start` connects. Give `session` the configuration to test; without a provider the local server answers, free.
2. `say` something: `text` types it, `spoken` says it in a local English voice, `wav` plays a recording as the
   microphone. It returns when the response has ended: `outcome`, `transcript` of both sides, `times` in seconds since
   your last word, `tools` that were called, and `findings`: problems that are new since the last call.
   Speech tests turn detection, transcription and interruption; typed text everything else, and faster.
3. When there is a finding, or `outcome` is not `done`, call `why`: cause, cure and evidence of everything found so far.
   A finding's `repair` is a list of {field, value}: pass each to `set`. Where it is empty, `cure` says what to change;
   `session_in_force` is what the service really uses, `left_out_fields` are those that it refused.
4. `set` sends session.update for that one field and waits: `done` means in force, `refused` says why not.
5. `say` the same again. Repaired: `outcome` is `done` and no finding is new. `why` goes on listing those of the past.

`tool_waits`: the agent under test calls a tool that is not approved: `decide`, then `hear`.
`timeout`: the response still runs, `hear` waits on. `events` shows the wire; an evidence's `seq` is its number there.
A `lost` connection comes back by itself within seconds. `stop` hangs up; paid services charge for what is said.
"""
BRIEF = "Drive a voice session one turn at a time, and ask why it went wrong. Read the guide debug_voice_agent."


def mcp_command() -> int:
    """Serve until the client is gone. Raises ConfigError without the package."""
    require_package()
    sessions = _Sessions()
    try:
        _server(sessions).run("stdio")
    finally:
        sessions.close()
    return 0


class _Sessions:
    """The engines that were started here. Each call runs in a thread of its own."""

    def __init__(self) -> None:
        self._engines: dict[int, EngineProcess] = {}

    def close(self) -> None:
        """End every session that was started here."""
        while self._engines:
            self._engines.popitem()[1].close()

    def start(
        self,
        provider: str = "",
        model: str = "",
        url: str = "",
        session: dict[str, Any] | None = None,
        instructions: str = "",
        transport: str = "",
        turn_mode: str = "",
    ) -> dict[str, Any]:
        """Connect to a realtime voice service and begin a session. Call this first.

        provider: local (default: built in, free, no key), openai, azure, ...; its key is in the server's environment.
        url: base URL of any other compatible service. session: the session configuration to test (the `session` of a
        session.update, GA fields such as max_output_tokens or audio.input.turn_detection); what is left out keeps its
        default. transport: auto, webrtc, websocket. turn_mode: hands-free (the service detects turns), push-to-talk.
        Returns `session`, its number; every other tool uses the newest session unless told another number.
        """
        flags = {"provider": provider, "model": model, "base_url": url, "instructions": instructions}
        flags |= {"transport": transport, "turn_mode": turn_mode}
        with tempfile.TemporaryDirectory(prefix="voicechat-mcp-") as folder, _as_tool_errors():
            if session is not None:
                flags["session"] = str(Path(folder, "session.json"))
                Path(folder, "session.json").write_text(json.dumps(session), encoding="utf-8")
            engine = begin({name: value for name, value in flags.items() if value}, None)
            self._engines[engine.pid] = engine
            return perform("status", engine.pid, {})

    def tool(self, command: Command) -> Callable[..., dict[str, Any]]:
        """An act of `voicechat debug` as a function with its parameters."""

        def tool(session: int, **given: Any) -> dict[str, Any]:
            number = session or next(reversed(self._engines), 0)
            with _as_tool_errors():
                result = perform(command.name, number, given)
            if command.name == "stop" and (engine := self._engines.pop(number, None)) is not None:
                engine.close()
            return result

        tool.__signature__ = Signature(  # type: ignore[attr-defined]  # where the package looks for the parameters
            [_parameter(one) for one in command.own if one.name != "as_json"], return_annotation=dict[str, Any]
        )
        return tool


def _parameter(one: Described) -> Parameter:
    from pydantic import Field

    default = Parameter.empty if one.is_required else one.default
    kind: Any = Any if one.kind is object else one.kind
    about = Field(description=one.about)
    return Parameter(one.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about])


@contextmanager
def _as_tool_errors() -> Iterator[None]:
    """What the client's model reads of an error: what happened and the next step."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        yield
    except VoiceChatError as error:
        raise ToolError(f"{error}") from error


def _server(sessions: _Sessions) -> Any:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("voicechat", instructions=BRIEF, version=__version__, log_level="ERROR")
    server.add_tool(sessions.start)
    for command in DEBUG[1:]:
        server.add_tool(sessions.tool(command), command.name, description=command.about)
    server.prompt("debug_voice_agent", description="How to find and repair what is wrong with a voice agent.")(_guide)
    server.resource("voicechat://guide", name="guide", mime_type="text/markdown")(_guide)
    return server


def _guide() -> str:
    """How to debug a realtime voice agent with these tools."""
    return GUIDE
