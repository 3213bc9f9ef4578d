"""The tape of a talk, as the engine keeps it: begun when the user wants one, ended with the talk or by the disk."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from voicechat.engine.assemble import Talk
from voicechat.recording.lines import Start
from voicechat.recording.recorder import Recorder
from voicechat.session.happenings import Happening, Watch


class Taping:
    """`begin`, `watch` everything that happens, `end`."""

    def __init__(self, talk: Talk, tell: Watch) -> None:
        """`tell` is told of the tape's own events, so that they stand in the event list."""
        self._talk = talk
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._recorder: Recorder | None = None
        self._is_fresh = True

    @property
    def folder(self) -> Path | None:
        """Where the tape lies that is being written."""
        return self._recorder.folder if self._recorder is not None else None

    def begin(self, root: Path) -> None:
        """Raises TapeError where no tape can be made. Of a talk that is under way the core's start is unknown."""
        if self._recorder is not None:
            return
        plan, talk = self._talk.plan, self._talk
        start = Start(plan.wishes, plan.choices, plan.policy) if self._is_fresh else None
        began = datetime.now().astimezone() - timedelta(seconds=talk.clock() - talk.started_at)
        about = {"provider": plan.provider.title, "model": plan.wishes.model}
        recorder = Recorder(root, start, about, started_at=talk.started_at, now=began, on_stop=self._has_stopped)
        self._recorder = recorder
        talk.session.record = recorder.record
        self._tell(Happening(talk.clock(), "local", {"type": "tape.began", "folder": str(recorder.folder)}))

    def watch(self, happening: Happening) -> None:
        self._is_fresh = False
        if self._recorder is not None:
            self._recorder.watch(happening)

    def end(self) -> None:
        """Put what is left on the disk."""
        recorder, self._recorder = self._recorder, None
        self._talk.session.record = None
        if recorder is not None:
            recorder.close()

    def _has_stopped(self, reason: str) -> None:
        self._loop.call_soon_threadsafe(self._give_up, reason)

    def _give_up(self, reason: str) -> None:
        self.end()
        self._tell(Happening(self._talk.clock(), "local", {"type": "tape.stopped", "reason": reason}))
