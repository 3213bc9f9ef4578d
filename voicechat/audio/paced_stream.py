"""Sound without a device: a thread that steps the path every 10 ms of real time.

It stands in while there is no device: sound files or nothing on both sides, or a lost device that is being reopened.
The answer goes on, requests are carried out and the line gets its silence, as if a microphone and a loudspeaker were
there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from voicechat.audio.blocks import BLOCK_SECONDS, Block, silent_block
from voicechat.audio.files import WavSpeaker
from voicechat.audio.path import AudioPath
from voicechat.core.events import DeviceLost, MicFileEnded

_GIVE_UP_CATCHING_UP = 0.2
"""Seconds behind real time (a suspended machine) after which missed steps are left out, not hurried through."""


class MicSource(Protocol):
    """What stands in the place of a microphone: a sound file, or a script."""

    @property
    def name(self) -> str: ...

    @property
    def waits(self) -> bool:
        """Nothing is read from it before the mic was first opened."""
        ...

    @property
    def finished(self) -> bool:
        """Everything in it has been read."""
        ...

    def read(self) -> Block:
        """The next 10 ms, float32[480]."""
        ...

    def hear(self, out: Block) -> None:
        """What the loudspeaker plays at the same time."""
        ...


class FileEnds:
    """The file ends of a path: a source in place of the microphone, a WAV that taps the loudspeaker, or neither."""

    def __init__(
        self,
        path: AudioPath,
        mic: MicSource | None,
        speaker: WavSpeaker | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self.mic = mic
        self.speaker = speaker
        self._told_end = False

    def read(self) -> Block:
        """The microphone's next 10 ms. The file waits until the mic is first opened, or its beginning would be lost
        while the line is still being set up; from then on it runs in real time like a talker."""
        if self.mic is None or (self.mic.waits and not self._path.mic_was_opened):
            return silent_block()
        if self.mic.finished and not self._told_end:
            self._told_end = True
            self._path.post(MicFileEnded())
        return self.mic.read()

    def write(self, out: Block) -> None:
        """What the loudspeaker was given."""
        if self.mic is not None:
            self.mic.hear(out)
        if self.speaker is not None:
            self.speaker.write(out)

    def drop(self, *, mic: bool, speaker: bool) -> None:
        """Use a sound file no longer: a device took its place."""
        if mic:
            self.mic = None
        if speaker and self.speaker is not None:
            finished, self.speaker = self.speaker, None
            finished.close()

    def close(self) -> None:
        """Finish the file that is being written."""
        if self.speaker is not None:
            self.speaker.close()


class Pacer:
    """A thread that steps a path every 10 ms of real time with file ends; see the module's text."""

    def __init__(self, path: AudioPath, ends: FileEnds, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._ends = ends
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paced-audio", daemon=True)

    def start(self) -> None:
        """Begin to step; call once. What a side without a file delivers is silence by intent, not a flat mic."""
        self._path.mic_is_real = False
        self._thread.start()

    def close(self) -> None:
        """Stop; when this returns no further step is taken. Safe to call twice and before `start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        out = silent_block()
        due = self._clock()
        try:
            while not self._stop.wait(max(0.0, due - self._clock())):
                now = self._clock()
                if now - due > _GIVE_UP_CATCHING_UP:
                    self._path.late += 1
                    due = now
                self._path.process(self._ends.read(), out, now)
                self._ends.write(out)
                due += BLOCK_SECONDS
        except Exception as error:  # the edge of a thread: silence without a word would be the worst end
            self._path.post(DeviceLost(self._path.speaker_name, f"the sound path failed: {error!r}"))
