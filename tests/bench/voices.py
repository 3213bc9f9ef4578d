"""Voices for benchmarks of the sound path: people, the built-in voice, espeak-ng's speakers, and what they say.

Recordings of people come from the folder named by `VOICECHAT_SPEECH` (or `--speech`); the checkout ships none. Material
is in two halves: one may be looked at while numbers are chosen, the held-out one is for the end. Sounds are float32 at
48 kHz.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.audio.files import WavMic
from voicechat.audio.sound_format import resampled
from voicechat.local_server.speech.voice import Voice

Sound = npt.NDArray[np.float32]

SPEECH = Path(os.environ.get("VOICECHAT_SPEECH", Path(__file__).resolve().parents[3] / "shared" / "speech"))
ESPEAK = ("en-us", "en-us+f4", "en-gb+m3", "en-gb+f2", "en-us+m7", "en-gb-scotland")
_SAYS = (
    "Well, let me think about that for a moment. There are three things that matter here. First, the weather is going "
    "to change tomorrow afternoon, so take a coat. Second, the train leaves at a quarter past seven, not at eight. And "
    "third, you asked me to remind you of the tickets, which are in the drawer next to the kitchen door."
)

SPOKEN = {
    "cards_001": "ten of clubs",
    "cards_002": "four queen of clubs",
    "cards_003": "seven of clubs",
    "cards_004": "five five",
    "cards_005": "eight of spades four of clubs seven of hearts",
}
"""What is said, where the folder has no manifest."""
SENTENCES, UNSEEN = (part.splitlines() for part in (Path(__file__).parent / "sentences.txt").read_text().split("\n\n"))
"""Those held out begin softly, many of them: with h, f, s, th or wh."""
_SPEEDS, _PITCHES = (1.0, 1.15, 0.9), (24_000, 26_000, 22_000, 25_000)
_UNSEEN_SPEEDS, _UNSEEN_PITCHES = (1.05, 0.95, 1.2), (23_000, 25_500, 21_500, 27_000)
_LEVEL = 0.06


def active_rms(sound: Sound) -> float:
    """RMS of the parts within 30 dB of the loudest 30 ms: pauses do not make a voice soft."""
    frames = sound[: len(sound) // 1440 * 1440].reshape(-1, 1440)
    energy = np.mean(frames.astype(np.float64) ** 2, axis=1)
    return float(np.sqrt(np.mean(energy[energy > energy.max() * 1e-3])))


def onset(sound: Sound) -> float:
    """Seconds to the first 30 ms within 30 dB of the loudest 30 ms."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    energy = np.convolve(np.mean(frames.astype(np.float64) ** 2, axis=1), np.ones(3) / 3, "valid")
    return float(np.argmax(energy > energy.max() * 1e-3)) * 0.01


def level(sound: Sound, rms: float) -> Sound:
    """The sound at an active RMS."""
    return np.asarray(sound * (rms / active_rms(sound)), dtype=np.float32)


def read(path: Path) -> Sound:
    """A whole sound file, float32 at 48 kHz."""
    mic = WavMic(str(path))
    return np.concatenate([mic.read() for _ in range(int(mic.duration * 100))])


def recordings(folder: Path, *, held_out: bool) -> dict[str, Sound]:
    """Every other recording by name; the held-out half was never used to choose a number."""
    names = sorted(folder.glob("*.wav"))
    return {path.stem: read(path) for path in names[int(held_out) :: 2]}


def transcripts(speech: Path) -> dict[str, str]:
    """Recording -> what is said in it."""
    manifest = speech / "manifest.json"
    if not manifest.exists():
        return SPOKEN
    return {Path(row["file"]).stem: row["text"] for row in json.loads(manifest.read_text()) if row.get("text")}


@cache
def _voice() -> Voice:
    return Voice()


def local(text: str, *, speed: float = 1.0, pitch: int = 24_000) -> Sound:
    """The built-in voice; a `pitch` of other than 24,000 makes it higher (and faster) or lower."""
    return resampled(np.concatenate(list(_voice().speak(text, speed=speed))), pitch, SAMPLE_RATE)


def trimmed(sound: Sound) -> Sound:
    """From the first to the last sample above the noise."""
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[loud[0] : loud[-1] + 1]


def espeak(speaker: str, text: str, words_a_minute: int = 150) -> Sound:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", speaker, "-s", str(words_a_minute), "-w", str(path), text], check=True)
        return read(path)


def has_espeak() -> bool:
    """Whether espeak-ng is there; says so where it is not."""
    if shutil.which("espeak-ng"):
        return True
    print("espeak-ng is not installed: the built-in voice and recordings speak alone.")
    return False


def assistants(folder: Path, *, held_out: bool) -> dict[str, Sound]:
    """Voices an assistant may have: name -> at least ten seconds. Pauses inside are those of the text."""
    voices = {
        name: sound for name, sound in recordings(folder, held_out=held_out).items() if len(sound) > 5 * SAMPLE_RATE
    }
    if has_espeak():
        voices |= {name: espeak(name, _SAYS, 165) for name in ESPEAK[int(held_out) :: 2]}
    voices["built-in"] = local(_SAYS)
    return {name: np.resize(sound, max(len(sound), 12 * SAMPLE_RATE)) for name, sound in voices.items()}


@dataclass(frozen=True)
class Said:
    """One clip with an active RMS of 0.06, and its words."""

    name: str
    text: str
    sound: Sound


def sayings(folder: Path, *, held_out: bool) -> list[Said]:
    """Recordings, which are few and therefore in both halves, and sentences of the half by the other voices."""
    texts = transcripts(folder)
    people = {**recordings(folder, held_out=False), **recordings(folder, held_out=True)}
    said = [Said(name, texts[name], level(sound, _LEVEL)) for name, sound in people.items() if name in texts]
    if not held_out:
        return said + _by_the_voice(SENTENCES, _SPEEDS, _PITCHES)
    said += _by_the_voice(UNSEEN[::2], _UNSEEN_SPEEDS, _UNSEEN_PITCHES)
    if not has_espeak():
        return said + _by_the_voice(UNSEEN[1::2], _UNSEEN_SPEEDS, _UNSEEN_PITCHES)
    speakers = zip(cycle(ESPEAK), UNSEEN[1::2], strict=False)
    return said + [Said(who, text, level(espeak(who, text), _LEVEL)) for who, text in speakers]


def _by_the_voice(texts: Sequence[str], speeds: Sequence[float], pitches: Sequence[int]) -> list[Said]:
    def sound(at: int) -> Sound:
        return local(f"{texts[at]}.", speed=speeds[at % len(speeds)], pitch=pitches[at % len(pitches)])

    return [Said("local voice", text, level(sound(at), _LEVEL)) for at, text in enumerate(texts)]
