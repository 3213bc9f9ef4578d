"""What is sent to a chat server and what comes back, as plain data: messages, functions, pieces of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from voicechat.local_server.brain.base import CallTool, Turn

SPOKEN_STYLE = (
    "Your answers are spoken aloud by a voice. Answer in one to three short plain sentences, without markdown, lists, "
    "emoji or code. Speak English. The user's words come from a speech recogniser and may be misheard."
)
_MOST_HISTORY = 40
_LONGEST_ARGUMENTS = 100_000


def request_of(turn: Turn, model: str) -> dict[str, object]:
    """The body of `POST /v1/chat/completions` for this turn, streaming."""
    body: dict[str, object] = {"model": model, "messages": _messages(turn), "stream": True}
    if turn.tools and turn.tool_choice != "none":
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
                },
            }
            for tool in turn.tools
        ]
        named = turn.tool_choice not in ("auto", "required")
        choice: object = {"type": "function", "function": {"name": turn.tool_choice}} if named else turn.tool_choice
        body["tool_choice"] = "auto" if turn.tool_outputs else choice
    return body


def _messages(turn: Turn) -> list[dict[str, object]]:
    system = f"{turn.instructions}\n\n{SPOKEN_STYLE}\nIt is {turn.now:%A, %d %B %Y, %H:%M}.".strip()
    messages: list[dict[str, object]] = [{"role": "system", "content": system}]
    messages += [{"role": role, "content": text} for role, text in turn.history[-_MOST_HISTORY:] if text.strip()]
    if turn.text.strip():
        messages.append({"role": "user", "content": turn.text})
    for output in turn.tool_outputs:
        call = {"id": output.call_id, "type": "function"}
        call_made = {**call, "function": {"name": output.name, "arguments": output.arguments}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call_made]})
        messages.append({"role": "tool", "tool_call_id": output.call_id, "content": output.output})
    return messages


@dataclass(frozen=True, slots=True)
class Piece:
    """One server-sent event of a streamed answer, as far as we use it."""

    text: str = ""
    calls: tuple[tuple[int, str, str], ...] = ()
    """Parts of function calls: index, name (or empty), a piece of the arguments."""
    error: str = ""


def piece_in(line: str) -> Piece | None:
    """The piece in one line of the stream; None for blanks, comments, `[DONE]` and what is no JSON object."""
    data = line.strip().removeprefix("data:").strip()
    if not line.startswith("data:") or data in ("", "[DONE]"):
        return None
    try:
        event: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, Mapping):
        return None
    if error := event.get("error"):
        return Piece(error=str(error.get("message", error) if isinstance(error, Mapping) else error)[:200])
    delta = _delta(event)
    content = delta.get("content")
    return Piece(content if isinstance(content, str) else "", _calls(delta.get("tool_calls")))


def _delta(event: Mapping[object, object]) -> Mapping[object, object]:
    choices = event.get("choices")
    first: object = choices[0] if isinstance(choices, list) and choices else None
    delta: object = first.get("delta") if isinstance(first, Mapping) else None
    return delta if isinstance(delta, Mapping) else {}


def _calls(calls: object) -> tuple[tuple[int, str, str], ...]:
    found = []
    for at, call in enumerate(calls if isinstance(calls, list) else []):
        function: object = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(call, Mapping) and isinstance(function, Mapping):
            index = call.get("index")
            name, arguments = function.get("name"), function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
            found.append((index if isinstance(index, int) else at, name if isinstance(name, str) else "", text))
    return tuple(found)


@dataclass
class CallsInPieces:
    """Function calls put together from their pieces."""

    _names: dict[int, str] = field(default_factory=dict)
    _arguments: dict[int, str] = field(default_factory=dict)

    def add(self, piece: Piece) -> None:
        """Take what the piece has."""
        for index, name, arguments in piece.calls:
            self._names[index] = self._names.get(index, "") or name
            self._arguments[index] = (self._arguments.get(index, "") + arguments)[:_LONGEST_ARGUMENTS]

    def whole(self) -> tuple[CallTool, ...]:
        """The calls, in the model's order."""
        return tuple(
            CallTool(name, self._arguments[index] or "{}") for index, name in sorted(self._names.items()) if name
        )


@dataclass
class WithoutThoughts:
    """Drops `<think>...</think>`, which some local models write before they answer, from a stream of text."""

    _held: str = ""
    _thinking: bool = False

    def feed(self, text: str) -> str:
        """The part of the text so far that is meant to be heard."""
        self._held += text
        spoken = ""
        while self._held:
            tag = "</think>" if self._thinking else "<think>"
            before, found, after = self._held.partition(tag)
            if found:
                spoken += "" if self._thinking else before
                self._held, self._thinking = after, not self._thinking
                continue
            keep = next((size for size in range(len(tag) - 1, 0, -1) if self._held.endswith(tag[:size])), 0)
            cut = len(self._held) - keep
            spoken += "" if self._thinking else self._held[:cut]
            self._held = self._held[cut:]
            break
        return spoken

    def finish(self) -> str:
        """What was held back because it might have become a tag."""
        held, self._held = self._held, ""
        return "" if self._thinking else held
