"""The real models of the offline engine, loaded once for all tests, and words that go from its voice to its ears."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from voicechat.audio.sound_format import resampled
from voicechat.local_server.speech.engine import SpeechEngine, load_engine

Sound = npt.NDArray[np.float32]


@cache
def engine() -> SpeechEngine:
    """The loaded engine. Ask `engine_is_missing()` before."""
    return load_engine()


def spoken_words(text: str, *, before: float = 0.3, after: float = 0.2, speed: float = 1.0) -> Sound:
    """The text said by the built-in voice: 16 kHz mono, with so many seconds of silence around it."""
    said = np.concatenate([np.zeros(0, np.float32), *engine().voice.speak(text, speed)])
    heard = resampled(said, 24_000, 16_000)
    return np.concatenate([silence(before), heard, silence(after)]).astype(np.float32)


def silence(seconds: float) -> Sound:
    """Zeros at 16 kHz."""
    return np.zeros(int(seconds * 16_000), np.float32)
