"""What rules announce to each other, handled in the same step; the last family of `events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interrupter = Literal["you", "barge-in", "push-to-talk", "server", "line", "device"]


@dataclass(frozen=True, slots=True)
class ReplyWanted:
    """Somebody may want an answer to `item_id` (empty: to the conversation as it stands)."""

    item_id: str = ""
    why: Literal["transcript", "push-to-talk", "local", "text", "tool", "greeting", "again"] = "text"


@dataclass(frozen=True, slots=True)
class AnswerAskedByHand:
    """A `response.create` written by hand is on its way; the answer it brings has the one slot (R12)."""

    event_id: str


@dataclass(frozen=True, slots=True)
class AnswerInterrupted:
    """The running answer ends here. `pre_roll` seconds before now are the user's and must reach the server."""

    by: Interrupter
    pre_roll: float = 0.0


@dataclass(frozen=True, slots=True)
class TalkBegan:
    """A press was accepted; what the server has heard before is not part of this turn (R6)."""


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """The last sample of a push-to-talk turn has left. `spoken` seconds lay between press and release (R18)."""

    spoken: float


@dataclass(frozen=True, slots=True)
class TalkDropped:
    """A push-to-talk turn is given up: muted, or never heard by a server."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """R11: the barge-in granted at `granted_at` was noise."""

    granted_at: float


@dataclass(frozen=True, slots=True)
class LineReleased:
    """R30: whatever ran is ended, the line may go. `anew`: and a new one is wanted."""

    anew: bool = False


@dataclass(frozen=True, slots=True)
class TurnsRemembered:
    """R27: these turns of the old line were given to the new one as text items: (key of the turn, id of the item)."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TurnSpoken:
    """A push-to-talk turn or a locally detected segment was committed; the server will name its item."""

    by: Literal["push-to-talk", "local"]


@dataclass(frozen=True, slots=True)
class ConfigurationInForce:
    """R21: user audio may flow from now on."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something the user should read: what happened, then the next step. Repeats collapse."""

    level: Literal["info", "warning", "error"]
    text: str
    code: str = ""
