"""Moonshine tiny-en, run by onnxruntime: samples in, text out. The rules about speech are `engine.Recogniser`'s.

The files come out of the package `moonshine-voice` (MIT, code and English model), which is *located, never imported*:
importing it loads a C library and PortAudio. Its own library also puts a stray "You" before utterances; this code with
our voice detector does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.speech import asset, require_engine

Tensor = NDArray[np.float32] | NDArray[np.int64] | NDArray[np.bool_]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Session(Protocol):
    """A loaded model of onnxruntime, which ships no types. `run` may be called from several threads at once."""

    def run(self, names: Sequence[str] | None, feed: Mapping[str, Tensor]) -> list[NDArray[np.float32]]:
        """Outputs in the model's order (all of them when `names` is None)."""
        ...

    def get_inputs(self) -> Sequence[_Named]: ...
    def get_outputs(self) -> Sequence[_Named]: ...


def open_model(path: Path) -> Session:
    """Load a model file (`.onnx` or `.ort`) for one quiet thread. Raises ImportError without onnxruntime.

    onnxruntime's defaults are for a machine of its own: threads that spin between calls take a core away from the
    sound, and the arena keeps the memory of the longest utterance for ever (620 MB after one of 53 s).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return cast(Session, session)


SAMPLE_RATE = 16_000
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
