"""Does noise suppression cost words? The same noisy speech through the path with and without it, then recognised."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tests.bench.rooms import Sound, active_rms, level, pink, recordings
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.resample import Resampler

SPOKEN = {
    "cards_001": "ten of clubs",
    "cards_002": "four queen of clubs",
    "cards_003": "seven of clubs",
    "cards_004": "five five",
    "cards_005": "eight of spades four of clubs seven of hearts",
}
"""What is said, where the folder has no manifest."""
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
LEAD = 1.0
"""Seconds of noise alone before and after the words: a microphone is open before somebody speaks."""


class NoisySpeech:
    """Word errors over all recordings with a transcript, at 10 dB of speech over two kinds of noise."""

    def __init__(self, speech: Path, *, held_out: bool, snr_db: float = 10.0) -> None:
        from voicechat.local_server.speech.recogniser import Recogniser

        self._recogniser = Recogniser()
        self._texts = transcripts(speech)
        voices = {n: sound for n, sound in recordings(speech, held_out=held_out).items() if n in self._texts}
        self.words = self.with_suppression = self.without = 0
        for seed, (name, voice) in enumerate(voices.items()):
            for noise in (pink(len(voice) / SAMPLE_RATE + 2 * LEAD, 1.0, seed), fan(len(voice), seed)):
                self._count(name, voice, noise, snr_db)

    def _count(self, name: str, voice: Sound, noise: Sound, snr_db: float) -> None:
        spoken = level(voice, 0.06)
        mic = (noise * (active_rms(spoken) * 10 ** (-snr_db / 20))).astype(np.float32)
        start = int(LEAD * SAMPLE_RATE)
        mic[start : start + len(spoken)] += spoken
        truth = words(self._texts[name])
        self.words += len(truth)
        self.with_suppression += self._errors(truth, mic, suppress=True)
        self.without += self._errors(truth, mic, suppress=False)

    def _errors(self, truth: list[str], mic: Sound, *, suppress: bool) -> int:
        processor, far = make_processor(Processing(noise=suppress)), np.zeros(BLOCK, dtype=np.float32)
        whole = range(0, len(mic) - BLOCK + 1, BLOCK)
        sent = np.concatenate([processor.process(mic[start : start + BLOCK], far) for start in whole])
        return distance(truth, words(self._recogniser.transcribe(Resampler(SAMPLE_RATE, 16_000).convert(sent))))

    @property
    def holds(self) -> bool:
        return self.with_suppression <= self.without

    @property
    def figure(self) -> str:
        if not self.words:
            return "no transcripts"
        rates = [100 * errors / self.words for errors in (self.with_suppression, self.without)]
        return f"{rates[0] - rates[1]:+.1f} points ({rates[0]:.1f} - {rates[1]:.1f} %)"


def transcripts(speech: Path) -> dict[str, str]:
    """Recording -> what is said in it."""
    manifest = speech / "manifest.json"
    if not manifest.exists():
        return SPOKEN
    import json

    return {Path(row["file"]).stem: row["text"] for row in json.loads(manifest.read_text()) if row.get("text")}


def fan(length: int, seed: int) -> Sound:
    """Low hum with harmonics under broad noise: a fan or an air conditioner. RMS 1."""
    noise = pink(length / SAMPLE_RATE + 2 * LEAD, 0.7, seed + 100)
    times = np.arange(len(noise)) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 110 * k * times + k) / k for k in range(1, 8))
    total = noise + np.asarray(hum) * (0.7 / np.sqrt(np.mean(np.asarray(hum) ** 2)))
    return np.asarray(total / np.sqrt(np.mean(total**2)), dtype=np.float32)


def words(text: str) -> list[str]:
    """Lower case, numbers spelled out, no punctuation."""
    found: list[str] = []
    for word in re.findall(r"[a-z']+|\d+", text.lower().replace("mr.", "mister")):
        if word.isdigit():
            whole = [NUMBERS[int(word)]] if int(word) < len(NUMBERS) else [NUMBERS[int(digit)] for digit in word]
            found += whole
        else:
            found.append(word)
    return found


def distance(truth: list[str], heard: list[str]) -> int:
    """Words to change, add or drop."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(truth, start=1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != got))
    return row[-1]
