"""What flowed through a session, in the form that logs, tapes and inspectors share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct


class Happening(Struct, frozen=True):
    """One event with its time: wire events as on the wire, local ones with a `type` such as `mic.closed`."""

    at: float
    """Seconds on the session's monotonic clock."""
    dir: Literal["in", "out", "local"]
    event: dict[str, Any]
    size: int = 0
    """Bytes on the wire; 0 for local events."""
    notes: tuple[str, ...] = ()
    """What the decoder had to mend."""
    tags: tuple[str, ...] = ()
    """What the type does not say, such as `mine` for an event the user typed."""
    added: float | None = None
    """Seconds that a tap has kept it before it was passed on."""


TRANSLATED = ("translated",)
"""The tag of events that were made here of what another protocol said: what really came or left stands beside them."""


Watch = Callable[[Happening], None]


def in_session_time(event: Mapping[str, Any], started_at: float) -> dict[str, Any]:
    """Our own facts name moments of a monotonic clock (`began_at`); readers have session time only."""
    return {
        name: round(value - started_at, 6) if name.endswith("_at") and isinstance(value, int | float) else value
        for name, value in event.items()
    }
