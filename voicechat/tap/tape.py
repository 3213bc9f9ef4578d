"""The tape of one tapped session: what flowed and how it sounded. The core made no decisions, so it holds none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import to_float
from voicechat.journal.entry import Happening
from voicechat.journal.recorder import Recorder, TapeWish
from voicechat.journal.sound_file import SoundFile


class SessionTape:
    """Begins with the session. Raises TapeError where no tape can be made."""

    def __init__(
        self,
        root: Path,
        about: dict[str, object],
        *,
        wish: TapeWish,
        started_at: float,
        clock: Callable[[], float],
        hidden: Callable[[], Sequence[str]],
        on_stop: Callable[[str], None],
    ) -> None:
        began = datetime.now().astimezone() - timedelta(seconds=clock() - started_at)
        self._recorder: Recorder | None = Recorder(
            root,
            None,
            about,
            started_at=started_at,
            clock=clock,
            now=began,
            on_stop=on_stop,
            wish=wish,
            hidden=hidden,
        )
        self.folder = self._recorder.folder
        self._ending: threading.Thread | None = None

    @property
    def sound(self) -> SoundFile | None:
        """Where sound goes, if it is recorded."""
        return self._recorder.sound if self._recorder is not None else None

    def watch(self, happening: Happening) -> None:
        if self._recorder is not None:
            self._recorder.watch(happening)

    def sent(self, at: float, pcm: NDArray[np.int16]) -> None:
        """The client's sound, mono, 48 kHz."""
        if (sound := self.sound) is not None:
            sound.sent(at, pcm)

    def played(self, at: float, pcm: NDArray[np.int16]) -> None:
        """The service's sound, mono, 48 kHz."""
        if (sound := self.sound) is not None:
            sound.played(at, to_float(pcm))

    def end(self) -> None:
        """Nothing is taken afterwards. The rest is written by a thread of its own: a slow disk may not delay whoever
        else is being tapped."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._ending = threading.Thread(target=recorder.close, name="tape-end")
            self._ending.start()

    def wait(self, seconds: float) -> None:
        """Until the tape is whole, if it is by then."""
        if self._ending is not None:
            self._ending.join(seconds)
