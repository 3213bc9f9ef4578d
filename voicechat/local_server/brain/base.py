"""The contract between the dialogue and whatever answers it.

A brain gets one `Turn` (everything it may know, as plain data) and yields what it wants done, in order: sentences to
speak, tools to call, timers to start. It never speaks, sends or waits for a timer itself.
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
class SessionFacts:
    """What the server measured in this session. Seconds; None where nothing was measured yet."""

    connected_for: float = 0.0
    user_turns: int = 0
    user_speech: float = 0.0
    """All seconds of speech of the user so far."""
    last_user_speech: float | None = None
    """Seconds of the user's last utterance."""
    last_heard_after: float | None = None
    """From the end of that speech to its transcript."""
    last_answered_after: float | None = None
    """From the end of the user's speech to the first sound of the last answer."""
    answers: int = 0
    interruptions: int = 0
    """How often the user cut in."""


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
    facts: SessionFacts = SessionFacts()
    by_voice: bool = True
    """Heard by the recogniser (which mishears) rather than typed."""


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


@dataclass(frozen=True, slots=True)
class StartTimer:
    """After `seconds`, say `ring_text` in a response of its own, without being asked."""

    seconds: float
    label: str = ""
    """What the user called it ("pasta"), or its length ("5 minute"); may be empty."""
    reminder: str = ""
    """What the user wanted to be reminded of."""

    @property
    def ring_text(self) -> str:
        """What is spoken when the time is up."""
        if self.reminder:
            return f"Ring, ring! You wanted me to remind you: {self.reminder}."
        name = f"your {self.label} timer" if self.label else "your timer"
        return f"Ring, ring! Time is up: {name} has finished."


@dataclass(frozen=True, slots=True)
class StopTimers:
    """Forget every timer that is still running."""


Output = Say | CallTool | StartTimer | StopTimers


class Brain(Protocol):
    """Answers turns. One brain serves one session: it may remember what that session told it."""

    @property
    def label(self) -> str:
        """What the status line shows: `built-in` or `ollama/<model>`."""
        ...

    def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield what is to be done, as early as each piece is known. Closing the iterator cancels the answer."""
        ...
