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
from voicechat.core.step import next_deadline, step
from voicechat.session.happenings import Happening, Watch
from voicechat.session.local_events import described
from voicechat.session.perform import OpenLine, Performer
from voicechat.session.ports import AudioPort


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
        self._arm(now)

    def _note(self, event: AnyEvent, now: float) -> None:
        local = described(event)
        if local is not None:
            self._watch(Happening(now, "local", local))

    def _arm(self, now: float) -> None:
        """One timer, at the earliest deadline any rule derives from the facts."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = next_deadline(self.state, now, self.policy)
        if deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - now), self._handle, TimePassed())
