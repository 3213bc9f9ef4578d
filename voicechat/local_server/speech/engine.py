"""Loads ears and mouth of the offline engine at once, and says what is missing before anything is loaded."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from voicechat.errors import ConfigError
from voicechat.local_server.speech.moonshine import model_folder
from voicechat.local_server.speech.ort import Session
from voicechat.local_server.speech.recogniser import Recogniser
from voicechat.local_server.speech.vad import SileroVad, load_vad_model
from voicechat.local_server.speech.voice import Voice

INSTALL = 'run pip install ".[local]" in the folder of voicechat'


@dataclass(frozen=True, slots=True)
class SpeechEngine:
    """Everything that hears and speaks. One engine serves all sessions of a server."""

    recogniser: Recogniser
    voice: Voice
    vad_model: Session
    warnings: tuple[str, ...] = ()
    """What the user should know about the models; each a sentence."""

    def new_vad(self) -> SileroVad:
        """A voice detector for one stream (detectors remember what they heard)."""
        return SileroVad(self.vad_model)


def engine_is_missing() -> str:
    """Why the engine cannot run here, as one sentence with the cure; empty when it can. Loads nothing."""
    parts = {
        "onnxruntime": importlib.util.find_spec("onnxruntime") is not None,
        "moonshine-voice": model_folder() is not None,
        "hibari-tts": importlib.util.find_spec("hibari") is not None,
    }
    missing = [name for name, found in parts.items() if not found]
    if not missing:
        return ""
    return f"The offline engine is not installed ({', '.join(missing)} missing): {INSTALL}"


def load_engine() -> SpeechEngine:
    """Load all models side by side (about 0.6 s; most of it is reading files, which frees the interpreter).

    Raises ConfigError when the extra `local` is not installed.
    """
    missing = engine_is_missing()
    if missing:
        raise ConfigError(missing.partition(":")[0] + ".", hint=INSTALL)
    with ThreadPoolExecutor(max_workers=1) as pool:
        loading = pool.submit(Voice)
        vad_model = load_vad_model()
        recogniser = Recogniser(vad_model)
        voice = loading.result()
    warnings = tuple(warning for warning in (recogniser.warning, voice.warning) if warning)
    return SpeechEngine(recogniser, voice, vad_model, warnings)
