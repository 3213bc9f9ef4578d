"""What a rule answers: the state with its own slice changed, effects, and announcements for the other rules."""

from __future__ import annotations

from msgspec import Struct

from voicechat.core.effects import Effect
from voicechat.core.events import Announcement
from voicechat.core.state import State


class RuleResult(Struct, frozen=True):
    """One rule's answer to one event."""

    state: State | None = None
    """The whole state, in which only the rule's own slices differ; None if nothing changed."""
    effects: tuple[Effect, ...] = ()
    announced: tuple[Announcement, ...] = ()
    """Handled by all rules in the same step, with the same `now`."""


NOTHING = RuleResult()
"""The event does not concern this rule."""
