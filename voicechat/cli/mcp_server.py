"""`voicechat mcp`: the acts of `voicechat debug` as a Model Context Protocol server over standard input and output.

Sessions that it starts end with it. What a tool returns is the object that the command prints with --json.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicechat import __version__
from voicechat.cli.debug import ask, begin, sound_file
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
    """The tools, and the engines that were started with them. Each call runs in a thread of its own."""

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
        with ExitStack() as stack:
            if session is not None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicechat-mcp-")))
                (folder / "session.json").write_text(json.dumps(session), encoding="utf-8")
                flags["session"] = str(folder / "session.json")
            stack.enter_context(_as_tool_errors())
            engine = begin({name: value for name, value in flags.items() if value}, None)
        self._engines[engine.pid] = engine
        return self._ask(engine.pid, {"verb": "status"})

    def say(
        self, text: str = "", spoken: str = "", wav: str = "", timeout: float = 60.0, session: int = 0
    ) -> dict[str, Any]:
        """Say one thing to the agent and wait until its response has ended.

        Give one of: text (a typed message), spoken (English words, said by a local voice as the microphone), wav (path
        of a recording, played as the microphone). Returns outcome (done, failed, no_response, timeout, tool_waits,
        lost), transcript, times (seconds), tools, and findings: the problems that are new, each with its cure and
        repair [{field, value}], ready for `set`. An empty list of findings means that this turn went well.
        """
        if sum(map(bool, (text, spoken, wav))) != 1:
            return {"outcome": "usage", "reason": "give one of text, spoken, wav"}
        with _as_tool_errors(), sound_file(Path(wav) if wav else None, spoken) as file:
            what = {"file": file} if file else {"text": text}
            return self._ask(session, {"verb": "say", "timeout": timeout, **what})

    def hear(self, timeout: float = 60.0, session: int = 0) -> dict[str, Any]:
        """Wait for the end of the next (or still running) response; timeout 0 only tells what was said meanwhile."""
        return self._ask(session, {"verb": "hear", "timeout": timeout})

    def events(self, count: int = 20, type: str = "", after: int = -1, session: int = 0) -> dict[str, Any]:
        """The last `count` events, on the wire (in, out) and local. type: only names that begin so. after: only behind
        this number (`seq`)."""
        return self._ask(session, {"verb": "events", "count": count, "type": type, "after": after})

    def why(self, session: int = 0) -> dict[str, Any]:
        """The diagnosis so far: every finding with its cause, cure, evidence and repair [{field, value}] (ready for
        `set`), the fields the service refused, and the session configuration that is in force."""
        return self._ask(session, {"verb": "why"})

    def set(self, field: str, value: Any, session: int = 0) -> dict[str, Any]:
        """Change one field of the session: sends session.update and waits for the service's answer.

        field: dotted path such as max_output_tokens or audio.input.turn_detection.threshold. value: any JSON value.
        outcome done: it is in force. refused: `reason` says why, and `in_force` what holds instead.
        """
        return self._ask(session, {"verb": "set", "field": field, "value": value, "timeout": 10.0})

    def decide(self, call_id: str, allow: bool, reason: str = "", session: int = 0) -> dict[str, Any]:
        """Allow or deny a tool call of the agent that waits for approval (outcome tool_waits); then call `hear`.

        reason: why not, for the agent.
        """
        return self._ask(session, {"verb": "decide", "call": call_id, "allow": allow, "reason": reason})

    def stop(self, session: int = 0) -> dict[str, Any]:
        """Hang up and end a session."""
        number = self._newest(session)
        result = self._ask(number, {"verb": "stop"})
        if (engine := self._engines.pop(number, None)) is not None:
            engine.close()
        return result

    def _newest(self, session: int) -> int:
        return session or next(reversed(self._engines), 0)

    def _ask(self, session: int, request: dict[str, Any]) -> dict[str, Any]:
        with _as_tool_errors():
            return ask(self._newest(session), request)


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
    of = sessions
    for tool in (of.start, of.say, of.hear, of.events, of.why, of.set, of.decide, of.stop):
        server.add_tool(tool)
    server.prompt("debug_voice_agent", description="How to find and repair what is wrong with a voice agent.")(_guide)
    server.resource("voicechat://guide", name="guide", mime_type="text/markdown")(_guide)
    return server


def _guide() -> str:
    """How to debug a realtime voice agent with these tools."""
    return GUIDE
