"""What noise suppression costs a recogniser, and how much noise it takes away: many noises, people and local voices.

    python -m tests.bench.bench_noise [--quick] [--held-out] [--part gain] [--seeds N] [--speech FOLDER]

Runs faster than real time. The bar: at 10 dB the recognition error with suppression minus without is <= 0 points. Most
of the speech is the same in both, bit for bit; the rest is read a little differently, better or worse by chance, so the
spread stands beside it and the exit is 0 when the points are not above it. `--part gain` asks the same of gain control,
which has no bar. 5 and 20 dB are shown beside it.

All clips are said one after another with pauses between them, into a microphone that has been open for a while. A
recogniser reads the same sound a little differently when it comes 2 ms later: one such reading differs from the next by
more than a suppressor changes. So both are cut at the same sample of the talk, every piece is read at three places, and
the difference is given with its spread. What the processing left as it was, bit for bit, needs no statistics: the share
of the speech for which that is true stands beside it.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tests.bench.bars import Figure, judge, options
from tests.bench.noises import KINDS, STEADY, UNSEEN_KINDS, noise
from tests.bench.voices import SPEECH, Said, Sound, active_rms, onset, sayings
from tests.support.word_errors import spoken_words, word_errors
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, to_float
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.path import AudioPath
from voicechat.audio.sound_format import resampled
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.engine import load_engine

Part = Literal["noise", "gain"]

_BEFORE, _PAUSE, _AROUND = 7.0, 3.0, 0.8
"""Seconds of noise before the first clip, in which meters and gain settle, after each, and read around each."""
_STEADY = 0.5
"""Seconds at the end of a pause in which what is left of the noise is measured."""
_SHIFTS = (0, 110, 250)
"""Samples by which a piece is late in its three readings."""
_LATEST = 960
"""Samples by which the processing may be late."""
_CERTAIN = 1.64
"""Standard errors beyond which a difference is more than chance (19 times in 20)."""
_SAME = 1.5 / 32767
"""Samples of 16 bits that differ by no more are the same."""


@dataclass(frozen=True)
class Read:
    """Word errors of one clip in one noise, each the mean of its readings."""

    kind: str
    words: int
    processed: float
    plain: float
    untouched: float
    """Share of the clip, from its first sound on, that is the same with and without the processing."""


class NoisySpeech:
    """Word errors over one set of clips; `talk` adds one talk, the rest are sums over all talks so far."""

    def __init__(self, speech: Path, *, held_out: bool, part: Part = "noise") -> None:
        self._engine = load_engine()
        without = replace(Processing(), noise=False) if part == "noise" else replace(Processing(), gain=False)
        self._processings = (Processing(), without)
        self._known: dict[bytes, int] = {}
        self.clips = sayings(speech, held_out=held_out)
        self.reads: list[Read] = []
        self.reduced: dict[str, list[float]] = {}
        """Kind of noise -> dB by which it is softer at the end of each pause."""
        self.returns: dict[str, list[int]] = {}
        """Kind of noise -> how often it came back while nobody spoke, of each pause."""

    def talk(self, kind: str, snr_db: float, seed: int) -> None:
        """Everything said once, in one kind of noise."""
        mic, starts = self._microphone(kind, snr_db, seed)
        processed, plain = (_through_the_path(mic, wished) for wished in self._processings)
        processed = processed[_lag(processed, plain) :]
        length = len(processed) // BLOCK * BLOCK
        processed, plain = processed[:length], plain[:length]
        same = np.max(np.abs(processed - plain).reshape(-1, BLOCK), axis=1) <= _SAME
        for clip, start in zip(self.clips, starts, strict=True):
            errors = [self._errors(clip, sound, start) for sound in (processed, plain)]
            first, last = start + round(onset(clip.sound) * SAMPLE_RATE), start + len(clip.sound)
            untouched = float(np.mean(same[first // BLOCK : last // BLOCK]))
            self.reads.append(Read(kind, len(spoken_words(clip.text)), errors[0], errors[1], untouched))
            self._look_at_the_pause(kind, start, (processed, plain), same)

    def difference(self, kinds: Iterable[str] = KINDS) -> tuple[float, float]:
        """Errors with the processing minus without, and how much of that may be chance; points."""
        reads = self._of(kinds)
        words = sum(read.words for read in reads)
        each = [read.processed - read.plain for read in reads]
        return 100 * sum(each) / words, _CERTAIN * 100 * statistics.pstdev(each) * len(each) ** 0.5 / words

    def totals(self, kinds: Iterable[str] = KINDS) -> tuple[float, float, int]:
        """Words wrong with the processing, without, and words said."""
        reads = self._of(kinds)
        return sum(r.processed for r in reads), sum(r.plain for r in reads), sum(r.words for r in reads)

    def untouched(self, kinds: Iterable[str] = KINDS) -> float:
        """Share of the speech that is the same with and without, bit for bit."""
        return statistics.mean(read.untouched for read in self._of(kinds))

    def returns_per_minute(self, kinds: Iterable[str] = KINDS) -> float:
        """How often the noise comes back in a minute of pause: what people call pumping."""
        pauses = [count for kind in kinds for count in self.returns.get(kind, [])]
        return 60 * sum(pauses) / (len(pauses) * (_PAUSE - 0.5)) if pauses else 0.0

    @property
    def holds(self) -> bool:
        """Whether what the processing costs is nothing, as far as the spread can tell."""
        points, spread = self.difference({read.kind for read in self.reads})
        return points <= spread

    def _of(self, kinds: Iterable[str]) -> list[Read]:
        wanted = set(kinds)
        return [read for read in self.reads if read.kind in wanted]

    def _look_at_the_pause(
        self, kind: str, start: int, sounds: tuple[Sound, Sound], same: npt.NDArray[np.bool_]
    ) -> None:
        pause = slice(start - round(_STEADY * SAMPLE_RATE), start - round(0.05 * SAMPLE_RATE))
        processed, plain = (float(np.mean(np.square(sound[pause]))) for sound in sounds)
        self.reduced.setdefault(kind, []).append(10 * float(np.log10(plain / max(processed, 1e-12))))
        of_pause = same[round((start / SAMPLE_RATE - _PAUSE + 0.3) * 100) : round((start / SAMPLE_RATE - 0.2) * 100)]
        self.returns.setdefault(kind, []).append(int(np.sum(of_pause[1:] & ~of_pause[:-1])))

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
            key = hashlib.blake2b(piece.tobytes(), digest_size=16).digest()
            if key not in self._known:
                heard = self._engine.recogniser.transcribe(resampled(piece, SAMPLE_RATE, 16_000))
                self._known[key] = min(word_errors(clip.text, heard), len(spoken_words(clip.text)))
            counts.append(self._known[key])
        return statistics.mean(counts)


def _through_the_path(mic: Sound, wished: Processing) -> Sound:
    """What an open microphone sends of it."""
    path = AudioPath(lambda fact: None, processor=make_processor(wished))
    path.open_mic(0.0)
    out, sent = np.zeros(BLOCK, np.float32), []
    for number, start in enumerate(range(0, len(mic), BLOCK), start=1):
        path.process(mic[start : start + BLOCK], out, number / 100)
        if number % 2 == 0:
            sent.append(path.pull())
    return to_float(np.concatenate(sent))


def _lag(processed: Sound, plain: Sound) -> int:
    """Samples by which the first is later than the second."""
    middle = slice(len(plain) // 3, len(plain) // 3 + 20 * SAMPLE_RATE)
    wanted = plain[middle]
    fits = [float(np.dot(wanted, processed[middle.start + late : middle.stop + late])) for late in range(_LATEST)]
    return int(np.argmax(fits))


BAR_AT = 10.0
"""dB of speech over noise at which the bar is set."""
LESS_AT_LEAST = 10.0
"""dB by which steady noise must be softer in a long pause, or suppression would be harmless by doing nothing."""


def row(what: str, kinds: Sequence[str], measured: NoisySpeech) -> str:
    with_it, without, words = measured.totals(kinds)
    points, spread = measured.difference(kinds)
    same, returns = 100 * measured.untouched(kinds), measured.returns_per_minute(kinds)
    counts = f"{with_it:>9.1f}{without:>9.1f}{words:>7}{points:>+9.2f}{spread:>8.2f}"
    return f"{what:<24}{counts}{same:>10.1f} %{reduced(kinds, measured):>8.1f} dB{returns:>8.1f}"


def reduced(kinds: Sequence[str], measured: NoisySpeech) -> float:
    """dB by which noise is softer in pauses; the median of all pauses."""
    return statistics.median(value for kind in kinds for value in measured.reduced[kind])


def measure(measured: NoisySpeech, kinds: Sequence[str], snr_db: float, seeds: Sequence[int]) -> None:
    """All talks at one level of noise, and their part of the table."""
    for kind in kinds:
        for seed in seeds:
            measured.talk(kind, snr_db, seed)
        print(row(f"{snr_db:.0f} dB, {kind}", (kind,), measured), flush=True)
    print(row(f"{snr_db:.0f} dB, all", kinds, measured), flush=True)


def main() -> int:
    args = options(__doc__, quick=False, held_out=False, part="noise", seeds=3, speech=SPEECH)
    if missing := engine_is_missing():
        print(missing, file=sys.stderr)
        return 1
    began = time.monotonic()
    kinds = UNSEEN_KINDS if args.held_out else KINDS
    print(f"words wrong with and without {args.part}; the same: bit for bit; back: times a minute")
    titles = ("with", 9), ("without", 9), ("words", 7), ("points", 9), ("spread", 8), ("the same", 12), ("softer", 11)
    print(f"{'speech over noise':<24}{''.join(f'{title:>{width}}' for title, width in titles)}{'back':>8}")
    first = 1000 * args.held_out + 1
    at_bar = NoisySpeech(args.speech, held_out=args.held_out, part=args.part)
    measure(at_bar, kinds, BAR_AT, range(first, first + (1 if args.quick else args.seeds)))
    for snr_db in () if args.quick else (5.0, 20.0):
        beside = NoisySpeech(args.speech, held_out=args.held_out, part=args.part)
        measure(beside, kinds, snr_db, range(first, first + 1))
    points, spread = at_bar.difference(kinds)
    softer = reduced([kind for kind in kinds if kind in STEADY], at_bar)
    has_bar = args.part == "noise"
    return judge(
        f"suppression and a recogniser, {len(at_bar.clips)} clips, {time.monotonic() - began:.0f} s",
        [
            Figure(f"points of error, with minus without, {BAR_AT:.0f} dB", [points], "", "mean"),
            Figure("   above its spread", [points - spread], "", "mean", 0.0 if has_bar else None),
            Figure("steady noise softer in pauses", [softer], "dB", "mean", LESS_AT_LEAST if has_bar else None, True),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
