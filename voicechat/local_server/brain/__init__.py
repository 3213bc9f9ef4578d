"""The contract between the dialogue and whatever answers it.

A brain gets one `Turn` (everything it may know, as plain data) and yields what it wants done, in order: sentences to
speak, tools to call. It never speaks or sends itself. `chat_server.choose_brain()` picks one: a chat server found on
this computer, or the practice partner (`partner`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the client offers to run (`session.tools` of type `function`)."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """JSON schema of the arguments, as the client sent it; not to be trusted."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """One call made for this turn, with what the client gave back for it."""

    call_id: str
    name: str
    arguments: str
    """JSON text of the arguments."""
    output: str
    """What the client returned: JSON text or plain words."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything a brain may know when it answers."""

    text: str
    """What the user said or typed last; empty where a reply was asked for without one."""
    now: datetime
    """Local time with its zone."""
    history: tuple[tuple[Role, str], ...] = ()
    """Earlier turns, oldest first, without `text`; answers as far as they were heard."""
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the function that must be called."""
    tool_outputs: tuple[ToolOutput, ...] = ()
    """Calls already answered within this turn; when there are any, the brain goes on from them."""
    by_voice: bool = True
    """Heard by the recogniser (which mishears) rather than typed."""
    has_picture: bool = False
    """A picture came with it, which no brain is shown."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak this: one or more whole sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Ask the client to run a function. Ends the response; the outputs come back in the next `Turn`."""

    name: str
    arguments: str
    """JSON text of an object."""


Output = Say | CallTool


class Brain(Protocol):
    """Answers turns. One brain serves one session: it may remember what that session told it."""

    @property
    def label(self) -> str:
        """What the status line shows: `built-in` or `ollama/<model>`."""
        ...

    def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield what is to be done, as early as each piece is known. Closing the iterator cancels the answer."""
        ...
