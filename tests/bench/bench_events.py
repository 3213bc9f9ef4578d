"""How long a key press waits while 1,000 events a second flow from the server to the list, and whether any is lost.

    python -m tests.bench.bench_events [--minutes N | --quick] [--rate N]

Everything is real but the server: WebRTC, the engine with virtual sound devices, the screen in a pty of 120x36. The
server hums and floods the data channel. Keys are pressed by writing their bytes to the pty: in the talk, then in the
open list of events those that the engine has to take, until the engine has taken them, and until the words that answer
them are painted; then those that the screen answers by itself (a page up or down in the frozen list).
"""

from __future__ import annotations

import contextlib
import random
import re
import sys
import time

from tests.bench.bars import Figure, judge, options
from tests.bench.loaded_talk import SETTLE, LoadedTalk, Taken
from tests.bench.rig import number
from tests.support.vaudio import until

BAR = 25.0
"""Milliseconds, the 95th of a hundred."""
KEYS = (
    (b"b", "BargeInChosen", rb"barge-in o(n|ff)"),
    (b"-", "VolumeChosen", rb"volume \d+ %"),
    (b"b", "BargeInChosen", rb"barge-in o(n|ff)"),
    (b"=", "VolumeChosen", rb"volume \d+ %"),
)
"""Byte, command it becomes, what the deck then says."""
MOVES = (b"\x1b[5~", b"\x1b[5~", b"\x1b[6~")
"""Pages: lines beside each other may carry the same time."""
CURSOR = re.compile(rb"\xe2\x96\x8e +(\d+:\d\d\.\d{3})")
"""The line under the cursor begins with its mark and its time."""
LOOK_FOR = 2.0
"""Seconds after which a press counts as never answered."""


class Presses:
    """Keys written to the terminal, and the milliseconds that each waited."""

    def __init__(self, talk: LoadedTalk) -> None:
        self._talk = talk
        self.waits: dict[str, list[float]] = {}
        self.lost = 0

    def _note(self, what: str, wait: float | None) -> None:
        self.lost += wait is None
        self.waits.setdefault(what, []).extend([] if wait is None else [wait])

    def _painted(self, pressed: float, words: re.Pattern[bytes], before: bytes = b"") -> tuple[float | None, bytes]:
        """Milliseconds until words other than before were painted, and which; None: never."""
        while time.monotonic() < pressed + LOOK_FOR:
            self._talk.chat.wait_for_paint(0.1)
            painted, at = self._talk.chat.seen(pressed)
            found = [match for match in words.findall(painted) if match != before]
            if found:
                return 1000 * (at - pressed), found[-1]
        return None, before

    def command(self, place: str, number: int) -> None:
        """A key that the engine has to take."""
        key, command, words = KEYS[number % len(KEYS)]
        pressed = self._talk.chat.press(key)
        painted, _ = self._painted(pressed, re.compile(words))
        self._note(f"{place}: key to its painted answer", painted)
        time.sleep(random.uniform(0.15, 0.35))
        taken = self._talk.waits_for(command, pressed)
        self._note(f"{place}: key to the engine", taken[0] if taken else None)

    def moves(self, until_when: float) -> None:
        """Keys that move the cursor of the frozen list."""
        self._talk.chat.press(b"f")
        time.sleep(0.5)
        _, event = self._painted(self._talk.chat.press(MOVES[0]), CURSOR)
        while time.monotonic() < until_when:
            for key in MOVES:
                took, event = self._painted(self._talk.chat.press(key), CURSOR, event)
                self._note("list frozen: key to its painted answer", took)
                time.sleep(random.uniform(0.1, 0.2))


def run(seconds: float, rate: float) -> tuple[Taken, Presses, list[float]]:
    """What happened, what keys waited; of the flood: sent, refused, in the list, dropped."""
    with LoadedTalk() as talk:
        talk.server.order("answer", seconds + 30.0)
        talk.server.notes.wait("sounds")
        talk.server.order("flood", rate, seconds + SETTLE + 1.0)
        talk.begin()
        presses, number_of_press = Presses(talk), 0
        for place, share in (("talk", 1 / 3), ("list follows", 2 / 3)):
            while time.monotonic() < talk.since + seconds * share:
                presses.command(place, number_of_press)
                number_of_press += 1
            if place == "talk":
                talk.chat.press(b"e")
                time.sleep(0.5)
        presses.moves(talk.since + seconds)
        taken = talk.end()
        _, sent, refused, _ = talk.server.notes.wait("flooded", timeout=30.0)
        with contextlib.suppress(AssertionError):
            until(lambda: talk.chat.notes.of("kept")[-1][1] == sent, 5.0, "the list does not hold all")
        _, kept, dropped = talk.chat.notes.of("kept")[-1]
        return taken, presses, [number(count) for count in (sent, refused, kept, dropped)]


def main() -> int:
    given = options(__doc__, minutes=1.0, quick=False, rate=1_000.0)
    seconds = 12.0 if given.quick else 60 * given.minutes
    taken, presses, (sent, refused, kept, dropped) = run(seconds, given.rate)
    return judge(
        f"{given.rate:g} events/s from the server for {seconds:g} s, 120x36",
        [
            *(Figure(what, waits, "ms", "p95", BAR) for what, waits in presses.waits.items()),
            Figure("key presses without an answer", [presses.lost], "", "sum", 0.0),
            Figure("events sent", [sent]),
            Figure("   of them refused by the server's own channel", [refused], "", "sum", 0.0),
            Figure("   of them not in the list", [sent - kept], "", "sum", 0.0),
            Figure("   of them dropped by the link", [dropped], "", "sum", 0.0),
            *taken.sound(),
            *taken.costs(),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
