"""An engine that is a script: it delivers the records it is given and remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from voicechat.core.user_events import UserAct
from voicechat.core.view import TurnView, View
from voicechat.engine.link import Batch, FromEngine, Goodbye, Meters, Snapshot, Turns
from voicechat.journal.entry import Entry


class FakeEngine:
    """Fits `voicechat.ui.options.Engine`. `first` is delivered when the screen starts it."""

    def __init__(self, first: Sequence[FromEngine] = ()) -> None:
        self.first = list(first)
        self.sent: list[UserAct] = []
        self.starts = 0
        self.is_closed = False
        self._deliver: Callable[[FromEngine], None] | None = None

    def start(self, deliver: Callable[[FromEngine], None]) -> None:
        """From a thread, as the real reader does it."""
        self._deliver = deliver
        self.starts += 1
        thread = threading.Thread(target=self.deliver, args=tuple(self.first), daemon=True)
        thread.start()
        thread.join()

    def deliver(self, *records: FromEngine) -> None:
        assert self._deliver is not None, "the screen has not started the engine"
        for record in records:
            self._deliver(record)

    def show(self, view: View, meters: Meters | None = None) -> None:
        self.deliver(Snapshot(view, meters or Meters()))

    def say(self, *turns: TurnView) -> None:
        self.deliver(Turns(turns, tuple(turn.key for turn in turns)))

    def log(self, *rows: Entry) -> None:
        self.deliver(Batch(rows))

    def die(self, cause: str) -> None:
        """What the host says for a dead engine."""
        self.deliver(Goodbye(cause, 5))

    def send(self, event: UserAct) -> None:
        self.sent.append(event)

    def restart(self) -> None:
        assert self._deliver is not None
        self.start(self._deliver)

    def close(self) -> None:
        self.is_closed = True
