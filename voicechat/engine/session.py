"""The session: an inbox, a clock and one timer around the pure core.

`tell` may be called from any thread; everything else runs on the event loop. One event at a time: stamp it, step the
core, carry out the effects, then ask the core when it next wants to be woken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicechat.core.continuing import begun
from voicechat.core.effects import Effect
from voicechat.core.events import AnyEvent, ConnectWanted, EndAsked, Event, TimePassed
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, Turn, Wishes
from voicechat.core.step import next_deadline, overdue, step
from voicechat.engine.local_events import described
from voicechat.engine.perform import OpenLine, Performer
from voicechat.engine.ports import AudioPort
from voicechat.journal.entry import Happening, Watch

STUCK_WAIT = 1.0
"""Seconds until a deadline that has passed without effect is looked at again."""


class Session:
    """One conversation with one server, from the first connect to `end`."""

    def __init__(
        self,
        wishes: Wishes,
        choices: Choices,
        policy: TurnPolicy,
        *,
        audio: AudioPort,
        open_line: OpenLine,
        clock: Callable[[], float],
        watch: Watch = lambda happening: None,
        turns: tuple[Turn, ...] = (),
    ) -> None:
        """`turns`: of an earlier talk, from which this one goes on."""
        self.state = begun(wishes, choices, turns)
        self.policy = policy
        self.clock = clock
        self.on_change: Callable[[], None] = lambda: None
        """Called on the loop after each step that changed the state."""
        self.record: Callable[[float, Event, tuple[Effect, ...]], None] | None = None
        """Told of each input of the core with its moment, and of what was decided, before it is carried out."""
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._stuck: tuple[str, ...] = ()
        """The rules whose deadline was last found to have passed without effect."""
        self._performer = Performer(audio, open_line, self.tell, watch, clock)

    @property
    def performer(self) -> Performer:
        return self._performer

    def tell(self, event: Event) -> None:
        """Queue one event. Safe from any thread; order of one thread is kept."""
        self._loop.call_soon_threadsafe(self._handle, event)

    def start(self) -> None:
        self.tell(ConnectWanted())

    async def close(self) -> None:
        """R30: end the conversation, hang up, and wait until the line is down."""
        self._handle(EndAsked())
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._performer.close()

    def _handle(self, event: Event) -> None:
        now = self.clock()
        before = self.state
        result = step(before, event, now, self.policy)
        self.state = result.state
        self._note(event, now)
        if self.record is not None:
            self.record(now, event, result.effects)
        for announcement in result.announced:
            self._note(announcement, now)
        self._performer.dialect = result.state.configuration.dialect
        for effect in result.effects:
            local = described(effect)
            if local is not None:
                self._watch(Happening(now, "local", local))
            self._performer.perform(effect)
        if result.state is not before:
            self.on_change()
        has_changed = result.state is not before or bool(result.effects)
        self._arm(now, is_stuck=isinstance(event, TimePassed) and not has_changed)

    def _note(self, event: AnyEvent, now: float) -> None:
        local = described(event)
        if local is not None:
            self._watch(Happening(now, "local", local))

    def _arm(self, now: float, *, is_stuck: bool) -> None:
        """One timer, at the earliest deadline any rule derives from the facts. `is_stuck`: time passed and changed
        nothing, so a deadline that has passed would come again at once, without end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = None if self._is_closed else next_deadline(self.state, now, self.policy)
        if deadline is None:
            return
        wait = max(0.0, deadline - now)
        if is_stuck and deadline <= now:
            wait = STUCK_WAIT
            self._note_stuck(now)
        self._timer = self._loop.call_later(wait, self._handle, TimePassed())

    def _note_stuck(self, now: float) -> None:
        """A defect of these rules, told once."""
        rules = overdue(self.state, now, self.policy)
        if rules != self._stuck:
            self._stuck = rules
            message = f"the deadline of {', '.join(rules)} has passed and changes nothing"
            self._watch(Happening(now, "local", {"type": "engine.defect", "message": message}))
