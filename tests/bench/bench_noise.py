"""What noise suppression costs a recogniser, and how much noise it takes away: many noises, people and local voices.

    python -m tests.bench.bench_noise [--quick] [--held-out] [--part gain] [--seeds N] [--speech FOLDER]

Runs faster than real time. The bar: at 10 dB the recognition error with suppression minus without is <= 0 points. Most
of the speech is the same in both, bit for bit; the rest is read a little differently, better or worse by chance, so the
spread stands beside it and the exit is 0 when the points are not above it. `--part gain` asks the same of gain control,
which has no bar. 5 and 20 dB are shown beside it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from tests.bench.bars import Figure, judge, options
from tests.bench.noises import KINDS, STEADY, UNSEEN_KINDS
from tests.bench.noisy_speech import NoisySpeech
from tests.bench.voices import SPEECH
from voicechat.local_server.speech.engine import engine_is_missing

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
