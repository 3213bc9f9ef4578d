"""What the receive buffer makes of eighteen networks, half a second by half a second, as it was measured and approved.

A line of `approved_playout.txt` is one half second: which packets were played and repaired, how loud it was, and what
the statistics say. `VOICECHAT_TAKE_SNAPSHOTS=1` writes the file anew.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

import numpy as np

from tests.audio.test_jitter_buffer import Line, Sent, steady
from voicechat.audio.jitter_buffer import FRAME

APPROVED = Path(__file__).parent / "approved_playout.txt"
SECONDS = 6.0
COMFORT = b"\x00\x01"


def stalled(at: float, seconds: float) -> list[Sent]:
    """Nothing comes for a while, then all of it at once."""
    held = (at, at + seconds)
    return [Sent(one.number, held[1] if held[0] < one.at < held[1] else one.at, one.said) for one in steady(300)]


def shuffled(seed: int) -> list[Sent]:
    chance = random.Random(seed)
    return [Sent(one.number, one.at + chance.choice((0.0, 0.0, 0.03, 0.07)), one.said) for one in steady(300)]


def doubled() -> list[Sent]:
    """Each packet comes twice, the second time late."""
    return [copy for one in steady(300) for copy in (one, Sent(one.number, one.at + 0.05, one.said))]


def then(line: Line, act: Callable[[float], None]) -> None:
    """`act` once in the middle of the line."""
    pull = line.buffer.pull
    done = False

    def pulled(now: float, samples: int = FRAME) -> np.ndarray:
        nonlocal done
        if now > 2.6 and not done:
            done = True
            act(now)
        return pull(now, samples)

    line.buffer.pull = pulled  # type: ignore[method-assign]


def comfort(line: Line) -> None:
    """The sender has nothing to say from 2.6 s on and says so."""
    sequence, stamp = (65_530 + 130) & 0xFFFF, (2**32 - 2_000 + 130 * FRAME) & 0xFFFFFFFF
    then(line, lambda now: line.buffer.push(sequence, stamp, COMFORT, now, 1))


def new_sender(line: Line) -> None:
    def push(now: float) -> None:
        for number in range(500, 520):
            line.push(Sent(number, now, now), ssrc=2)

    then(line, push)


NETWORKS: dict[str, tuple[Callable[[], Line], list[Sent]]] = {
    "clean": (Line, steady(300)),
    "jitter of 20 ms": (Line, steady(300, jitter=0.02)),
    "jitter of 60 ms": (Line, steady(300, jitter=0.06, seed=3)),
    "1 % lost": (Line, steady(300, lost=0.01, seed=2)),
    "5 % lost": (Line, steady(300, lost=0.05, jitter=0.01)),
    "20 % lost": (Line, steady(300, lost=0.2, jitter=0.01, seed=4)),
    "5 % lost, nothing repairs": (lambda: Line(fec=False), steady(300, lost=0.05, seed=5)),
    "20 % lost in pauses": (lambda: Line(pause=True), steady(300, lost=0.2, jitter=0.02, seed=6)),
    "a clock 300 ppm fast": (Line, steady(300, drift=3e-4)),
    "a clock 300 ppm slow": (Line, steady(300, drift=-3e-4)),
    "a stall of 150 ms": (Line, stalled(2.0, 0.15)),
    "a stall of 900 ms": (Line, stalled(2.0, 0.9)),
    "a stall of 2 s": (lambda: Line(pause=True), stalled(2.0, 2.0)),
    "out of order": (Line, shuffled(1)),
    "everything twice": (Line, doubled()),
    "flushed": (Line, steady(300, jitter=0.02)),
    "another sender": (Line, steady(300)),
    "comfort": (Line, steady(130)),
}


def rows() -> Iterator[str]:
    for name, (made, sent) in NETWORKS.items():
        line = made()
        match name:
            case "flushed":
                then(line, lambda now, line=line: line.buffer.flush())  # type: ignore[misc]
            case "another sender":
                new_sender(line)
            case "comfort":
                comfort(line)
        for half in range(round(2 * SECONDS)):
            played, repaired, out = len(line.decoder.played), len(line.decoder.repaired), len(line.out)
            due = [one for one in sent if half / 2 <= one.at < (half + 1) / 2]
            line.run(due, (half + 1) / 2, half / 2)
            loud = float(np.sqrt(np.mean(np.square(np.concatenate(line.out[out:]).astype(float)))))
            numbers = f"{line.decoder.played[played:]} {line.decoder.repaired[repaired:]}".replace(", ", " ")
            told = ", ".join(f"{key} {value:.4g}" for key, value in asdict(line.stats).items() if value)
            yield f"{name}, {half / 2} s: {numbers} loud {loud:.0f}; {told}"


def test_every_network_sounds_as_it_was_approved() -> None:
    lines = list(rows())
    if os.environ.get("VOICECHAT_TAKE_SNAPSHOTS"):
        APPROVED.write_text("\n".join(lines) + "\n", "utf-8")
        return
    for was, now in zip_longest(APPROVED.read_text("utf-8").splitlines(), lines):
        assert now == was
