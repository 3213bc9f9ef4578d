"""Does the assistant hear you and not itself? Rooms made of numbers, voices of people, the real sound path.

    python -m tests.bench.bench_echo [--quick] [--held-out] [--speech FOLDER]

Runs faster than the clock and uses no device, so the load of the machine changes nothing but the last row. `--held-out`
takes the recordings, assistants and rooms that no number was ever chosen with. Exit 0 when every bar holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.bars import Figure, judge, options
from tests.bench.echo_cases import NEVER, Moved, TalkOver, alone, return_loss
from tests.bench.rooms import Acoustics, rooms
from tests.bench.voices import SPEECH, Sound, assistants, recordings
from voicechat.core.events import SelfEchoHeard

ECHO_LEVELS = (-20.0, -14.0, -8.0)
"""dB of the echo against what is played: a laptop on a desk, a loudspeaker beside the microphone."""
NO_ECHO = -200.0
"""The same for headphones that nobody has told us of."""
OVER_NOTHING = NO_ECHO + 9.0
"""dB that the voice is then below what is played, so that it is as loud as over the echoes in the middle."""
MOVES = (-0.04, -0.02, 0.02, 0.04, 0.08)
"""Seconds that the echo comes later in the middle of an answer: stalls of a sound server, a wireless link."""


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

    def figures(self) -> Iterator[Figure]:
        """Everything, each as soon as it is known."""
        yield self._return_loss()
        for over, warm in ((6.0, True), (6.0, False), (0.0, True), (-6.0, True)):
            yield from self._talk_over(over, warm=warm)
        yield from self._no_echo()
        yield from self._moved()
        yield from self._alone("assistant alone", 60.0, self.alone)
        yield from self._alone("assistant alone, cold starts of 5 s", 5.0, self.alone / 4)
        yield Figure("   warnings that the loudspeaker triggers", [self.told], "", "sum", 0.0)
        yield Figure("CPU of a step while speaking", [1e6 * one for one in self.cpu], "us", "mean")

    def _case(self, rng: random.Random) -> tuple[str, Sound, str, Sound, Acoustics, float]:
        far = rng.choice(sorted(self.assistants))
        near = rng.choice([name for name in sorted(self.people) if name != far])
        return far, self.assistants[far], near, self.people[near], rng.choice(self.rooms), rng.choice(ECHO_LEVELS)

    def _talk_over(self, over_db: float, *, warm: bool) -> Iterator[Figure]:
        rng = random.Random(f"{over_db} {warm}")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, echo_db = self._case(rng)
            seconds.append(TalkOver(far, near, room, echo_db, over_db, warm, number + 1).seconds())
        what = f"voice {over_db:+.0f} dB over the echo, {'second answer' if warm else 'first answer ever'}"
        yield from self._cut_in(what, seconds, has_bar=over_db == 6.0)

    def _no_echo(self) -> Iterator[Figure]:
        rng = random.Random("no echo")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, _ = self._case(rng)
            seconds.append(TalkOver(far, near, room, NO_ECHO, -OVER_NOTHING, False, number + 1).seconds())
        yield from self._cut_in("no echo, first answer ever", seconds, has_bar=True)

    def _moved(self) -> Iterator[Figure]:
        rng = random.Random("moved")
        seconds: list[float] = []
        for number in range(self.cases):
            _, far, _, near, room, echo_db = self._case(rng)
            seconds.append(Moved(far, near, room, echo_db, MOVES[number % len(MOVES)], number + 1).seconds())
        what = "the echo moves by -40 to +80 ms"
        yield Figure(f"{what}: false barge-ins", [sum(one < 0 for one in seconds)], "", "sum")
        yield from self._cut_in(f"{what}, voice +6 dB 3 s later", seconds, has_bar=False)

    def _cut_in(self, what: str, seconds: Sequence[float], *, has_bar: bool) -> Iterator[Figure]:
        late = [1000 * one if one > 0 else NEVER for one in seconds]
        share = 100 * sum(one < NEVER for one in late) / len(late)
        yield Figure(f"{what}: onset to silence", late, "ms", "median", 420.0 if has_bar else None)
        yield Figure("   detected", [share], "%", "mean", 95.0 if has_bar else None, is_floor=True)

    def _return_loss(self) -> Figure:
        levels = (-14.0,) if self.quick else (-20.0, -8.0)
        losses = [
            return_loss(far, room, echo_db)
            for echo_db in levels
            for far in list(self.assistants.values())[:: 2 if self.quick else 1]
            for room in self.rooms[:: 3 if self.quick else 1]
        ]
        return Figure("echo return loss, steady", losses, "dB", "median", 35.0, is_floor=True)

    def _alone(self, what: str, each: float, total: float) -> Iterator[Figure]:
        rng, cuts, voices, runs = random.Random(what), 0, 0, round(total / each)
        names = sorted(self.assistants)
        for number in range(runs):
            far, echo_db = self.assistants[names[number % len(names)]], rng.choice((-26.0, -20.0, -14.0, -8.0, -2.0))
            ran = alone(far, rng.choice(self.rooms), echo_db, each, number + 1)
            cuts += len(ran.cuts)
            voices += ran.voices
            self.told += sum(isinstance(event, SelfEchoHeard) for _, event in ran.posted)
            self.cpu.append(ran.cpu / ran.steps)
        yield Figure(f"{what}: false barge-ins in {total:.0f} s", [cuts], "", "sum", 0.0)
        yield Figure("   false voices", [voices], "", "sum")


def main() -> int:
    given = options(__doc__, quick=False, held_out=False, speech=SPEECH)
    if not list(given.speech.glob("*.wav")):
        print(f"no recordings of people in {given.speech}: name a folder with --speech or VOICECHAT_SPEECH")
        return 1
    bench = Bench(given.speech, held_out=given.held_out, quick=given.quick)
    return judge(f"echo, {'held-out' if given.held_out else 'tuning'} half of voices and rooms", bench.figures())


if __name__ == "__main__":
    raise SystemExit(main())
