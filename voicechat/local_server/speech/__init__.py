"""Ears and mouth of the offline engine: when somebody speaks, what was said, and a voice that answers. English only.

`engine.load_engine()` is the door. Models come out of Python packages (the extra `local`) or lie in `assets/`;
nothing is ever downloaded at run time. Audio is mono float32 in [-1, 1]: 16 kHz towards the ears, 24 kHz from the
mouth (the rate of the Realtime protocol). onnxruntime and the voice are imported inside functions, because every
command of voicechat must start without them; what is missing is said before anything is loaded.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from voicechat.errors import ConfigError

# onnxruntime (seen in 1.32) reports usage to Microsoft by default, also from a server that promises to be offline. It
# reads this when it is loaded, and everything that loads it (our models, the voice's package) is below this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

INSTALL = 'run pip install ".[local]" in the folder of voicechat'
_ASSETS = {"moonshine-voice": ("moonshine_voice", "tiny-en"), "hibari-tts": ("hibari", "hibari.onnx")}
"""Where the models lie: the package as it is imported, and the name in its folder `assets`."""


def asset(name: str) -> Path | None:
    """The model of a package that is named as it is installed; None when it is not. Imports nothing."""
    package, file = _ASSETS[name]
    found = importlib.util.find_spec(package)
    path = Path(found.origin).parent / "assets" / file if found and found.origin else None
    return path if path and path.exists() else None


def engine_is_missing() -> str:
    """Why the engine cannot run here, as one sentence; empty when it can. Loads nothing."""
    runtime = [] if importlib.util.find_spec("onnxruntime") else ["onnxruntime"]
    missing = runtime + [name for name in _ASSETS if asset(name) is None]
    return f"The offline engine is not installed ({', '.join(missing)} missing)." if missing else ""


def require_engine() -> None:
    """Raises ConfigError when the extra `local` is not installed."""
    if missing := engine_is_missing():
        raise ConfigError(missing, hint=INSTALL)
