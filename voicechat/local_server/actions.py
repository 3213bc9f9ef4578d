"""What the dialogue asks of the session around it: the few things that take time or a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.brain.base import Turn
from voicechat.protocol.server_events import ServerEvent

Tag: TypeAlias = tuple[int, int]
"""Which voice a recognition has seen: (bursts of voice, milliseconds of voice in the last). Equal tags, equal words."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Turn sound into words, then call `Dialogue.recognised` with the same id and tag."""

    item_id: str
    tag: Tag
    samples: NDArray[np.int16]
    """16 kHz mono."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Make an answer: first say `preamble` (if any), then what the brain says to `turn` (if any).

    Pieces go to `Dialogue.wrote` or, spoken, to `Dialogue.voiced`; the end is `Dialogue.answered`.
    """

    response_id: str
    turn: Turn | None
    preamble: str = ""
    is_spoken: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class StopReply:
    """Nobody wants the rest of this answer: stop thinking and synthesising."""

    response_id: str


Action: TypeAlias = Recognise | Reply | StopReply
Out: TypeAlias = ServerEvent | Action
"""What a step of the dialogue yields, in order: events for the client, actions for the session."""
