"""Work that may wait: what the tap makes of what it has passed on.

Showing an event costs more than passing it on. So it is done afterwards, in portions of a millisecond between which
the loop serves whatever has come in: a flood of events is shown late, and relayed at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

PORTION = 0.001
"""Seconds of work at a time."""
MOST_BYTES = 64 * 1024 * 1024
"""Of messages that wait to be looked at; what comes beyond it is passed on and counted, and not shown."""


class Later:
    """Does things in order, soon. Event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._bytes = 0
        self._is_working = False
        self.skipped = 0
        """Messages that were not looked at."""

    def do(self, work: Callable[[], None], size: int = 0) -> None:
        """Have it done after everything that waits; `size` is what it keeps in memory until then."""
        if self._bytes + size > MOST_BYTES and size:
            self.skipped += 1
            return
        self._waiting.append((size, work))
        self._bytes += size
        if not self._is_working:
            self._is_working = True
            asyncio.get_running_loop().call_soon(self._work)

    def finish(self) -> None:
        """Do all of it now."""
        while self._waiting:
            self._next()

    def _work(self) -> None:
        self._is_working = False
        until = self._clock() + PORTION
        while self._waiting:
            self._next()
            if self._waiting and self._clock() >= until:
                self._is_working = True
                # Not call_soon: a selector with nothing but ready callbacks still looks at its sockets, and every
                # socket that is ready goes first.
                asyncio.get_running_loop().call_soon(self._work)
                return

    def _next(self) -> None:
        size, work = self._waiting.popleft()
        self._bytes -= size
        try:
            work()
        except BaseException:
            if self._waiting and not self._is_working:
                self._is_working = True
                asyncio.get_running_loop().call_soon(self._work)
            raise
