"""The voice of the offline engine: English text in, 24 kHz sound out, one sentence at a time.

hibari-tts 0.2.1, voice "heart" (Apache-2.0): first sound after about 20 ms, 1.3 % word errors when heard by a large
recogniser. It is the only voice inside the package; its code for the others downloads, so it is never reached from
here: the model file is named by its path.

It reads numbers, times and prices well but drops symbols silently: "3 * 4" becomes "three four", "--provider"
"provider". So those signs are written out here; markdown, emoji and letters of other scripts (which the voice spells as
nonsense) are removed on purpose.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.speech import asset, require_engine
from voicechat.local_server.speech.text import split_sentences
from voicechat.local_server.speech.vad import Session, open_model

_FENCE = re.compile(r"```\w*\n?|```")
_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\s]{0,500}\)")
_LINE_MARK = re.compile(r"(?m)^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|_|~~)(?=\S)([^*_~\n]{1,300}?)(?<=\S)\1(?!\w)")

_LONG_NUMBER = re.compile(r"\d(?:,?\d){15,}")
"""Beyond the names that the voice has for numbers; read digit by digit."""

_SIGNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"(?<=[\d)])\s*[*×·]\s*(?=[\d(])", " times "),
        (r"(?<=\d)\s*[÷]\s*(?=\d)", " divided by "),
        (r"(?<=\d)\s+[-−–]\s+(?=\d)", " minus "),
        (r"−(?=\d)", "minus "),
        (r"(?<!\S)--(?=\w)", "dash dash "),
        (r"(?<!\S)-(?=[A-Za-z]\b)", "dash "),
        (r"√\s*", " the square root of "),
        (r"≈\s*", " about "),
        (r"≤", " at most "),
        (r"≥", " at least "),
        (r"≠", " is not "),
        (r"∞", " infinity "),
        (r"…", "..."),
        (r"(?<=[a-z])/(?=[a-z])", " slash "),
        (r"(?<=\w)://", " colon slash slash "),
        (r"`", ""),
        (r"[{}\[\]<>|\\]", " "),
    )
)


def spoken_text(text: str) -> str:
    """The same text as the voice should read it; empty when nothing in it can be spoken."""
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", _FENCE.sub(" ", text)))
    text = _EMPHASIS.sub(r"\2", text)
    for pattern, word in _SIGNS:
        text = pattern.sub(word, text)
    text = "".join(char if _can_be_read(char) else " " for char in text)
    text = _LONG_NUMBER.sub(lambda match: " ".join(match[0].replace(",", "")), text)
    text = re.sub(r"[ \t]{2,}", " ", text).strip()
    return text if any(char.isalnum() or char in "+=%&@#$€£" for char in text) else ""


def _can_be_read(char: str) -> bool:
    if char < "\u0250":
        return char.isprintable() or char == "\n"
    if char.isalpha():
        return "GREEK" in unicodedata.name(char, "")
    return unicodedata.category(char) in ("Pd", "Pi", "Pf", "Po", "Ps", "Pe", "Sc", "Sm", "No", "Nd")


log = logging.getLogger("voicechat.local_server")

SAMPLE_RATE = 24_000
SLOWEST, FASTEST = 0.5, 2.0
_SEED = 2026
"""The voice's breath is noise; a fixed seed makes the same sentence the same samples, so that tests can rely on it."""
_STEP = 240
"""10 ms: the grid on which silence is looked for."""
_SILENT = 0.0006
"""Root mean square below which 10 ms are silence; the softest "th" measured is 0.001."""
_LEAD = 0.02
_PAUSE = 0.3
"""Seconds of silence left after a sentence. The model makes 0.45 s, and 0.25 s before the first sound, which would be
a quarter of a second of waiting in every answer."""


class _Synthesiser(Protocol):
    sess: Session

    def stream(self, text: str, speed: float = 1.0, seed: int | None = None) -> Iterator[NDArray[np.float32]]: ...


class Voice:
    """Speaks. May be used from several threads; they take turns sentence by sentence."""

    def __init__(self) -> None:
        """Load and warm up (0.4 s, 100 MB). Raises ConfigError when the extra `local` is not installed."""
        require_engine()
        from hibari import Hibari

        self._turn = threading.Lock()
        model = asset("hibari-tts") or Path()
        self._synthesiser: _Synthesiser = Hibari(voice="heart", model=str(model), threads=1)
        self._synthesiser.sess = open_model(model)  # its own keeps the memory of the longest sentence for ever
        for _ in self.speak("Ready."):
            pass

    def speak(self, text: str, speed: float = 1.0) -> Iterator[NDArray[np.float32]]:
        """Yield the sound of each sentence (24 kHz mono, [-1, 1]) as soon as it is made; nothing for empty text.

        speed: 1 is the voice's own pace, held between 0.5 and 2. The same text gives the same samples.
        """
        speed = min(max(speed, SLOWEST), FASTEST)
        for sentence in split_sentences(spoken_text(text)):
            with self._turn:
                try:
                    pieces = [trimmed(piece) for piece in self._synthesiser.stream(sentence, speed, _SEED)]
                except Exception as error:  # the voice's package meets text that it was not made for
                    log.warning("a sentence could not be spoken: %s", type(error).__name__)
                    continue
            for piece in pieces:
                if len(piece):
                    yield piece


def trimmed(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound with 20 ms of silence before it and at most 0.3 s after it; empty if all of it is silence."""
    sound = np.clip(np.asarray(sound, np.float32), -1.0, 1.0)
    whole = len(sound) // _STEP
    power = np.square(sound[: whole * _STEP].reshape(whole, _STEP)).mean(axis=1)
    loud = np.flatnonzero(power > _SILENT**2)
    if not len(loud):
        return sound[:0]
    start = max(0, int(loud[0]) * _STEP - int(_LEAD * SAMPLE_RATE))
    end = (int(loud[-1]) + 1) * _STEP + int(_PAUSE * SAMPLE_RATE)
    return sound[start:end]
