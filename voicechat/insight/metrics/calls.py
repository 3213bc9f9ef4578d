"""The tool calls of a session: what the model asked for, what came of it, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from voicechat.insight.metrics.turns import Direction
from voicechat.insight.records import part, text

Outcome = Literal["unanswered", "ok", "failed", "dropped"]
MOST_CALLS = 100_000
"""That are kept of one session."""


class ToolCall(Struct):
    """One call, of a function of the client or of a tool that the service runs itself."""

    id: str
    is_ours: bool
    """The client runs it."""
    turn: int | None
    name: str
    began: float | None
    """On the clock of the events, as `ended`; None where they have no time."""
    arguments: object = None
    ended: float | None = None
    output: object = None
    outcome: Outcome = "unanswered"
    why: str = ""


class ToolCalls:
    """Fed with the events of a session in the order they flowed; `by_id` has each call by its id."""

    def __init__(self) -> None:
        self.by_id: dict[str, ToolCall] = {}

    def feed(
        self, at: float | None, direction: Direction, event: Mapping[str, Any], turn: int | None
    ) -> ToolCall | None:
        """Take in one event of the turn with this number; returns the call that ended with it."""
        item, id = part(event, "item"), text(event, "call_id")
        match direction, event.get("type"):
            case "in", "response.output_item.added" | "response.output_item.done" as name:
                return self._called(at, item, turn, is_done=name.endswith("done"))
            case "in", "response.done":
                output = part(event, "response").get("output")
                for one in output[:100] if isinstance(output, list) else ():
                    self._called(at, one if isinstance(one, dict) else {}, turn, is_done=True)
            case "out", "conversation.item.create" if item.get("type") == "function_call_output":
                return self._ended(text(item, "call_id"), at, item.get("output"))
            case "local", "tool.finished":
                return self._ended(id, at, event.get("output"), text(event, "failed"))
            case "local", "tool.moved" if event.get("stage") == "dropped":
                return self._ended(id, at, None, text(event, "why") or "no reason", "dropped")
        return None

    def _called(self, at: float | None, item: Mapping[str, Any], turn: int | None, *, is_done: bool) -> ToolCall | None:
        """A call is told up to three times, that of a function as a whole; one of the service ends with its item."""
        kind, is_ours = item.get("type"), item.get("type") == "function_call"
        if not (kind == "mcp_call" or (is_ours and is_done)) or len(self.by_id) >= MOST_CALLS:
            return None
        id = text(item, "call_id" if is_ours else "id")
        call = self.by_id.setdefault(id, ToolCall(id, is_ours, turn, text(item, "name"), at))
        call.arguments = item.get("arguments") or call.arguments
        if is_ours or not is_done:
            return None
        return self._ended(id, at, item.get("output"), "mcp" if item.get("error") else "")

    def _ended(
        self, id: str, at: float | None, output: object, why: str = "", bad: Outcome = "failed"
    ) -> ToolCall | None:
        """A result may be told twice, and what went wrong with it later."""
        call = self.by_id.get(id)
        if call is not None and call.outcome == "unanswered":
            call.ended, call.output = at, output
        if call is not None and call.outcome in ("unanswered", "ok"):
            call.outcome, call.why = bad if why else "ok", why
        return call
