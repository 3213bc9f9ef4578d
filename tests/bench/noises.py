"""Kinds of noise with an RMS of 1, at 48 kHz: what a microphone hears besides the one who speaks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.bench.rooms import pink
from tests.bench.voices import Sound, level
from voicechat.audio.blocks import SAMPLE_RATE

KINDS = ("white", "pink", "fan", "babble", "keys")
UNSEEN_KINDS = ("car", "rain", "vacuum cleaner", "other babble")
"""Made after everything was decided."""
STEADY = ("white", "pink", "fan", "car", "vacuum cleaner")
"""Those without single events: no voices, keys or drops."""


def noise(kind: str, length: int, seed: int, others: Sequence[Sound]) -> Sound:
    """`length` samples; `others` are the voices of the babble, all at once and each beginning somewhere else."""
    rng = np.random.default_rng(seed)
    match kind:
        case "white":
            return _unit(rng.standard_normal(length))
        case "pink":
            return _long_pink(length, seed)
        case "fan":
            return fan(length, seed)
        case "car":
            return _car(length, seed)
        case "rain":
            return _rain(length, rng)
        case "vacuum cleaner":
            return _vacuum_cleaner(length, seed)
        case "babble" | "other babble":
            voices = [np.roll(np.resize(level(one, 1.0), length), int(rng.integers(length))) for one in others]
            return _unit(np.sum(voices, axis=0))
        case _:
            return _keys(length, rng)


def fan(length: int, seed: int) -> Sound:
    """Low hum with harmonics under broad noise: a fan or an air conditioner."""
    times = np.arange(length) / SAMPLE_RATE
    hum = np.sum([np.sin(2 * np.pi * 110 * k * times + k) / k for k in range(1, 8)], axis=0)
    return _unit(_long_pink(length, seed + 100) * 0.7 + 0.7 * _unit(hum))


def _car(length: int, seed: int) -> Sound:
    """A car on a road that is not quite even: falls 6 dB an octave, and swells by 1.5 dB every few seconds."""
    brown = np.convolve(_long_pink(length + 48, seed), np.ones(48) / 48, "valid")[:length]
    times = np.arange(length) / SAMPLE_RATE
    road = 10 ** (1.5 / 20 * np.sin(2 * np.pi * 0.23 * times + seed))
    return _unit(_unit(brown) * road + 0.15 * _long_pink(length, seed + 200))


def _rain(length: int, rng: np.random.Generator) -> Sound:
    """Very many drops on a roof, and the hiss between them."""
    drops = np.where(rng.random(length) < 0.02, rng.standard_normal(length), 0.0)
    drop = np.exp(-np.arange(96) / 20) * np.sin(np.arange(96) * 0.45)
    return _unit(_unit(np.convolve(drops, drop, "same")) + 0.5 * rng.standard_normal(length))


def _vacuum_cleaner(length: int, seed: int) -> Sound:
    """Broad noise with a whine and its harmonics."""
    times = np.arange(length) / SAMPLE_RATE
    whine = np.sum([np.sin(2 * np.pi * 640 * k * times + seed * k) / k for k in range(1, 5)], axis=0)
    hiss = np.random.default_rng(seed).standard_normal(length)
    return _unit(_long_pink(length, seed + 300) + 0.3 * hiss + 0.5 * _unit(whine))


def _keys(length: int, rng: np.random.Generator) -> Sound:
    """Somebody types: short bright clicks, three to twelve a second."""
    sound, at = np.zeros(length + SAMPLE_RATE), 0
    times = np.arange(round(0.03 * SAMPLE_RATE)) / SAMPLE_RATE
    while at < length:
        click = np.diff(rng.standard_normal(len(times)) * np.exp(-times / rng.uniform(0.002, 0.006)), prepend=0.0)
        sound[at : at + len(times)] += click * rng.uniform(0.4, 1.0)
        at += round(rng.uniform(0.08, 0.35) * SAMPLE_RATE)
    return _unit(sound[:length])


def _long_pink(length: int, seed: int) -> Sound:
    return pink(length / SAMPLE_RATE + 0.01, 1.0, seed)[:length]


def _unit(sound: np.ndarray[tuple[int], np.dtype[np.float64]] | Sound) -> Sound:
    return np.asarray(sound / np.sqrt(np.mean(np.square(sound))), dtype=np.float32)
