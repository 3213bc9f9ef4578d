"""The first soft consonant is noticed, and steady noise is not."""

from __future__ import annotations

import numpy as np

from tests.bench.noises import noise as kind_of_noise
from tests.support.each import each
from tests.support.speech import Sound, blocks, noise, silence
from voicechat.audio.path import RisingSound


def risen(watch: RisingSound, mic: Sound) -> list[bool]:
    return [watch.hear(block) for block in blocks(mic)]


def soft_consonant(seconds: float, level: float) -> Sound:
    """What an f or s is made of: noise above 2 kHz."""
    return np.asarray(np.diff(noise(seconds, level=level, seed=9), prepend=0.0), np.float32)


@each("kind", ["white", "pink", "fan"])
def test_a_soft_consonant_is_noticed_within_20_ms_under_each_noise(kind: str) -> None:
    watch, mic = RisingSound(), kind_of_noise(kind, 6 * 48_000, 1, []) * np.float32(0.01)
    level = {"white": 0.012, "pink": 0.005, "fan": 0.005}[kind]
    mic[5 * 48_000 : 5 * 48_000 + 9_600] += soft_consonant(0.2, level)
    answers = risen(watch, mic)
    assert any(answers[500:502])
    assert np.mean(answers[500:520]) > 0.8


@each("kind", ["white", "pink", "fan"])
def test_steady_noise_hardly_ever_rises(kind: str) -> None:
    watch = RisingSound()
    answers = risen(watch, kind_of_noise(kind, 31 * 48_000, 2, []) * np.float32(0.01))
    assert sum(answers[100:]) <= 2


def test_a_louder_noise_is_learnt_after_a_while_but_not_at_once_nor_a_voice() -> None:
    watch = RisingSound()
    risen(watch, noise(3.0, level=0.003))
    louder = risen(watch, noise(6.0, level=0.01, seed=2))
    assert all(louder[:50]) and not any(louder[-100:])
    risen(watch, noise(0.1, level=0.3, seed=2))
    risen(watch, noise(0.3, level=0.01, seed=3))
    assert all(risen(watch, noise(0.05, level=0.016, seed=4)))


def test_after_digital_silence_a_noise_is_new_for_seconds_only() -> None:
    watch = RisingSound()
    risen(watch, silence(5.0))
    answers = risen(watch, noise(8.0, level=0.01))
    assert answers[0] and not any(answers[-100:])
