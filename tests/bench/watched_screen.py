"""What the real screen does, noted by itself: for benchmarks, never run by hand.

Twice a second it writes a JSON list on the descriptor of `watched_chat`: `["kept", FLOODED, DROPPED]`, how many events
of the server's flood the list holds and how many rows the link did not fit for.
"""

from __future__ import annotations

import json
import os

from voicechat.ui.screens.talk import TalkScreen

LOOK_EVERY = 0.5
FLOOD = "rate_limits.updated"
"""The type of the events that `answering_server` floods with."""


class Watcher:
    """Counts what the list has taken."""

    def __init__(self, descriptor: int, talk: TalkScreen) -> None:
        self._descriptor, self._talk = descriptor, talk
        self._looked_at = 0
        self._flooded = 0

    def look(self) -> None:
        """The screen's own timer calls this."""
        pane = self._talk.developer.inspector
        entries = (pane.store.entry(seq) for seq in range(self._looked_at, pane.store.end))
        self._flooded += sum(entry is not None and entry.kind.type == FLOOD for entry in entries)
        self._looked_at = pane.store.end
        os.write(self._descriptor, (json.dumps(("kept", self._flooded, pane.dropped)) + "\n").encode())


def watch_screen(descriptor: int) -> None:
    """From the moment on at which the screen stands."""
    mounted = TalkScreen.on_mount

    def on_mount(talk: TalkScreen) -> None:
        mounted(talk)
        talk.set_interval(LOOK_EVERY, Watcher(descriptor, talk).look)

    setattr(TalkScreen, "on_mount", on_mount)  # noqa: B010
