"""Sound from mouth to ear and back in one run: ours, headless Chromium and stock aiortc, through the same peer.

python -m tests.bench.bench_mouth_to_ear [--quick] [--network clean|1|5|10|all] [--rounds N] [--speech DIR]

Each contender calls the same reflecting peer (`reflecting_peer`), which returns every packet of sound as it came, over
the same networks: clean loopback, or 20 ms of delay with 10 ms of jitter and 1, 5 or 10 % loss *each way* from the same
seed. So a figure holds one encoder, the network there and back (40 ms), and one receiver. It is counted from the
moment at which the first sample of a burst existed to the moment at which it came out, on one sample clock: in
Chromium by one audio worklet that is mouth and ear, in Python by one 10 ms clock in the place of a sound card, with the
capture of its 10 ms counted in full (Chromium's web audio has nothing like it; that is to our disadvantage). Device
buffers are left out everywhere. Contenders take turns; the first three seconds of a call, in which buffers learn, are
left out for all.

Recognition: real speech through each at 5 and 10 % loss, recognised by our own recogniser, in word errors. Speech is a
folder with WAV files and a manifest.json of their texts: --speech, or VOICECHAT_SPEECH.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tests.bench.bars import machine
from tests.bench.bursts import Pcm, burst_train, dead_share, delays
from tests.bench.recognition import Clip, Recognition, clips_of, one_talk
from tests.bench.reflecting_peer import reflecting
from tests.bench.rooms import SPEECH
from tests.support.chromium import BrowserError, Page, browser_page

CONTENDERS = ("ours", "chromium", "stock")
SETTLE = 0.5
"""Seconds from a call that is up to the first sample of the mouth."""
LEARNING = 3.0
"""Seconds of bursts that are not counted."""
SECONDS_QUICK = 8.0
ROUNDS = 3
FIRST_SEED = 7
TALKS = 2


@dataclass(frozen=True)
class Line:
    """One network and what is asked of us on it."""

    name: str
    query: str
    ratio_bar: float
    calls: int = 1
    """Calls of each contender a round."""
    seconds: float = 20.0
    """Length of a call."""


NETWORKS = {
    "clean": Line("clean loopback", "", 0.95, calls=2, seconds=8.0),
    "1": Line("20 ms, jitter 10, loss 1 %", "delay=0.02&jitter=0.01&loss=0.01", 1.0),
    "5": Line("20 ms, jitter 10, loss 5 %", "delay=0.02&jitter=0.01&loss=0.05", 1.0),
    "10": Line("20 ms, jitter 10, loss 10 %", "delay=0.02&jitter=0.01&loss=0.10", 1.2),
}
SPEECH_ON = ("5", "10")


@dataclass
class Result:
    """What one contender reached on one network."""

    late: list[float] = field(default_factory=list)
    """Milliseconds."""
    medians: list[float] = field(default_factory=list)
    """Of each call."""
    never: int = 0
    dead: list[float] = field(default_factory=list)
    """Per cent, of each call."""

    def add(self, begins: list[int], ear: Pcm) -> None:
        """One call's ear."""
        found = delays(begins, ear)
        late = [1000 * delay for delay in found if delay is not None]
        self.late += late
        self.medians += [statistics.median(late)] if late else []
        self.never += len(found) - len(late)
        self.dead.append(100 * dead_share(begins, ear))

    @property
    def median(self) -> float:
        """Milliseconds; a contender that was never heard is infinitely late."""
        return statistics.median(self.late) if self.late else float("inf")

    @property
    def p95(self) -> float:
        """Milliseconds."""
        ordered = sorted(self.late)
        return ordered[round(0.95 * (len(ordered) - 1))] if ordered else float("inf")


