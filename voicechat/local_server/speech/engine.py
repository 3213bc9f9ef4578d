"""The recogniser, and ears and mouth of the offline engine loaded at once."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.speech import require_engine
from voicechat.local_server.speech.moonshine import Moonshine
from voicechat.local_server.speech.vad import FRAME, SAMPLE_RATE, SileroVad, load_vad_model
from voicechat.local_server.speech.voice import Voice

SEGMENT_LIMIT = 15.0
"""Seconds of audio shown to the model at once."""
SHORTEST_VOICE = 0.25
"""Seconds of voice below which there is nothing to recognise."""
_VOICE = 0.4
"""Probability that counts as voice here: lower than a turn needs, so that soft words are kept."""
_PADDING = 0.3
_EARLIEST_CUT = 8.0
_QUIET_WINDOW = 0.1
_PIECES_KEPT = 32
"""Texts of pieces remembered: some five minutes of speech."""
_HALLUCINATIONS = {"you", "mm", "mmm", "mhm", "hmm", "mm hmm", "thank you for watching", "you you"}
"""What the model says when it heard nothing, when it is all it says."""


class Recogniser:
    """What was said: 16 kHz samples in, English text out. Moonshine tiny-en, with a rule for each fault it has.

    Moonshine answers "You" to silence, noise and tones, so sound without 250 ms of voice is not shown to it; silence
    around the voice is cut away, because a push-to-talk turn may be mostly silence; and audio is cut at about 15 s,
    since its cost and memory grow with length (620 MB at 53 s) and long input makes it skip words.
    """

    def __init__(self) -> None:
        """Load the models (0.3 s, 120 MB). Raises ConfigError when the extra `local` is not installed."""
        self._model = Moonshine()
        self.vad_model = load_vad_model()
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def transcribe(self, pcm: NDArray[np.float32]) -> str:
        """The text of these samples (16 kHz mono, [-1, 1]); empty when nobody speaks in them. From any thread."""
        samples = np.nan_to_num(np.asarray(pcm, np.float32).reshape(-1))
        voiced = self._voiced(samples)
        if voiced is None:
            return ""
        *complete, last = split_at_quiet(voiced)
        texts = [*(self._text_once(piece) for piece in complete), self._model.text_of(last)]
        return " ".join(text for text in texts if not is_hallucination(text))

    def _text_once(self, piece: NDArray[np.float32]) -> str:
        """The text of a complete piece. A growing turn is asked for again and again; its first pieces stay equal."""
        key = hashlib.blake2b(piece.tobytes(), digest_size=16).digest()
        text = self._known.get(key)
        if text is None:
            text = self._known[key] = self._model.text_of(piece)
            if len(self._known) > _PIECES_KEPT:
                self._known.popitem(last=False)
        return text

    def _voiced(self, samples: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The samples from the first voice to the last, with a little air; None when there is too little voice."""
        vad = SileroVad(self.vad_model)
        whole = len(samples) // FRAME
        frames = [i for i in range(whole) if vad.probability(samples[i * FRAME : (i + 1) * FRAME]) >= _VOICE]
        if len(frames) * FRAME < SHORTEST_VOICE * SAMPLE_RATE:
            return None
        air = int(_PADDING * SAMPLE_RATE)
        return samples[max(0, frames[0] * FRAME - air) : (frames[-1] + 1) * FRAME + air]


def is_hallucination(text: str) -> bool:
    """Whether the model says this when it heard nothing: a lone "You", "Mm", or no letter or digit at all."""
    words = re.sub(r"[^\w']+", " ", text).strip().lower()
    return not words or words in _HALLUCINATIONS


def split_at_quiet(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Pieces of at most 15 s, cut where it is quietest between 8 and 15 s: between words, if there is such a place."""
    limit, window = int(SEGMENT_LIMIT * SAMPLE_RATE), int(_QUIET_WINDOW * SAMPLE_RATE)
    pieces = []
    while len(samples) > limit:
        first = int(_EARLIEST_CUT * SAMPLE_RATE)
        power = np.square(samples[first:limit], dtype=np.float64)
        energy = np.convolve(power, np.ones(window), "valid")[:: window // 4]
        cut = first + int(energy.argmin()) * (window // 4) + window // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


@dataclass(frozen=True, slots=True)
class SpeechEngine:
    """Everything that hears and speaks. One engine serves all sessions of a server."""

    recogniser: Recogniser
    voice: Voice

    def new_vad(self) -> SileroVad:
        """A voice detector for one stream (detectors remember what they heard)."""
        return SileroVad(self.recogniser.vad_model)


def load_engine() -> SpeechEngine:
    """Load all models side by side (about 0.6 s; most of it is reading files, which frees the interpreter).

    Raises ConfigError when the extra `local` is not installed.
    """
    require_engine()
    with ThreadPoolExecutor(max_workers=1) as pool:
        loading = pool.submit(Voice)
        return SpeechEngine(Recogniser(), loading.result())
