"""The recogniser (Moonshine tiny-en, run by onnxruntime), and ears and mouth of the offline engine loaded at once.

The model's files come out of the package `moonshine-voice` (MIT, code and English model), which is *located, never
imported*: importing it loads a C library and PortAudio. Its own library also puts a stray "You" before utterances; this
code with our voice detector does not.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.speech import asset, require_engine
from voicechat.local_server.speech.vad import FRAME, SAMPLE_RATE, VAD_MODEL, SileroVad, Tensor, open_model
from voicechat.local_server.speech.voice import Voice

_TOKENS_PER_SECOND = 6.5
"""English speech makes fewer (the model's own limit); more is a model that has lost itself."""
_SHORTEST = 1_600
_BEGIN, _END = 1, 2
_HEADS, _HEAD_SIZE = 8, 36
_LONGEST_LOOP = 12
_ROUNDS = 4
_NOT_SPOKEN = (b"<s>", b"</s>", b"<unk>")


def read_tokens(data: bytes) -> list[bytes]:
    """The model's vocabulary: each token is its length (one byte, or two from 128 on) and its bytes."""
    tokens, at = [], 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = data[at] * 128 + length - 128
            at += 1
        tokens.append(data[at : at + length])
        at += length
    return tokens


def without_loops(ids: list[int]) -> list[int]:
    """Cut a run of four or more equal phrases at the end down to one: a lost decoder repeats itself.

    Four, because people do say "New York, New York", and phrases of up to 12 tokens, about two seconds of speech. One
    token or two may come eight times ("no no no no") before it counts as a loop.
    """
    for size in range(1, _LONGEST_LOOP + 1):
        phrase, rounds = ids[-size:], 1
        while len(phrase) == size and ids[-size * (rounds + 1) : len(ids) - size * rounds] == phrase:
            rounds += 1
        if rounds >= (_ROUNDS if size > 2 else 8):
            return ids[: len(ids) - size * (rounds - 1)]
    return ids


class Moonshine:
    """The loaded model. Safe to call from several threads."""

    def __init__(self) -> None:
        """Load. Raises ConfigError when the extra `local` is not installed, OSError for lost files."""
        require_engine()
        folder = asset("moonshine-voice") or Path()
        self._encoder = open_model(folder / "encoder_model.ort")
        self._decoder = open_model(folder / "decoder_model_merged.ort")
        self._tokens = read_tokens((folder / "tokenizer.bin").read_bytes())
        self._past = [i.name for i in self._decoder.get_inputs() if i.name.startswith("past")]
        self._present = [o.name.replace("present", "past_key_values") for o in self._decoder.get_outputs()[1:]]

    def text_of(self, samples: NDArray[np.float32]) -> str:
        """What is said in these samples (16 kHz mono), as the model writes it: with case and punctuation."""
        return self._spelled(self._decode(samples))

    def _decode(self, samples: NDArray[np.float32]) -> list[int]:
        """Greedy decoding, one token a step. The keys of the heard audio are computed once, in the first step."""
        if len(samples) < _SHORTEST:
            samples = np.pad(samples, (0, _SHORTEST - len(samples)))
        mask: NDArray[np.int64] = np.ones((1, len(samples)), np.int64)
        audio = samples[None].astype(np.float32, copy=False)
        heard = self._encoder.run(None, {"input_values": audio, "attention_mask": mask})[0]
        feed: dict[str, Tensor] = {
            "encoder_hidden_states": heard,
            "encoder_attention_mask": mask,
            "use_cache_branch": np.array([False]),
        }
        for name in self._past:
            length = 0 if ".decoder." in name else heard.shape[1]
            feed[name] = np.zeros((1, _HEADS, length, _HEAD_SIZE), np.float32)
        ids: list[int] = []
        for step in range(max(6, int(len(samples) / SAMPLE_RATE * _TOKENS_PER_SECOND) + 2)):
            feed["input_ids"] = np.array([[ids[-1] if ids else _BEGIN]], np.int64)
            logits, *present = self._decoder.run(None, feed)
            token = int(logits[0, -1].argmax())
            if token == _END:
                break
            ids.append(token)
            if len(without_loops(ids)) < len(ids):
                break
            news = zip(self._present, present, strict=True)
            feed.update((name, value) for name, value in news if step == 0 or ".decoder." in name)
            feed["use_cache_branch"] = np.array([True])
        return without_loops(ids)

    def _spelled(self, ids: list[int]) -> str:
        pieces = (self._tokens[i] for i in ids if i < len(self._tokens))
        text = b"".join(piece for piece in pieces if piece not in _NOT_SPOKEN)
        return text.decode("utf-8", "replace").replace("▁", " ").strip()


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
        self.vad_model = open_model(VAD_MODEL)
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
