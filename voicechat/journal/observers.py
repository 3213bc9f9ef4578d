"""What looks at a session without being part of it: the event list, the problem checks, the metrics, the recording."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

from voicechat.journal.entry import Happening, Watch

P = ParamSpec("P")


class Observers:
    """Passes each happening to every observer, each in a guard of its own.

    An observer that raises is switched off for good; the session and the other observers go on.
    """

    def __init__(self, on_stop: Callable[[str], None]) -> None:
        """`on_stop` gets the name of an observer that was switched off, on the thread that called it."""
        self._on_stop = on_stop
        self._observers: list[Watch] = []
        self._stopped: set[str] = set()

    def __call__(self, happening: Happening) -> None:
        for observer in self._observers:
            observer(happening)

    def add(self, name: str, observer: Watch) -> None:
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
