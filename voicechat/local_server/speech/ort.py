"""onnxruntime as we use it: one thread, no spinning, no arena; and the part of its interface that we touch, typed.

onnxruntime ships no types, and its defaults are for a machine of its own: threads that spin between calls take a core
away from the sound, and the arena keeps the memory of the longest utterance for ever (620 MB after one of 53 s).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32] | NDArray[np.int64] | NDArray[np.bool_]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Session(Protocol):
    """A loaded model. `run` may be called from several threads at once."""

    def run(self, names: Sequence[str] | None, feed: Mapping[str, Tensor]) -> list[NDArray[np.float32]]:
        """Outputs in the model's order (all of them when `names` is None)."""
        ...

    def get_inputs(self) -> Sequence[_Named]:
        """Names of what the model takes."""
        ...

    def get_outputs(self) -> Sequence[_Named]:
        """Names of what the model gives."""
        ...


def open_model(path: Path) -> Session:
    """Load a model file (`.onnx` or `.ort`) for one quiet thread. Raises ImportError without onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return cast(Session, session)
