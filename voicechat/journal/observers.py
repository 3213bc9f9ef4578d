"""What looks at a session without being part of it: the event list, the problem checks, the metrics, the recording."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec

from voicechat.journal.entry import Direction, Entry, in_session_time

P = ParamSpec("P")
Observer = Callable[[Entry], None]


class Observers:
    """Makes an entry of what happened, numbered in order, and passes it to every observer, each in a guard of its own.

    An observer that raises is switched off for good; the session and the other observers go on.
    """

    def __init__(self, on_stop: Callable[[str], None], started_at: float = 0.0) -> None:
        """`on_stop` gets the name of an observer that was switched off, on the thread that called it. `started_at` on
        the session's clock is the zero of session time."""
        self._on_stop = on_stop
        self._started_at = started_at
        self._count = 0
        self._observers: list[Observer] = []
        self._stopped: set[str] = set()

    def __call__(
        self,
        at: float,
        dir: Direction,
        event: dict[str, Any],
        size: int = 0,
        notes: tuple[str, ...] = (),
        tags: tuple[str, ...] = (),
        added: float | None = None,
    ) -> None:
        """It happened at `at` on the session's clock."""
        told = in_session_time(event, self._started_at) if dir == "local" else event
        entry = Entry(self._count, round(at - self._started_at, 6), dir, told, size, notes, tags, added)
        self._count += 1
        for observer in self._observers:
            observer(entry)

    def add(self, name: str, observer: Observer) -> None:
        """`name`: for the notice, in the user's words."""
        self._observers.append(self.guarded(name, observer))

    def guarded(self, name: str, call: Callable[P, None]) -> Callable[P, None]:
        """`call` as part of the observer `name`: what it raises switches off everything of that name."""

        def guard(*args: P.args, **kwargs: P.kwargs) -> None:
            if name in self._stopped:
                return
            try:
                call(*args, **kwargs)
            except Exception:  # the purpose of this class: whatever an observer raises ends here
                self._stopped.add(name)
                traceback.print_exc(file=sys.stderr)
                self._on_stop(name)

        return guard
