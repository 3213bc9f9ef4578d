"""Calls of tools that are answered here, as facts. A part of the state; changed by `rules/tools.py` alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.protocol.items import Item


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that is answered here, or one of the service's own that it wants allowed."""

    call_id: str
    """Of an approval: the id of the request."""
    name: str
    arguments: str = ""
    """JSON, as the model wrote it."""
    kind: Literal["function", "approval"] = "function"
    server: str = ""
    """Label of the MCP server, of approvals."""
    response_id: str = ""
    stage: Literal["asked", "running", "finished"] = "asked"
    since: float = 0.0
    """When it got there."""
    output: str = ""
    failed: str = ""
    seconds: float | None = None
    """How long it ran; None if it never did."""
    asks: bool = True
    """An answer to its output is wanted (R13)."""

    @property
    def allowance(self) -> str:
        """What `always` remembers: a tool of a server is not one of the same name here."""
        return f"{self.server}/{self.name}" if self.kind == "approval" else self.name


@dataclass(frozen=True, slots=True)
class Tools:
    """Calls of tools, from the end of the answer that made them until their outputs have left."""

    seen: tuple[tuple[str, Item], ...] = ()
    """(response id, call) of the running answer, for services that leave `response.done.output` empty."""
    calls: tuple[ToolCall, ...] = ()
    """In the order in which the model made them."""
    always: tuple[str, ...] = ()
    """What may run unasked for the rest of the talk."""
    are_all: bool = True
    """Nothing that could be run here is still on its way."""
    sent: int = 0
    """Counts outputs; numbers their items."""
