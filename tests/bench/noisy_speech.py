"""Does noise suppression cost words? The same noisy talk through the sound path with and without it, then recognised.

All clips are said one after another with pauses between them, into a microphone that has been open for a while. A
recogniser reads the same sound a little differently when it comes 2 ms later: one such reading differs from the next by
more than a suppressor changes. So every piece is read at three places, and the difference is given with its spread.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.noises import KINDS, noise
from tests.bench.rooms import Sound, active_rms, level, recordings
from tests.support.word_errors import spoken_words, word_errors
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, to_float
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.path import AudioPath
from voicechat.local_server.resample import resampled
from voicechat.local_server.speech.engine import load_engine

SPOKEN = {
    "cards_001": "ten of clubs",
    "cards_002": "four queen of clubs",
    "cards_003": "seven of clubs",
    "cards_004": "five five",
    "cards_005": "eight of spades four of clubs seven of hearts",
}
"""What is said, where the folder has no manifest."""
SENTENCES = (
    "What is the weather going to be like tomorrow afternoon",
    "Please remind me to call my mother at half past seven",
    "Turn the volume down a little and play some quiet music",
    "How many people live in the city of Berlin today",
    "I would like to book a table for four on Friday evening",
    "Can you tell me the fastest way to the railway station",
    "Write a short message to my brother about the garden",
    "Stop talking for a moment and listen to what I say",
    "Thanks, that is enough for now, let us continue later",
    "Which of these two books would you recommend to a friend",
    "The meeting was moved from Monday morning to Thursday",
    "Could you explain the difference between a lake and a pond",
)
"""Said by the local voice, at several speeds and heights."""
_SPEEDS, _HEIGHTS = (1.0, 1.15, 0.9), (24_000, 26_000, 22_000, 25_000)
_BEFORE, _PAUSE, _AROUND = 7.0, 3.0, 0.8
"""Seconds of noise before the first clip, in which meters and gain settle, after each, and read around each."""
_STEADY = 0.5
"""Seconds at the end of a pause in which what is left of the noise is measured."""
_SHIFTS = (0, 110, 250)
"""Samples by which a piece is late in its three readings."""
_CERTAIN = 1.64
"""Standard errors beyond which a difference is more than chance (19 times in 20)."""


@dataclass(frozen=True)
class Said:
    """One clip: float32 at 48 kHz with an active RMS of 0.06, and its words."""

    name: str
    text: str
    sound: Sound


@dataclass(frozen=True)
class Read:
    """Word errors of one clip in one noise, each the mean of its readings."""

    kind: str
    words: int
    suppressed: float
    plain: float


class NoisySpeech:
    """Word errors over one half of the clips; `talk` adds one talk, the rest are sums over all talks so far."""

    def __init__(self, speech: Path, *, held_out: bool) -> None:
        self._engine = load_engine()
        texts = transcripts(speech)
        people = recordings(speech, held_out=held_out).items()
        self.clips = [Said(name, texts[name], level(sound, 0.06)) for name, sound in people if name in texts]
        chosen = range(int(held_out), len(SENTENCES), 2)
        self.clips += [Said(f"local voice {at}", SENTENCES[at], self._spoken(at)) for at in chosen]
        self.reads: list[Read] = []
        self.reduced: dict[str, list[float]] = {}
        """Kind of noise -> dB by which it is softer at the end of each pause."""

    def talk(self, kind: str, snr_db: float, seed: int) -> None:
        """Everything said once, in one kind of noise."""
        mic, starts = self._microphone(kind, snr_db, seed)
        with_it, without = (_through_the_path(mic, suppress=wish) for wish in (True, False))
        for clip, start in zip(self.clips, starts, strict=True):
            errors = [self._errors(clip, sound, start) for sound in (with_it, without)]
            self.reads.append(Read(kind, len(spoken_words(clip.text)), errors[0], errors[1]))
            pause = slice(start - round(_STEADY * SAMPLE_RATE), start - round(0.05 * SAMPLE_RATE))
            powers = [float(np.mean(np.square(sound[pause]))) for sound in (with_it, without)]
            self.reduced.setdefault(kind, []).append(10 * float(np.log10(powers[1] / max(powers[0], 1e-12))))

    def difference(self, kinds: Iterable[str] = KINDS) -> tuple[float, float]:
        """Errors with suppression minus without, and how much of that may be chance; points."""
        reads = [read for read in self.reads if read.kind in kinds]
        words = sum(read.words for read in reads)
        each = [read.suppressed - read.plain for read in reads]
        return 100 * sum(each) / words, _CERTAIN * 100 * statistics.pstdev(each) * len(each) ** 0.5 / words

    def totals(self, kinds: Iterable[str] = KINDS) -> tuple[float, float, int]:
        """Words wrong with suppression, without, and words said."""
        reads = [read for read in self.reads if read.kind in kinds]
        return sum(r.suppressed for r in reads), sum(r.plain for r in reads), sum(r.words for r in reads)

    @property
    def holds(self) -> bool:
        """Whether what suppression costs is nothing, as far as the spread can tell."""
        points, spread = self.difference()
        return points <= spread

    @property
    def figure(self) -> str:
        points, spread = self.difference()
        return f"{points:+.2f} points, spread {spread:.2f}"

    def _microphone(self, kind: str, snr_db: float, seed: int) -> tuple[Sound, list[int]]:
        at, starts = round(_BEFORE * SAMPLE_RATE), []
        for clip in self.clips:
            starts.append(at)
            at += len(clip.sound) + round(_PAUSE * SAMPLE_RATE)
        mic = noise(kind, at // BLOCK * BLOCK, seed, [clip.sound for clip in self.clips])
        for clip, start in zip(self.clips, starts, strict=True):
            until = start + len(clip.sound)
            mic[start:until] += clip.sound / np.float32(active_rms(clip.sound) * 10 ** (-snr_db / 20))
        return np.asarray(mic * np.float32(0.06 * 10 ** (-snr_db / 20)), np.float32), starts

    def _errors(self, clip: Said, sound: Sound, start: int) -> float:
        around = round(_AROUND * SAMPLE_RATE)
        counts = []
        for shift in _SHIFTS:
            piece = sound[start - around - shift : start + len(clip.sound) + around - shift]
            heard = self._engine.recogniser.transcribe(resampled(piece, SAMPLE_RATE, 16_000))
            counts.append(min(word_errors(clip.text, heard), len(spoken_words(clip.text))))
        return statistics.mean(counts)

    def _spoken(self, at: int) -> Sound:
        said = self._engine.voice.speak(SENTENCES[at] + ".", speed=_SPEEDS[at % len(_SPEEDS)])
        return level(resampled(np.concatenate(list(said)), _HEIGHTS[at % len(_HEIGHTS)], SAMPLE_RATE), 0.06)


def _through_the_path(mic: Sound, *, suppress: bool) -> Sound:
    """What an open microphone sends of it."""
    path = AudioPath(lambda fact: None, processor=make_processor(Processing(noise=suppress)))
    path.open_mic(0.0)
    out, sent = np.zeros(BLOCK, np.float32), []
    for number, start in enumerate(range(0, len(mic), BLOCK), start=1):
        path.process(mic[start : start + BLOCK], out, number / 100)
        if number % 2 == 0:
            sent.append(path.pull())
    return to_float(np.concatenate(sent))


def transcripts(speech: Path) -> dict[str, str]:
    """Recording -> what is said in it."""
    manifest = speech / "manifest.json"
    if not manifest.exists():
        return SPOKEN
    return {Path(row["file"]).stem: row["text"] for row in json.loads(manifest.read_text()) if row.get("text")}
