"""Rooms, loudspeakers and voices for benchmarks of the sound path: everything between two air gaps, made of numbers.

The real voices are recordings of people in the folder named by `VOICECHAT_SPEECH` (or `--speech`); the checkout ships
none. Assistants speak with the built-in voice, with espeak-ng's where that program is installed, and with recordings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.files import WavMic
from voicechat.audio.sound_format import Resampler

Sound = npt.NDArray[np.float32]

SPEECH = Path(os.environ.get("VOICECHAT_SPEECH", Path(__file__).resolve().parents[3] / "shared" / "speech"))
ESPEAK = ("en-us", "en-us+f4", "en-gb+m3", "en-gb+f2", "en-us+m7", "en-gb-scotland")
_SAYS = (
    "Well, let me think about that for a moment. There are three things that matter here. First, the weather is going "
    "to change tomorrow afternoon, so take a coat. Second, the train leaves at a quarter past seven, not at eight. And "
    "third, you asked me to remind you of the tickets, which are in the drawer next to the kitchen door."
)


@dataclass(frozen=True, slots=True)
class Acoustics:
    """One way from a loudspeaker into a microphone."""

    name: str
    delay: float
    """Seconds, devices included."""
    t60: float
    direct: float
    """Share of the direct sound in the energy, 0 to 1."""
    drive: float
    """How hard the loudspeaker is driven into its tanh; 0: linear."""
    seed: int


class Room:
    """Loudspeaker to microphone, block by block: a tanh, a delay and a reverberation by partitioned convolution."""

    def __init__(self, acoustics: Acoustics, level_db: float) -> None:
        """`level_db`: the echo against what is played, dB."""
        response = impulse_response(acoustics) * 10 ** (level_db / 20)
        parts = -(-len(response) // BLOCK)
        padded = np.pad(response, (0, parts * BLOCK - len(response))).reshape(parts, BLOCK)
        self._parts = np.fft.rfft(padded, 2 * BLOCK, axis=1).astype(np.complex64)
        self._past = np.zeros((parts, BLOCK + 1), dtype=np.complex64)
        self._at = 0
        self._played = np.zeros(2 * BLOCK, dtype=np.float32)
        self._drive = acoustics.drive

    def hear(self, out: Sound) -> Sound:
        """The echo of everything played so far, `out` included, as it arrives during `out`."""
        self._played[:BLOCK] = self._played[BLOCK:]
        self._played[BLOCK:] = np.tanh(self._drive * out) / self._drive if self._drive else out
        self._at = (self._at - 1) % len(self._past)
        self._past[self._at] = np.fft.rfft(self._played)
        first = len(self._past) - self._at
        total = np.einsum("pf,pf->f", self._parts[:first], self._past[self._at :])
        if self._at:
            total = total + np.einsum("pf,pf->f", self._parts[first:], self._past[: self._at])
        return np.asarray(np.fft.irfft(total)[BLOCK:], dtype=np.float32)


class MovingRoom(Room):
    """A room behind devices whose delay jumps once: a stalled sound server, a wireless link that caught up."""

    _BEFORE = 8
    """Blocks that the devices are late before it."""

    def __init__(self, acoustics: Acoustics, level_db: float, *, at: float, by: float) -> None:
        """The echo comes `by` seconds later (negative: sooner) from `at` seconds on."""
        super().__init__(acoustics, level_db)
        self._out = np.zeros(BLOCK * 100, dtype=np.float32)
        self._late = self._BEFORE * BLOCK
        self._blocks_left = round(at * SAMPLE_RATE / BLOCK)
        self._jump = round(by * SAMPLE_RATE)

    def hear(self, out: Sound) -> Sound:
        """See `Room.hear`."""
        self._out[:-BLOCK] = self._out[BLOCK:]
        self._out[-BLOCK:] = out
        if self._blocks_left == 0:
            self._late += self._jump
        self._blocks_left -= 1
        first = self._out.size - self._late - BLOCK
        return super().hear(self._out[first : first + BLOCK])


def impulse_response(room: Acoustics) -> Sound:
    """Unit energy: a direct sound, then reverberation that falls 60 dB in `t60`."""
    rng = np.random.default_rng(room.seed)
    length = int(min(room.t60, 0.5) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / (room.t60 * SAMPLE_RATE))
    tail[: int(0.002 * SAMPLE_RATE)] = 0.0
    tail *= np.sqrt((1 - room.direct) / np.sum(tail**2))
    tail[0] = np.sqrt(room.direct)
    return np.concatenate([np.zeros(int(room.delay * SAMPLE_RATE)), tail]).astype(np.float32)


def rooms(*, held_out: bool) -> list[Acoustics]:
    """Six rooms for trying things out, six others that nothing was tuned to."""
    rng = np.random.default_rng(77 if held_out else 5)
    delays = (0.03, 0.06, 0.09, 0.14, 0.19, 0.25)
    return [
        Acoustics(
            f"{delay * 1000:.0f} ms",
            delay * rng.uniform(0.9, 1.0),
            rng.uniform(0.12, 0.5),
            rng.uniform(0.25, 0.75),
            rng.uniform(0.0, 4.0),
            int(rng.integers(1 << 30)),
        )
        for delay in delays
    ]


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


def pink(seconds: float, rms: float, seed: int) -> Sound:
    """Noise that falls 3 dB an octave, as rooms have it."""
    size = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), size * 40 / SAMPLE_RATE))
    noise = np.fft.irfft(spectrum, size)
    return np.asarray(noise * (rms / np.sqrt(np.mean(noise**2))), dtype=np.float32)


def read(path: Path) -> Sound:
    """A whole sound file, float32 at 48 kHz."""
    mic = WavMic(str(path))
    return np.concatenate([mic.read() for _ in range(int(mic.duration * 100))])


def recordings(folder: Path, *, held_out: bool) -> dict[str, Sound]:
    """Every other recording by name; the held-out half was never used to choose a number."""
    names = sorted(folder.glob("*.wav"))
    return {path.stem: read(path) for path in names[int(held_out) :: 2]}


def assistants(folder: Path, *, held_out: bool) -> dict[str, Sound]:
    """Voices an assistant may have: name -> at least ten seconds. Pauses inside are those of the text."""
    voices = {
        name: sound for name, sound in recordings(folder, held_out=held_out).items() if len(sound) > 5 * SAMPLE_RATE
    }
    if shutil.which("espeak-ng"):
        for name in ESPEAK[int(held_out) :: 2]:
            voices[name] = _espeak(name)
    else:
        print("espeak-ng is not installed: the assistants speak with recordings and the built-in voice only.")
    voices["built-in"] = _built_in()
    return {name: np.resize(sound, max(len(sound), 12 * SAMPLE_RATE)) for name, sound in voices.items()}


def _espeak(voice: str) -> Sound:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "165", "-w", str(path), _SAYS], check=True)
        return read(path)


def _built_in() -> Sound:
    """What our own server says, at 48 kHz."""
    from voicechat.local_server.speech.engine import load_engine

    return Resampler(24_000, SAMPLE_RATE).convert(np.concatenate(list(load_engine().voice.speak(_SAYS))))
