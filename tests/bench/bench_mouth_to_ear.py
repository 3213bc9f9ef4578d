"""Sound from mouth to ear and back in one run: ours and headless Chromium, through the same peer.

python -m tests.bench.bench_mouth_to_ear [--quick: one round of short calls, no speech]
        [--network clean|1|5|10|all] [--rounds N] [--only latency|speech] [--talks SEEDS] [--speech DIR] [--verbose]

Each contender calls the same reflecting peer (`reflecting_peer`), which returns every packet of sound as it came, over
the same networks: clean loopback, or 20 ms of delay with 10 ms of jitter and 1, 5 or 10 % loss *each way* from the same
seed. So a figure holds one encoder, the network there and back (40 ms), and one receiver. It is counted from the
moment at which the first sample of a burst existed to the moment at which it came out, on one sample clock: in
Chromium by one audio worklet that is mouth and ear, in ours by one 10 ms clock in the place of a sound card, with the
capture of its 10 ms counted in full (Chromium's web audio has nothing like it; that is to our disadvantage). Device
buffers are left out everywhere. Contenders take turns; the first three seconds of a call, in which buffers learn, are
left out for all.

Recognition: real speech through each at 5 and 10 % loss, recognised by our own recogniser, in word errors. Speech is a
folder with WAV files and a manifest.json of their texts: --speech, or VOICECHAT_SPEECH.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tests.bench.bars import Figure, judge, options
from tests.bench.bursts import RATE, Pcm, burst_train, dead_share, delays
from tests.bench.python_client import called
from tests.bench.reflecting_peer import reflecting
from tests.bench.voices import SPEECH, read
from tests.support.chromium import BrowserError, Page, browser_page
from tests.support.word_errors import spoken_words, word_errors
from voicechat.audio.blocks import to_float, to_int16
from voicechat.audio.sound_format import resampled
from voicechat.errors import VoiceChatError
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.engine import Recogniser

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


CONTENDERS = ("ours", "chromium")
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

    def __init__(self, address: str, page: Page) -> None:
        self._address = address
        self._page = page

    async def talk(self, who: str, query: str, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
        """What came out of `who`'s ear for what went into its mouth, sample by sample, and its own counters."""
        if who == "chromium":
            return await in_chromium(self._page, query, mouth)
        return await called(f"{self._address}calls?{query}", mouth, SETTLE)


@asynccontextmanager
async def arena() -> AsyncIterator[Arena]:
    """Everything started, and ended again. Raises BrowserError without a browser."""
    async with reflecting() as address:
        async with browser_page(f"{address}/") as page:
            yield Arena(f"{address}/", page)


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


async def compare_latency(field_: Arena, lines: list[Line], rounds: int, verbose: bool) -> list[Figure]:
    figures = []
    for line in lines:
        results = await measure(field_, line, rounds * line.calls, verbose)
        for who, result in results.items():
            figures += [
                Figure(f"{line.name}: {who}", result.late, "ms", "median"),
                Figure("   medians of the calls", result.medians, "ms"),
                Figure("   dead time", result.dead, "%", "mean"),
                Figure("   bursts that never came", [result.never], "", "sum"),
            ]
        ratio = results["ours"].median / results["chromium"].median
        figures.append(Figure(f"{line.name}: ours / Chromium x 100", [100 * ratio], "", "mean", 100 * line.ratio_bar))
    return figures


async def compare_speech(field_: Arena, names: list[str], clips: list[Clip], talks: int, verbose: bool) -> list[Figure]:
    """Word errors. All contenders talk at once: nothing here depends on a millisecond."""
    recognition = Recognition(clips)
    for name in names:
        for seed in range(FIRST_SEED, FIRST_SEED + talks):
            query = f"{NETWORKS[name].query}&seed={seed}"
            mouth = recognition.mouth
            ears = await asyncio.gather(*(field_.talk(who, query, mouth) for who in CONTENDERS))
            for who, (ear, _) in zip(CONTENDERS, ears, strict=True):
                heard = await asyncio.to_thread(recognition.texts, ear)
                recognition.add(name, seed, who, heard)
                if verbose:
                    print(f"  {who}, {name} %, seed {seed}: {heard}")
    return recognition.figures({name: NETWORKS[name].name for name in names})


async def main() -> int:
    asked = options(
        __doc__, quick=False, network="all", rounds=ROUNDS, talks=TALKS, speech=SPEECH, only="", verbose=False
    )
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
    figures: list[Figure] = []
    try:
        async with arena() as field_:
            if asked.only != "speech":
                figures += await compare_latency(
                    field_, lines, 1 if asked.quick else max(1, asked.rounds), asked.verbose
                )
            if clips:
                figures += await compare_speech(field_, speech_on, clips, max(1, asked.talks), asked.verbose)
    except (BrowserError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    except asyncio.CancelledError:
        print("ended from outside", file=sys.stderr)
        return 2
    if why_no_speech:
        print(why_no_speech)
    return judge("mouth to ear, calls in turns", figures)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
