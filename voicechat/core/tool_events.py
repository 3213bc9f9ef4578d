"""What happens to the tools of a talk, and what the rules tell each other about calls. A part of `events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ToolPolicy = Literal["ask", "always", "never"]
"""Whether a tool runs only when the user allows the call, at once, or not at all."""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that can be run here, by the name the model calls it."""

    name: str
    policy: ToolPolicy = "ask"


@dataclass(frozen=True, slots=True)
class ToolsOffered:
    """What can be run here from now on, and all of it: `definitions` is what the session says of it (GA)."""

    offers: tuple[ToolOffer, ...]
    definitions: tuple[dict[str, Any], ...] = ()
    are_all: bool = True
    """False: more are on their way (a server that is still starting)."""


@dataclass(frozen=True, slots=True)
class ToolsNoted:
    """Something about the tools that the user should read."""

    text: str
    level: Literal["info", "warning", "error"] = "warning"


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A call that was run has ended. `output` goes to the model; `failed` says why it did not work, for the user."""

    call_id: str
    output: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class ToolsCalled:
    """An answer ended with calls of these ids that are answered here; the reply waits for all of them (R13)."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolMoved:
    """A call waits for the user's word, runs, or will never be answered (`dropped`, and why)."""

    call_id: str
    stage: Literal["asked", "running", "dropped"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The output of a call has left as `item_id`. `asks`: an answer to it is wanted, once all are there (R13)."""

    call_id: str
    item_id: str
    output: str = ""
    failed: str = ""
    seconds: float | None = None
    """How long it ran; None if it never did."""
    asks: bool = True
