"""The process that makes a tape's sound audible: `python -P -m voicechat.journal.player FILE`.

It takes lines on its stdin - `play SECONDS`, `stop` - and ends with it. A process of its own, because PortAudio prints
to the terminal on some systems, and the screen's interpreter shall not have to keep a sound device fed. Both sides of
the talk are mixed: a tape is listened to, not sat in.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.audio.buffering import BUFFERING
from voicechat.audio.portaudio import PortAudioOpener, Samples
from voicechat.errors import VoiceChatError
from voicechat.journal.tape_sound import SoundFile

NO_SOUND = 4
"""Exit status where nothing can be played."""


class Playback:
    """Fills the device's buffers from the file, from a place that is set and stopped from outside."""

    def __init__(self, sound: SoundFile, rate: int) -> None:
        self._sound = sound
        self._rate = rate
        self._at: float | None = None
        self._lock = threading.Lock()

    def play(self, at: float) -> None:
        """From this moment of the session on."""
        with self._lock:
            self._at = at

    def stop(self) -> None:
        """Silence."""
        with self._lock:
            self._at = None

    def fill(self, heard: Samples | None, out: Samples | None, flags: int) -> None:
        """On PortAudio's thread. A seek may be one block late; nobody waits for the lock longer than for two words."""
        if out is None:
            return
        with self._lock:
            at, seconds = self._at, len(out) / self._rate
            if at is not None:
                self._at = at + seconds
        out[:] = 0 if at is None else self._block(at, seconds, len(out))[:, None]

    def _block(self, at: float, seconds: float, count: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """`count` samples at the device's rate; linear interpolation, which is plenty for speech at 24 kHz and up."""
        sound = self._sound.between(at, at + seconds + 2 / self._sound.rate).astype(np.float32).sum(axis=1) / 32768.0
        block = np.zeros(count, np.float32)
        if len(sound) > 1:
            places = np.arange(count) * (self._sound.rate / self._rate)
            block = np.interp(places, np.arange(len(sound)), sound, right=0.0).astype(np.float32)
        clipped: np.ndarray[tuple[int], np.dtype[np.float32]] = np.clip(block, -1.0, 1.0)
        return clipped


def obey(line: str, play: Callable[[float], None], stop: Callable[[], None]) -> None:
    """One line of the screen's; what is not understood is silence."""
    word, _, rest = line.strip().partition(" ")
    try:
        play(float(rest)) if word == "play" else stop()
    except ValueError:
        stop()


def main(arguments: list[str]) -> int:
    """Play until stdin ends. Exit 4 where there is no loudspeaker or no sound."""
    try:
        sound = SoundFile(Path(arguments[0]))
        made: list[Playback] = []

        def fill(heard: Samples | None, out: Samples | None, flags: int) -> None:
            if made:
                made[0].fill(heard, out, flags)
            elif out is not None:
                out[:] = 0

        wish = arguments[1] if len(arguments) > 1 else "default"
        opened = PortAudioOpener().open(
            None, wish, BUFFERING["high"], callback=fill, finished=lambda: None, refresh=False
        )
    except VoiceChatError as error:
        print(error.message, flush=True)  # noqa: T201 - the reason, for the process that started this one
        return NO_SOUND
    made.append(Playback(sound, opened.rate or SAMPLE_RATE))
    opened.stream.start()
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        obey(line, made[0].play, made[0].stop)
    opened.stream.abort()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
