"""What the brain is told when an answer is made: the conversation's items as one `Turn`, and their size in tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicechat.local_server.brain.base import Role, ToolOutput
from voicechat.local_server.conversation import Entry
from voicechat.local_server.usage import heard_tokens, text_tokens


@dataclass(frozen=True, slots=True)
class Context:
    """The part of a `Turn` that comes from items."""

    text: str = ""
    """The newest words of the user that nobody has answered."""
    by_voice: bool = False
    history: tuple[tuple[Role, str], ...] = ()
    tool_outputs: tuple[ToolOutput, ...] = ()
    text_tokens: int = 0
    audio_tokens: int = 0


def read_context(entries: Iterable[Entry], instructions: str) -> Context:
    """Turn items into words. Calls and their results count for the turn that is being answered, not for older ones."""
    items = list(entries)
    turn_from = _turn_start(items)
    turn = items[turn_from:]
    spoken = [entry for entry in turn if entry.item.role == "user"]
    tokens = sum(text_tokens(entry.heard_text or entry.item.output or "") for entry in items if not entry.length)
    return Context(
        text=" ".join(entry.heard_text for entry in spoken if entry.heard_text),
        by_voice=any(entry.length > 0 for entry in spoken),
        history=_history(items[:turn_from]),
        tool_outputs=_tool_outputs(turn),
        text_tokens=tokens + text_tokens(instructions),
        audio_tokens=sum(heard_tokens(entry.length) for entry in items if entry.item.role == "user"),
    )


def _turn_start(items: Sequence[Entry]) -> int:
    """Where the turn to be answered begins: the user's messages after the last answer.

    An answer that ended in a function call is no answer yet: the turn goes on with the call's result.
    """
    at = len(items)
    has_result = False
    while at and (items[at - 1].item.role != "assistant" or has_result):
        entry = items[at - 1]
        has_result = has_result or entry.item.type == "function_call_output"
        if has_result and entry.item.role == "user":
            return at - 1
        at -= 1
    return at


def _history(items: Iterable[Entry]) -> tuple[tuple[Role, str], ...]:
    lines: list[tuple[Role, str]] = []
    for entry in items:
        text = entry.heard_text
        if text and entry.item.role in ("user", "assistant"):
            lines.append(("user" if entry.item.role == "user" else "assistant", text))
    return tuple(lines)


def _tool_outputs(items: Sequence[Entry]) -> tuple[ToolOutput, ...]:
    calls = {entry.item.call_id: entry.item for entry in items if entry.item.type == "function_call"}
    outputs = []
    for entry in items:
        call = calls.get(entry.item.call_id) if entry.item.type == "function_call_output" else None
        if call:
            outputs.append(
                ToolOutput(call.call_id or "", call.name or "", call.arguments or "", entry.item.output or "")
            )
    return tuple(outputs)
