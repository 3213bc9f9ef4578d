"""What noise suppression costs a recogniser, and how much noise it takes away: five noises, people and the local voice.

    python -m tests.bench.bench_noise [--quick] [--held-out] [--speech FOLDER]

Runs faster than real time. Exit 0 when at 10 dB the recognition error with suppression is no higher than without, as
far as the spread of the run can tell. 5 and 20 dB are shown beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from tests.bench.noises import KINDS
from tests.bench.noisy_speech import NoisySpeech
from tests.bench.rooms import SPEECH
from tests.bench.table import machine
from voicechat.local_server.speech.engine import engine_is_missing

BAR_AT = 10.0
"""dB of speech over noise at which the bar is set."""


def row(what: str, kinds: tuple[str, ...], measured: NoisySpeech) -> str:
    with_it, without, words = measured.totals(kinds)
    points, spread = measured.difference(kinds)
    reduced = statistics.median(value for kind in kinds for value in measured.reduced[kind])
    counts = f"{with_it:>9.1f}{without:>9.1f}{words:>7}"
    return f"{what:<22}{counts}{points:>+9.2f}{spread:>8.2f}{reduced:>10.1f} dB"


def measure(speech: Path, *, held_out: bool, snr_db: float, seeds: range) -> NoisySpeech:
    """All talks at one level of noise, and their part of the table."""
    measured = NoisySpeech(speech, held_out=held_out)
    for seed in seeds:
        for kind in KINDS:
            measured.talk(kind, snr_db, seed + 1000 * held_out)
    for kind in KINDS:
        print(row(f"{snr_db:.0f} dB, {kind}", (kind,), measured))
    print(row(f"{snr_db:.0f} dB, all", KINDS, measured), flush=True)
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 dB only, each noise once")
    parser.add_argument("--held-out", action="store_true", help="the clips that no number was chosen with")
    parser.add_argument("--seeds", type=int, default=3, help="how often each noise is made anew, at 10 dB")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of WAV recordings of people")
    args = parser.parse_args()
    if missing := engine_is_missing():
        print(missing, file=sys.stderr)
        return 1
    began = time.monotonic()
    print(f"words wrong with noise suppression and without ({machine()})")
    print(f"{'speech over noise':<22}{'with':>9}{'without':>9}{'words':>7}{'points':>9}{'spread':>8}{'noise less':>13}")
    seeds = range(1, 2 if args.quick else args.seeds + 1)
    at_bar = measure(args.speech, held_out=args.held_out, snr_db=BAR_AT, seeds=seeds)
    for snr_db in () if args.quick else (5.0, 20.0):
        measure(args.speech, held_out=args.held_out, snr_db=snr_db, seeds=range(1, 2))
    points, spread = at_bar.difference()
    verdict = "holds" if points <= 0 else "above 0, but within chance" if at_bar.holds else "MISSED"
    print(f"with minus without at {BAR_AT:.0f} dB: {points:+.2f} points, spread {spread:.2f}, bar <= 0: {verdict}")
    print(f"{len(at_bar.clips)} clips, {time.monotonic() - began:.0f} s")
    return 0 if at_bar.holds else 1


if __name__ == "__main__":
    sys.exit(main())
