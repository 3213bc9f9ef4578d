"""Utterances whose first word matters: recordings of people, phrases cut out of them, and commands by the local voice.

A clip begins 60 ms before its first sound, with the recording's own air, and says where that sound begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.voices import local, read, transcripts
from tests.support.speech import Sound
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE

COMMANDS = (
    "Stop.",
    "Wait a moment.",
    "No, tell me about the weather.",
    "Hold on, please.",
    "Five more minutes.",
    "Shorter, please.",
    "Thanks, that is enough.",
    "Help me with something else.",
    "Cancel that.",
    "What time is it?",
)
_AIR = round(0.06 * SAMPLE_RATE)
_LONGEST = 3.2
_GAP_BLOCKS = 12
"""120 ms without sound part two phrases."""
_SOUND_DB = 32.0
"""dB below the loudest block at which a recording is sound and not room."""


@dataclass(frozen=True)
class Clip:
    """`sound` is float32 at 48 kHz with an RMS of 0.1 while there is sound; its first sound begins at `onset` s."""

    name: str
    sound: Sound
    onset: float
    said: str = ""
    """Words known to be said in the recording, in order; it may begin before the clip. Empty where not known."""


def human_clips(folder: Path) -> list[Clip]:
    """Each recording from its beginning, and from every later phrase that is at least half a second long."""
    clips, texts = [], transcripts(folder)
    for path in sorted(folder.glob("*.wav")):
        sound, said = read(path), texts.get(path.stem, "")
        starts = phrase_starts(sound)
        clips += [_clip(f"{path.stem}@{start / 100:.1f}", sound[_from(start) :], said) for start in starts]
    return clips


def spoken_clips() -> list[Clip]:
    """Short commands, as somebody says them who wants the assistant to be quiet."""
    return [_clip(text, np.concatenate([np.zeros(12_000, np.float32), local(text)])) for text in COMMANDS]


def levels(sound: Sound) -> Sound:
    """dBFS of every 10 ms."""
    whole = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.asarray(10 * np.log10(np.mean(whole**2, axis=1) + 1e-10), np.float32)


def phrase_starts(sound: Sound) -> list[int]:
    """Blocks at which something is said after at least 120 ms of quiet, and goes on for half a second and more."""
    is_sound = levels(sound) > levels(sound).max() - _SOUND_DB
    starts, quiet = [], _GAP_BLOCKS
    for block, loud in enumerate(is_sound):
        if loud and quiet >= _GAP_BLOCKS and is_sound[block : block + 50].sum() > 35:
            starts.append(block)
        quiet = 0 if loud else quiet + 1
    return starts


def _from(block: int) -> int:
    return max(0, block * BLOCK - _AIR)


def _clip(name: str, sound: Sound, said: str = "") -> Clip:
    loud = np.flatnonzero(levels(sound) > levels(sound).max() - _SOUND_DB)
    first = int(loud[0])
    sound = sound[_from(first) :][: int(_LONGEST * SAMPLE_RATE)]
    onset = min(first * BLOCK, _AIR) / SAMPLE_RATE
    active = levels(sound) > levels(sound).max() - _SOUND_DB
    power = np.mean(np.square(sound[: len(active) * BLOCK].reshape(-1, BLOCK)[active]))
    fade = np.ones(len(sound), np.float32)
    fade[-960:] = np.linspace(1.0, 0.0, 960)
    fade[:240] = np.linspace(0.0, 1.0, 240)
    return Clip(name, np.asarray(sound * fade * (0.1 / np.sqrt(power)), np.float32), onset, said)
