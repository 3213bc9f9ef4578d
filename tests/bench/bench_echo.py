"""Does the assistant hear you and not itself? Rooms made of numbers, voices of people, the real sound path.

    python -m tests.bench.bench_echo [--quick] [--held-out] [--speech FOLDER]

Runs faster than the clock and uses no device, so the load of the machine changes nothing but the last row. `--held-out`
takes the recordings, assistants and rooms that no number was ever chosen with. Exit 0 when every bar holds.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.echo_cases import NEVER, Moved, TalkOver, alone, return_loss
from tests.bench.rooms import SPEECH, Acoustics, Sound, assistants, recordings, rooms
from voicechat.audio.facts import SelfEcho

ECHO_LEVELS = (-20.0, -14.0, -8.0)
"""dB of the echo against what is played: a laptop on a desk, a loudspeaker beside the microphone."""
NO_ECHO = -200.0
"""The same for headphones that nobody has told us of."""
OVER_NOTHING = NO_ECHO + 9.0
"""dB that the voice is then below what is played, so that it is as loud as over the echoes in the middle."""
MOVES = (-0.04, -0.02, 0.02, 0.04, 0.08)
"""Seconds that the echo comes later in the middle of an answer: stalls of a sound server, a wireless link."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `reached` is None where no bar is set."""

    what: str
    figure: str
    bar: str = ""
    reached: bool | None = None


class Bench:
    """All voices and rooms of one half of the material, and the measurements made with them."""

    def __init__(self, speech: Path, *, held_out: bool, quick: bool) -> None:
        self.people = recordings(speech, held_out=held_out)
        self.assistants = assistants(speech, held_out=held_out)
        self.rooms = rooms(held_out=held_out)
        self.cases = 16 if quick else 50
        self.alone = 60.0 if quick else 600.0
        self.quick = quick
        self.cpu: list[float] = []
        self.told = 0

    def rows(self) -> Iterator[Row]:
        """Everything, in the order of the table, each row as soon as it is known."""
        yield self._return_loss()
        for over, warm in ((6.0, True), (6.0, False), (0.0, True), (-6.0, True)):
            yield from self._talk_over(over, warm=warm)
        yield from self._no_echo()
        yield from self._moved()
        yield self._alone("assistant alone", 60.0, self.alone)
        yield self._alone("assistant alone, cold starts of 5 s", 5.0, self.alone / 4)
        yield Row("told that the loudspeaker triggers, in these", f"{self.told} times", "0", self.told == 0)
        yield Row("CPU of a step while speaking", f"{statistics.mean(self.cpu) * 1e6:.0f} µs")

    def _case(self, rng: random.Random) -> tuple[str, Sound, str, Sound, Acoustics, float]:
        far = rng.choice(sorted(self.assistants))
        near = rng.choice([name for name in sorted(self.people) if name != far])
        return far, self.assistants[far], near, self.people[near], rng.choice(self.rooms), rng.choice(ECHO_LEVELS)

    def _talk_over(self, over_db: float, *, warm: bool) -> list[Row]:
        rng = random.Random(f"{over_db} {warm}")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, echo_db = self._case(rng)
            seconds.append(TalkOver(far, near, room, echo_db, over_db, warm, number + 1).seconds())
        what = f"voice {over_db:+.0f} dB over the echo, {'second answer' if warm else 'first answer ever'}"
        return self._cut_in(what, seconds, has_bar=over_db == 6.0)

    def _no_echo(self) -> list[Row]:
        rng = random.Random("no echo")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, _ = self._case(rng)
            seconds.append(TalkOver(far, near, room, NO_ECHO, -OVER_NOTHING, False, number + 1).seconds())
        return self._cut_in("no echo, first answer ever", seconds, has_bar=True)

    def _moved(self) -> Iterator[Row]:
        rng = random.Random("moved")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, echo_db = self._case(rng)
            seconds.append(Moved(far, near, room, echo_db, MOVES[number % len(MOVES)], number + 1).seconds())
        what = "the echo moves by -40 to +80 ms"
        yield Row(f"{what}: false barge-ins", f"{sum(one < 0 for one in seconds)} of {len(seconds)}")
        yield from self._cut_in(f"{what}, voice +6 dB 3 s later", seconds, has_bar=False)

    def _cut_in(self, what: str, seconds: Sequence[float], *, has_bar: bool) -> list[Row]:
        heard = [one for one in seconds if 0 < one < NEVER]
        share = len(heard) / len(seconds)
        middle = statistics.median(one if one > 0 else NEVER for one in seconds)
        return [
            Row(f"{what}: onset to silence", f"{spread(heard)}", *(("<= 420 ms", middle <= 0.42) if has_bar else ())),
            Row(
                f"{what}: detected", f"{share:.0%} of {len(seconds)}", *((">= 95 %", share >= 0.95) if has_bar else ())
            ),
        ]

    def _return_loss(self) -> Row:
        levels = (-14.0,) if self.quick else (-20.0, -8.0)
        losses = sorted(
            return_loss(far, room, echo_db)
            for echo_db in levels
            for far in list(self.assistants.values())[:: 2 if self.quick else 1]
            for room in self.rooms[:: 3 if self.quick else 1]
        )
        figure = f"median {statistics.median(losses):.1f} dB, worst {losses[0]:.1f} dB of {len(losses)}"
        return Row("echo return loss, steady", figure, "median >= 35 dB", statistics.median(losses) >= 35.0)

    def _alone(self, what: str, each: float, total: float) -> Row:
        rng, cuts, voices, runs = random.Random(what), 0, 0, round(total / each)
        names = sorted(self.assistants)
        for number in range(runs):
            far, echo_db = self.assistants[names[number % len(names)]], rng.choice((-26.0, -20.0, -14.0, -8.0, -2.0))
            ran = alone(far, rng.choice(self.rooms), echo_db, each, number + 1)
            cuts += len(ran.cuts)
            voices += ran.voices
            self.told += sum(isinstance(fact, SelfEcho) for fact in ran.facts)
            self.cpu.append(ran.cpu / ran.steps)
        return Row(f"{what}: false barge-ins in {total:.0f} s", f"{cuts} ({voices} false voices)", "0", cuts == 0)


def spread(seconds: Sequence[float]) -> str:
    """Median, p90 and worst, in ms."""
    if not seconds:
        return "never"
    ordered = sorted(seconds)
    return (
        " / ".join(f"{one * 1000:.0f}" for one in (statistics.median(ordered), ordered[int(0.9 * len(ordered))]))
        + " ms"
    )


def shown(rows: Iterator[Row]) -> int:
    """Print the table; 0 when every bar holds."""
    print(f"{'':<66}{'figure':<38}{'bar':<18}")
    missed = []
    for row in rows:
        verdict = "" if row.reached is None else ("holds" if row.reached else "MISSED")
        print(f"{row.what:<66}{row.figure:<38}{row.bar:<18}{verdict}", flush=True)
        if row.reached is False:
            missed.append(row.what)
    print(f"missed: {'; '.join(missed)}" if missed else "every bar holds")
    return 1 if missed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of WAV recordings of people")
    args = parser.parse_args()
    if not list(args.speech.glob("*.wav")):
        print(f"no recordings of people in {args.speech}: name a folder with --speech or VOICECHAT_SPEECH")
        return 1
    print(f"onset to silence: median / p90; {'held-out' if args.held_out else 'tuning'} half of voices and rooms")
    bench = Bench(args.speech, held_out=args.held_out, quick=args.quick)
    return shown(bench.rows())


if __name__ == "__main__":
    raise SystemExit(main())
