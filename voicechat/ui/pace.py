"""How often the screen takes over a new state. Pure; the clock is an argument.

Words change when they change, figures at a pace that can be read: 12 times a second, half of it over SSH (every frame
travels), 4 for calm eyes, 2 while the window has not the keyboard.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import structs

from voicechat.core.view import View
from voicechat.engine.link import Received

FULL, CALM, AWAY = 12.0, 4.0, 2.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What sets the pace."""

    remote: bool = False
    calm: bool = False
    away: bool = False

    @property
    def rate(self) -> float:
        """Paintings a second."""
        if self.away:
            return AWAY
        rate = CALM if self.calm else FULL
        return rate / 2 if self.remote else rate


def is_urgent(old: View, new: View) -> bool:
    """Whether a change must be seen at once: the state of microphone, answer or line."""
    return (old.mic.state, old.mic.is_on_air, old.reply.state, old.connection.phase, old.mic.lamps) != (
        new.mic.state,
        new.mic.is_on_air,
        new.reply.state,
        new.connection.phase,
        new.mic.lamps,
    )


def settled(counts: Received | None) -> Received | None:
    """Counts that run with every packet stand still for a second's worth, so that they repaint no more than that."""
    if counts is None:
        return None
    depth, target = (round(seconds * 200) / 200 for seconds in (counts.depth, counts.target))
    return structs.replace(counts, played=counts.played // 50 * 50, depth=depth, target=target)
