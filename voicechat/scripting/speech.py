"""What a script says, as sound files for the scripted microphone.

Words are spoken by the local voice and kept: the same words need it once. Level and noise are put on here, so that the
engine only plays.
"""

from __future__ import annotations

import hashlib
import os
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE, Block, to_float, to_int16
from voicechat.audio.files import read_wav
from voicechat.errors import ConfigError
from voicechat.local_server.speech.voice import SAMPLE_RATE as VOICE_RATE, Voice
from voicechat.scripting.model import Sound

MOST_KEPT = 200
"""Spoken texts that are kept; the longest unused go first."""
VERSION = "1"
"""Changes when the same words would sound otherwise."""
_SEED = 11


class Speaker:
    """Makes sound files of what is said. `kept` is a private folder that lasts, `folder` one for this talk."""

    def __init__(self, kept: Path, folder: Path) -> None:
        self._kept = kept
        self._folder = folder
        self._voice: Voice | None = None

    def prepare(self, sounds: Iterable[Sound]) -> Mapping[Sound, Path]:
        """Every sound as a WAV at 48 kHz. Raises ConfigError without the local voice, AudioDeviceError for a file."""
        self._kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        ready = {sound: self._made(place, sound) for place, sound in enumerate(sounds)}
        self._forget_the_oldest()
        return ready

    def _made(self, place: int, sound: Sound) -> Path:
        samples = to_float(read_wav(sound.file if sound.file is not None else self._spoken(sound)))
        samples = samples * np.float32(10.0 ** (sound.gain / 20.0))
        if sound.noise is not None:
            noise = np.random.default_rng(_SEED).standard_normal(len(samples)) * 10.0 ** (sound.noise / 20.0)
            samples = samples + noise.astype(np.float32)
        path = self._folder / f"{place}.wav"
        write_wav(path, samples, SAMPLE_RATE)
        return path

    def _spoken(self, sound: Sound) -> Path:
        name = hashlib.sha256(f"{VERSION}\0{sound.speed}\0{sound.text}".encode()).hexdigest()[:32]
        path = self._kept / f"{name}.wav"
        if path.is_file():
            os.utime(path)
            return path
        if self._voice is None:
            try:
                self._voice = Voice()
            except ConfigError as error:
                raise ConfigError(
                    f"the script says words, and {error.message[0].lower()}{error.message[1:]}",
                    hint=f"{error.hint}, or say_file = a WAV file",
                ) from error
        pieces = list(self._voice.speak(sound.text, sound.speed))
        if not pieces:
            raise ConfigError(f"the local voice can say nothing of {sound.text[:60]!r}", hint="say English words")
        unfinished = path.with_suffix(f".{os.getpid()}")
        write_wav(unfinished, np.concatenate(pieces), VOICE_RATE)
        unfinished.replace(path)  # two scripts at a time may want the same words
        return path

    def _forget_the_oldest(self) -> None:
        files = sorted(self._kept.glob("*.wav"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[MOST_KEPT:]:
            path.unlink(missing_ok=True)


def write_wav(path: Path, samples: Block, rate: int) -> None:
    """Mono float32 as 16-bit WAV."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(to_int16(samples).astype("<i2").tobytes())
