"""What the real screen does, noted by itself: for benchmarks, never run by hand.

Twice a second it writes JSON lists on the descriptor of `watched_chat`: `["kept", FLOODED, DROPPED]`, how many events
of the server's flood the list holds and how many rows the link did not fit for; `["painted", FRAMES, TURNS]`, how many
frames went to the terminal and how often the growing turn was painted since the last note; `["shown", ITEM, TEXT]` for
every answer that is complete, once.
"""

from __future__ import annotations

import json
import os

from voicechat.ui.app import VoiceChatApp
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.widgets.turn import Turn

LOOK_EVERY = 0.5
FLOOD = "rate_limits.updated"
"""The type of the events that `answering_server` floods with."""


class Watcher:
    """Counts since the last note."""

    def __init__(self, descriptor: int, talk: TalkScreen) -> None:
        self._descriptor, self._talk = descriptor, talk
        self._looked_at = 0
        self._flooded = 0
        self._shown: set[str] = set()
        self.frames = 0
        self.turns = 0

    def note(self, *what: object) -> None:
        os.write(self._descriptor, (json.dumps(what) + "\n").encode())

    def look(self) -> None:
        """The screen's own timer calls this."""
        pane = self._talk.developer.inspector
        entries = (pane.store.entry(seq) for seq in range(self._looked_at, pane.store.end))
        self._flooded += sum(entry is not None and entry.kind.type == FLOOD for entry in entries)
        self._looked_at = pane.store.end
        self.note("kept", self._flooded, pane.dropped)
        self.note("painted", self.frames, self.turns)
        self.frames = self.turns = 0
        for turn in self._talk.query_one(Transcript).all_turns:
            if turn.who == "assistant" and not turn.partial and turn.key not in self._shown:
                self._shown.add(turn.key)
                self.note("shown", turn.item_id, turn.text + turn.rest)


def watch_screen(descriptor: int, fps: float) -> None:
    """From the moment on at which the screen stands; with `fps` all of it is painted so many times a second."""
    mounted, display, lines = TalkScreen.on_mount, VoiceChatApp._display, Turn.make_lines
    watchers: list[Watcher] = []

    def on_mount(talk: TalkScreen) -> None:
        mounted(talk)
        watchers.append(Watcher(descriptor, talk))
        talk.set_interval(LOOK_EVERY, watchers[-1].look)
        if fps:
            talk.set_interval(1 / fps, lambda: [widget.refresh() for widget in (talk, *talk.walk_children())])

    def counted(app: VoiceChatApp, screen: object, renderable: object) -> None:
        if watchers and renderable is not None:
            watchers[-1].frames += 1
        display(app, screen, renderable)  # type: ignore[arg-type]

    def made(turn: Turn, palette: object, width: int, height: int) -> object:
        if watchers and turn.turn.partial:
            watchers[-1].turns += 1
        return lines(turn, palette, width, height)  # type: ignore[arg-type]

    setattr(TalkScreen, "on_mount", on_mount)  # noqa: B010
    setattr(VoiceChatApp, "_display", counted)  # noqa: B010
    setattr(Turn, "make_lines", made)  # noqa: B010
