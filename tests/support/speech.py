"""A voice made of numbers: pulses of a larynx through moving formants, enough for a voice detector to believe it.

Tests may not ship recordings of people, and noise or tones are exactly what a detector must not take for a voice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
RATE = 48_000
_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants in Hz: a, i, u, e, o."""
_SYLLABLE = 0.18


def spoken(seconds: float, *, level: float = 0.1, pitch: float = 120.0, seed: int = 1) -> Sound:
    """float32 at 48 kHz of connected syllables; `level` is the RMS."""
    rng = np.random.default_rng(seed)
    length = int(seconds * RATE)
    voice = np.zeros(length + RATE, dtype=np.float64)
    position = 0
    while position < length:
        size = int(_SYLLABLE * RATE * rng.uniform(0.8, 1.4))
        vowel = _vowel(size, _VOWELS[rng.integers(len(_VOWELS))], pitch * rng.uniform(0.9, 1.2), rng)
        voice[position : position + size] += vowel[: len(voice) - position]
        position += int(size * 0.95)
    voice = voice[:length]
    scaled: Sound = (voice * (level / np.sqrt(np.mean(voice**2)))).astype(np.float32)
    return scaled


def _vowel(size: int, formants: tuple[int, ...], pitch: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Harmonics of a falling pitch, weighted by the formants, in the envelope of a syllable."""
    times = np.arange(size) / RATE
    falling = pitch * (1.1 - 0.25 * times / times[-1])
    turn = np.exp(2j * np.pi * np.cumsum(falling) / RATE)
    sound, turned = np.zeros(size), np.ones(size, dtype=complex)
    for harmonic in range(1, int(4_000 / pitch)):
        frequency = harmonic * pitch
        gain = sum(1.0 / (1.0 + ((frequency - formant) / (60.0 + formant * 0.05)) ** 2) for formant in formants)
        turned *= turn
        sound += (turned * (gain / harmonic**0.5 * np.exp(1j * rng.uniform(0, 2 * np.pi)))).imag
    breath = rng.standard_normal(size) * 0.02 * np.max(np.abs(sound))
    envelope = np.minimum(1.0, np.minimum(times / 0.03, (times[-1] - times) / 0.05))
    voiced: npt.NDArray[np.float64] = (sound + breath) * envelope
    return voiced


def noise(seconds: float, *, level: float = 0.01, seed: int = 1) -> Sound:
    """White noise as float32 at 48 kHz; `level` is the RMS."""
    return (np.random.default_rng(seed).standard_normal(int(seconds * RATE)) * level).astype(np.float32)


def silence(seconds: float) -> Sound:
    """Digital silence as float32 at 48 kHz."""
    return np.zeros(int(seconds * RATE), dtype=np.float32)


def blocks(sound: Sound) -> list[Sound]:
    """A sound as 10 ms blocks of 480 samples; an unfinished one is left out."""
    return [sound[start : start + 480] for start in range(0, len(sound) - 479, 480)]
