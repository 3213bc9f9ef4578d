"""What the self-test plays, and how it finds that again in the microphone. Pure: arrays in, numbers out.

The chirp is a short sweep in the band that every loudspeaker and telephone headset passes. Its matched filter gathers
the whole sweep into one moment, 26 dB above what noise of the same level leaves there, so a loudspeaker is found that
nobody would hear. The voice is made of numbers (pulses of a larynx through moving formants, hisses, pauses), because
a canceller's rest must be judged with what a voice detector would take for a voice, and it needs no package.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE, SILENT_DB, Block, energy_db

Wide = npt.NDArray[np.float64]

CHIRP_SECONDS = 0.12
_CHIRP_BAND = (500.0, 5_500.0)
"""Hz: above what small loudspeakers lose, below what a telephone headset cuts off hard."""
_CHIRP_PEAK = 0.25
_FADE = 0.015
"""Seconds in which a chirp comes and goes, so that it does not click."""
_STANDS_OUT = 7.0
"""Peak of the matched filter against its median: noise alone reaches 4 in 0.8 s."""
_FIRST_SHARE = 0.5
"""Share of the strongest arrival that an earlier one must have to be the first: the direct way may be the weaker."""
_FIRST_WITHIN = 0.03
"""Seconds before the strongest arrival in which the first one is looked for."""
_REVERBERATION = 0.1
"""Seconds after the chirp that still count as its echo when the level is taken."""


@dataclass(frozen=True, slots=True)
class Echo:
    """One chirp, found again."""

    delay: float
    """Seconds from the block that was handed to the loudspeaker to its first arrival in the microphone."""
    gain_db: float
    """Energy of the echo against what was played, dB; -20 is an ordinary laptop."""
    level_db: float
    """Level of the echo in the microphone, dBFS."""


def chirp() -> Block:
    """float32[5760]: 0.12 s from 500 to 5500 Hz, peak 0.25, soft at both ends."""
    times = np.arange(round(CHIRP_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    low, high = _CHIRP_BAND
    sweep = np.sin(2 * np.pi * (low * times + (high - low) / (2 * CHIRP_SECONDS) * times**2))
    edge = np.clip(np.minimum(times, times[::-1]) / _FADE, 0.0, 1.0)
    faded: Block = (_CHIRP_PEAK * sweep * np.sin(edge * np.pi / 2) ** 2).astype(np.float32)
    return faded


def find_chirp(heard: Block, noise_db: float) -> Echo | None:
    """The chirp in what was heard since it was played; None where nothing stands out. `noise_db`: the room's, dBFS."""
    played = chirp()
    envelope = _matched(heard, played)
    if not len(envelope) or not np.any(envelope):
        return None
    strongest = int(np.argmax(envelope))
    if envelope[strongest] < _STANDS_OUT * float(np.median(envelope)):
        return None
    begin = max(0, strongest - round(_FIRST_WITHIN * SAMPLE_RATE))
    early = envelope[begin : strongest + 1] >= _FIRST_SHARE * envelope[strongest]
    first = begin + int(np.argmax(early))
    end = first + len(played) + round(_REVERBERATION * SAMPLE_RATE)
    part = heard[first:end].astype(np.float64)
    energy = float(np.sum(part**2)) - len(part) * 10.0 ** (noise_db / 10.0)
    if energy <= 0.0:
        energy = float(envelope[strongest]) ** 2 * float(np.sum(played.astype(np.float64) ** 2))
    gain_db = max(SILENT_DB, 10.0 * float(np.log10(energy / float(np.sum(played.astype(np.float64) ** 2)) + 1e-12)))
    return Echo(first / SAMPLE_RATE, gain_db, energy_db(energy / len(played)))


