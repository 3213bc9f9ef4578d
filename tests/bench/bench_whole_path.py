"""How long a key waits while 1,000 events a second flow from a server into the list, and whether all of them get there.

    python -m tests.bench.bench_whole_path [--minutes N | --quick]

Everything is real but the server: WebRTC, the engine with virtual sound devices, the screen in a pty of 120x36 with the
events open. The server hums and floods the data channel for a minute. Keys are pressed by writing their bytes to the
pty: one that the engine has to take (barge-in on and off, while the list follows) until the engine has taken it, and
one that the screen answers by itself (a page up or down in the frozen list) until the bytes that paint the answer come
back.
"""

from __future__ import annotations

import random
import re
import time

from tests.bench.bars import Figure, asked, judge
from tests.bench.loaded_talk import SETTLE, LoadedTalk, Taken
from tests.bench.rig import number, until

RATE = 1_000.0
BAR = 25.0
"""Milliseconds, the 95th of a hundred."""
KEY, COMMAND = b"b", "BargeInChosen"
MOVES = (b"\x1b[5~", b"\x1b[5~", b"\x1b[6~")
"""Pages: lines beside each other may carry the same time."""
CURSOR = re.compile(rb"\xe2\x96\x8e +(\d+:\d\d\.\d{3})")
"""The line under the cursor begins with its mark and its time."""
LOOK_FOR = 2.0
Waits = dict[str, list[float]]


def move(talk: LoadedTalk, key: bytes, before: bytes) -> tuple[float | None, bytes]:
    """Milliseconds until the cursor is painted at another event than before, and at which; None: it never was."""
    pressed = talk.chat.press(key)
    while time.monotonic() < pressed + LOOK_FOR:
        talk.chat.wait_for_paint(0.1)
        painted, at = talk.chat.seen(pressed)
        moved = [event for event in CURSOR.findall(painted) if event != before]
        if moved:
            return 1000 * (at - pressed), moved[-1]
    return None, before


def press_keys(talk: LoadedTalk, seconds: float) -> tuple[Waits, int]:
    """Half of the time while the list follows, half while it stands still; how many presses had no answer."""
    waits: Waits = {"engine": [], "paint": []}
    lost = 0
    while time.monotonic() < talk.since + seconds / 2:
        pressed = talk.chat.press(KEY)
        time.sleep(random.uniform(0.2, 0.4))
        waited = talk.waits_for(COMMAND, pressed)
        waits["engine"] += waited
        lost += not waited
    talk.chat.press(b"f")
    time.sleep(0.5)
    _, event = move(talk, MOVES[0], b"")
    while time.monotonic() < talk.since + seconds:
        for key in MOVES:
            took, event = move(talk, key, event)
            waits["paint"] += [] if took is None else [took]
            lost += took is None
            time.sleep(random.uniform(0.1, 0.2))
    return waits, lost


def run(seconds: float) -> tuple[Taken, Waits, int, list[float]]:
    """What happened, what keys waited, how many in vain; of the flood: sent, refused, in the list, dropped."""
    with LoadedTalk() as talk:
        talk.server.order("answer", seconds + 30.0)
        talk.server.notes.wait("sounds")
        talk.chat.press(b"e")
        talk.server.order("flood", RATE, seconds + SETTLE + 1.0)
        talk.begin()
        waits, lost = press_keys(talk, seconds)
        taken = talk.end()
        _, sent, refused, _ = talk.server.notes.wait("flooded", timeout=30.0)
        try:
            until(lambda: talk.chat.notes.of("kept")[-1][1] == sent, 5.0, "the list does not hold all")
        except TimeoutError:
            pass
        _, kept, dropped = talk.chat.notes.of("kept")[-1]
        return taken, waits, lost, [number(count) for count in (sent, refused, kept, dropped)]


def main() -> int:
    seconds = asked(str(__doc__).split("\n")[0], 1.0, 10.0)
    taken, waits, lost, (sent, refused, kept, dropped) = run(seconds)
    return judge(
        f"{RATE:g} events/s from the server into the open list for {seconds:g} s, 120x36",
        [
            Figure("key to the engine, list follows", waits["engine"], "ms", "p95", BAR),
            Figure("key to its painted answer, list frozen", waits["paint"], "ms", "p95", BAR),
            Figure("key presses without an answer", [lost], "", "sum", 0.0),
            Figure("events sent", [sent]),
            Figure("   of them refused by the server's own channel", [refused], "", "sum", 0.0),
            Figure("   of them not in the list", [sent - kept], "", "sum", 0.0),
            Figure("   of them dropped by the link", [dropped], "", "sum", 0.0),
            *taken.sound(),
            *taken.costs(),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
