"""What a recogniser still understands of speech after a bad line: the second half of `bench_mouth_to_ear`.

All recordings are said one after another with pauses between them, in one talk; what came out is cut at the same
places (with room for the delay of the line) and each piece is recognised by itself.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.bench.bars import Figure
from tests.bench.bursts import RATE, Pcm
from tests.bench.voices import read
from tests.support.word_errors import spoken_words, word_errors
from voicechat.audio.blocks import to_float, to_int16
from voicechat.errors import VoiceChatError
from voicechat.local_server.sound_formats import resampled
from voicechat.local_server.speech.engine import Recogniser, engine_is_missing

_BEFORE, _PAUSE = 2.0, 1.2
"""Seconds of silence before the first recording, in which buffers learn, and after each."""
_CERTAIN = 1.64
"""Standard errors beyond which a difference is more than chance (19 times in 20)."""
_LATEST = 0.9
"""Seconds after the end of a recording for which its piece goes on: delay of the line, held back sound."""


@dataclass(frozen=True)
class Clip:
    """One recording: mono int16 at 48 kHz, and what is said in it."""

    name: str
    said: str
    pcm: Pcm


def clips_of(folder: Path) -> tuple[list[Clip], str]:
    """The recordings of a folder, or none and one sentence why."""
    if missing := engine_is_missing():
        return [], f"Recognition was left out. {missing}"
    try:
        rows = json.loads((folder / "manifest.json").read_text())
        return [Clip(row["file"], row["text"], to_int16(read(folder / row["file"]))) for row in rows], ""
    except (OSError, ValueError, KeyError, TypeError, VoiceChatError):
        return [], "Recognition was left out: give a folder of WAV files and manifest.json with --speech."


@dataclass
class Recognition:
    """The talk, and who was understood how well in it."""

    clips: list[Clip]
    starts: list[int] = field(default_factory=list)
    mouth: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    errors: dict[tuple[str, str], dict[tuple[int, int], int]] = field(default_factory=dict)
    """(network, contender) -> (seed, number of the clip) -> word errors."""

    def __post_init__(self) -> None:
        self._recogniser = Recogniser()
        pieces, at = [np.zeros(round(_BEFORE * RATE), np.int16)], round(_BEFORE * RATE)
        for clip in self.clips:
            self.starts.append(at)
            pieces += [clip.pcm, np.zeros(round(_PAUSE * RATE), np.int16)]
            at += pieces[-1].size + pieces[-2].size
        self.mouth = np.concatenate(pieces)

    @property
    def words(self) -> int:
        """Words said in one talk."""
        return sum(len(spoken_words(clip.said)) for clip in self.clips)

    def texts(self, ear: Pcm) -> list[str]:
        """What is understood of each recording."""
        return [
            self._text(ear[start : start + clip.pcm.size + round(_LATEST * RATE)])
            for start, clip in zip(self.starts, self.clips, strict=True)
        ]

    def add(self, network: str, seed: int, who: str, heard: list[str]) -> None:
        """The texts of one talk."""
        counts = self.errors.setdefault((network, who), {})
        for number, (clip, text) in enumerate(zip(self.clips, heard, strict=True)):
            counts[seed, number] = word_errors(clip.said, text)

    def difference(self, network: str) -> tuple[float, float]:
        """Ours minus Chromium's in points, and its standard error over recordings and seeds."""
        ours, theirs = self.errors[network, "ours"], self.errors[network, "chromium"]
        each = [ours[case] - theirs[case] for case in ours]
        words = self.words * len(each) / len(self.clips)
        return 100 * sum(each) / words, 100 * statistics.pstdev(each) * len(each) ** 0.5 / words

    def figures(self, names: dict[str, str]) -> list[Figure]:
        """Word errors of each contender, and ours against Chromium's, by network (and its name)."""
        figures = [Figure("words wrong, undamaged", [100 * self._undamaged() / self.words], "%")]
        for network, name in names.items():
            for (where, who), counts in self.errors.items():
                if where == network:
                    seeds = sorted({seed for seed, _ in counts})
                    wrong = [sum(n for (seed, _), n in counts.items() if seed == one) for one in seeds]
                    each = [100 * count / self.words for count in wrong]
                    figures.append(Figure(f"{name}: words wrong, {who}, each seed", each, "%", "mean"))
            points, error = self.difference(network)
            figures.append(Figure(f"{name}: points, ours - Chromium", [points], "", "mean"))
            figures.append(Figure("   above its spread", [points - _CERTAIN * error], "", "mean", 0.0))
        return figures

    def _undamaged(self) -> int:
        heard = self.texts(self.mouth)
        return sum(word_errors(clip.said, text) for clip, text in zip(self.clips, heard, strict=True))

    def _text(self, piece: Pcm) -> str:
        return self._recogniser.transcribe(resampled(to_float(piece), RATE, 16_000))