def _matched(heard: Block, played: Block) -> Wide:
    """Envelope of the matched filter for every whole placement of `played` in `heard`; 1.0 is an echo without loss."""
    places = len(heard) - len(played) + 1
    if places <= 0:
        return np.zeros(0)
    size = 1 << (len(heard) + len(played) - 1).bit_length()
    spectrum = np.fft.fft(heard, size) * np.conj(np.fft.fft(played, size))
    spectrum[size // 2 + 1 :] = 0.0
    spectrum[1 : size // 2] *= 2.0
    energy = float(np.sum(played.astype(np.float64) ** 2))
    envelope: Wide = np.abs(np.fft.ifft(spectrum))[:places] / energy
    return envelope


_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants of a, i, u, e, o in Hz."""
_SYLLABLE = 0.18
_WORDS_A_PHRASE = (2, 5)
_PAUSE = (0.12, 0.3)
_VOICE_LEVEL = 0.1
"""Root mean square of the voice: -20 dBFS, as loud as an assistant usually is."""


def made_voice(seconds: float, *, pitch: float = 120.0, seed: int = 1) -> Block:
    """A voice made of numbers, float32 at 48 kHz, about -20 dBFS: syllables, hisses, pauses between phrases."""
    rng = np.random.default_rng(seed)
    length = round(seconds * SAMPLE_RATE)
    voice = np.zeros(length + SAMPLE_RATE)
    position = 0
    while position < length:
        for _ in range(int(rng.integers(*_WORDS_A_PHRASE)) * 2):
            if position >= length:
                break
            sound = _syllable(pitch * rng.uniform(0.9, 1.2), rng)
            voice[position : position + len(sound)] += sound[: len(voice) - position]
            position += round(0.95 * len(sound))
        position += round(rng.uniform(*_PAUSE) * SAMPLE_RATE)
    return at_voice_level(voice[:length])


def at_voice_level(sound: npt.ArrayLike) -> Block:
    """Any sound of a voice, scaled to the level of an assistant; peaks stay below full scale."""
    wide = np.asarray(sound, dtype=np.float64)
    loud = wide[np.abs(wide) > 1e-4]
    level = float(np.sqrt(np.mean(loud**2))) if len(loud) else 1.0
    scaled: Block = np.clip(wide * (_VOICE_LEVEL / level), -0.95, 0.95).astype(np.float32)
    return scaled


def _syllable(pitch: float, rng: np.random.Generator) -> Wide:
    """A hiss, then a vowel whose pitch falls and whose formants glide to those of the next."""
    size = round(_SYLLABLE * rng.uniform(0.8, 1.5) * SAMPLE_RATE)
    times = np.arange(size) / SAMPLE_RATE
    glide = np.linspace(0.0, 1.0, size)
    first, last = (_VOWELS[int(rng.integers(len(_VOWELS)))] for _ in range(2))
    phase = 2 * np.pi * np.cumsum(pitch * (1.1 - 0.25 * glide)) / SAMPLE_RATE
    sound = np.zeros(size)
    for harmonic in range(1, int(4_500 / pitch)):
        gain = np.zeros(size)
        for start, end in zip(first, last, strict=True):
            formant = start + (end - start) * glide
            gain += 1.0 / (1.0 + ((harmonic * pitch - formant) / (60.0 + formant * 0.05)) ** 2)
        sound += gain / harmonic**0.5 * np.sin(harmonic * phase)
    peak = float(np.max(np.abs(sound))) or 1.0
    vowel = (sound / peak + rng.standard_normal(size) * 0.02) * np.clip(np.minimum(times, times[::-1]) / 0.04, 0, 1)
    return np.concatenate([_hiss(rng), vowel]) if rng.random() < 0.5 else vowel


def _hiss(rng: np.random.Generator) -> Wide:
    """A consonant: 60 ms of noise without its low half, with soft ends."""
    size = round(0.06 * SAMPLE_RATE)
    noise = np.diff(rng.standard_normal(size + 1)) * 0.05
    shaped: Wide = noise * np.hanning(size)
    return shaped
