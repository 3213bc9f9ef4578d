"""Recordings for benchmarks, spoken by the built-in voice."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

QUESTIONS = ("What time is it?", "What is twelve times seven?", "How are you today?", "What can you do for me?")
PAUSE = 5.0
"""Seconds between questions: room for an answer."""


def question_wav(path: Path, seconds: float) -> Path:
    """A 24 kHz WAV of `seconds` in which somebody asks a question every few seconds."""
    from voicechat.local_server.speech.engine import load_engine

    voice = load_engine().voice
    parts: list[NDArray[np.float32]] = []
    total = 0.0
    while total < seconds:
        spoken = np.concatenate(list(voice.speak(QUESTIONS[len(parts) % len(QUESTIONS)])))
        parts.append(np.concatenate([spoken, np.zeros(int(PAUSE * 24_000), np.float32)]))
        total += parts[-1].size / 24_000
    pcm = (np.clip(np.concatenate(parts), -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24_000)
        out.writeframes(pcm.tobytes())
    return path