async def in_chromium(page: Page, query: str, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
    """Call the far end, put `mouth` into the call `SETTLE` seconds later; what came out, and NetEQ's counters."""
    data = base64.b64encode(mouth.astype("<i2").tobytes()).decode()
    within = 30.0 + SETTLE + mouth.size / 48_000
    value = await page.run(f"call({json.dumps(query)}, {SETTLE}, {json.dumps(data)})", within=within)
    ear = np.frombuffer(base64.b64decode(value["ear"]), "<i2").astype(np.int16)
    stats = {name: float(number) for name, number in value["stats"].items() if number is not None}
    return ear, stats | {"baseLatency": float(value["baseLatency"])}


class Arena:
    """The far end, the browser, and calls through them."""

    def __init__(self, address: str, page: Page, folder: Path) -> None:
        self._address = address
        self._page = page
        self._folder = folder

    async def talk(self, who: str, query: str, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
        """What came out of `who`'s ear for what went into its mouth, sample by sample, and its own counters."""
        if who == "chromium":
            return await in_chromium(self._page, query, mouth)
        into, out = self._folder / f"{who}-mouth.npy", self._folder / f"{who}-ear.npy"
        await asyncio.to_thread(np.save, into, mouth)
        url = f"{self._address}calls?{query}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.python_client", who, url, str(SETTLE), str(into), str(out)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise BrowserError(f"The {who} client failed (status {process.returncode}).")
        ear: Pcm = await asyncio.to_thread(np.load, out)
        return ear, json.loads(printed)


@asynccontextmanager
async def arena() -> AsyncIterator[Arena]:
    """Everything started, and ended again. Raises BrowserError without a browser."""
    async with reflecting() as address:
        with tempfile.TemporaryDirectory() as folder:
            async with browser_page(f"{address}/") as page:
                yield Arena(f"{address}/", page, Path(folder))


async def measure(field_: Arena, line: Line, calls: int, verbose: bool) -> dict[str, Result]:
    """So many calls of each contender, in turns that rotate. On a clean line a whole call has one delay, which depends
    on how its clocks happen to meet: there more and shorter calls tell more."""
    results = {who: Result() for who in CONTENDERS}
    for number in range(calls):
        mouth, begins = burst_train(line.seconds, seed=number)
        counted = [at for at in begins if at >= LEARNING * 48_000]
        for turn in range(len(CONTENDERS)):
            who = CONTENDERS[(turn + number) % len(CONTENDERS)]
            query = line.query and f"{line.query}&seed={FIRST_SEED + number}"
            ear, stats = await field_.talk(who, query, mouth)
            results[who].add(counted, ear)
            if verbose:
                found = [None if delay is None else round(1000 * delay) for delay in delays(begins, ear)]
                print(f"  {who} call {number}: {found}\n    {stats}")
    return results


def show_latency(line: Line, results: dict[str, Result]) -> str:
    """Prints one network's rows; the bar that was missed, or an empty string."""
    theirs = results["chromium"].median
    for who, result in results.items():
        ratio = result.median / theirs
        bar = f"<= {line.ratio_bar:.2f}" if who == "ours" else ""
        calls = " ".join(f"{median:.0f}" for median in result.medians)
        print(
            f"{line.name:<28}{who:<10}{len(result.late):>4}{result.never:>6}{result.median:>9.1f}{result.p95:>8.1f}"
            f"{statistics.fmean(result.dead):>8.1f}{ratio:>8.2f}  {bar:<9}{calls}"
        )
    ratio = results["ours"].median / theirs
    return "" if ratio <= line.ratio_bar else f"{line.name}: ours / Chromium {ratio:.2f}, not <= {line.ratio_bar:.2f}"


async def compare_latency(field_: Arena, lines: list[Line], rounds: int, verbose: bool) -> list[str]:
    """The latency table; what was missed."""
    print(f"mouth to ear ({machine()}; calls in turns)")
    print(
        f"{'network, each way':<28}{'':<10}{'n':>4}{'never':>6}{'median':>9}{'p95 ms':>8}{'dead %':>8}{'ratio':>8}"
        f"  {'bar':<9}medians of the calls"
    )
    missed = []
    for line in lines:
        missed.append(show_latency(line, await measure(field_, line, rounds * line.calls, verbose)))
        sys.stdout.flush()
    return [sentence for sentence in missed if sentence]


async def compare_speech(field_: Arena, names: list[str], clips: list[Clip], talks: int, verbose: bool) -> list[str]:
    """The recognition table; what was missed. All contenders talk at once: nothing here depends on a millisecond."""
    recognition = Recognition(clips)
    for name in names:
        for seed in range(FIRST_SEED, FIRST_SEED + talks):
            query = f"{NETWORKS[name].query}&seed={seed}"
            mouth = recognition.mouth
            ears = await asyncio.gather(*(field_.talk(who, query, mouth) for who in CONTENDERS))
            for who, (ear, _) in zip(CONTENDERS, ears, strict=True):
                heard = await asyncio.to_thread(one_talk, recognition, ear)
                recognition.add(name, seed, who, heard)
                if verbose:
                    print(f"  {who}, {name} %, seed {seed}: {heard}")
    return recognition.show({name: NETWORKS[name].name for name in names})


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="mouth to ear: ours, Chromium, stock aiortc")
    parser.add_argument("--quick", action="store_true", help="one round of short calls, no speech")
    parser.add_argument("--network", choices=[*NETWORKS, "all"], default="all", help="loss in per cent, or clean")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="calls of each contender a network (twice as many on the clean one)"
    )
    parser.add_argument("--talks", type=int, default=TALKS, help="seeds of the network for which speech is recognised")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder with recordings and manifest.json")
    parser.add_argument("--only", choices=["latency", "speech"], default=None, help="leave the other half out")
    parser.add_argument("--verbose", action="store_true", help="every delay and every text")
    return parser.parse_args()


async def main() -> int:
    asked = options()
    this = asyncio.current_task()
    assert this is not None
    # The browser has a process group of its own: when a time limit ends us, it must be ended by us.
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    names = list(NETWORKS) if asked.network == "all" else [asked.network]
    lines = [NETWORKS[name] for name in names]
    if asked.quick:
        lines = [replace(line, calls=1, seconds=SECONDS_QUICK) for line in lines]
    speech_on = [name for name in names if name in SPEECH_ON]
    wants_speech = bool(speech_on) and not asked.quick and asked.only != "latency"
    clips, why_no_speech = clips_of(asked.speech) if wants_speech else ([], "")
    missed: list[str] = []
    try:
        async with arena() as field_:
            if asked.only != "speech":
                missed += await compare_latency(
                    field_, lines, 1 if asked.quick else max(1, asked.rounds), asked.verbose
                )
            if clips:
                missed += await compare_speech(field_, speech_on, clips, max(1, asked.talks), asked.verbose)
    except BrowserError as error:
        print(error, file=sys.stderr)
        return 2
    except asyncio.CancelledError:
        print("ended from outside", file=sys.stderr)
        return 2
    if why_no_speech:
        print(why_no_speech)
    print("\n".join(["MISSED", *missed]) if missed else "every bar measured here holds")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
