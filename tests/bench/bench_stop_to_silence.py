"""How long the loudspeaker goes on after somebody, or the server, said stop.

    python -m tests.bench.bench_stop_to_silence [--times N | --quick: 4 of each]

The real screen and engine with virtual sound devices; a scripted server hums. A stop key is written to the pty (F9, and
Esc as terminals with the kitty protocol send it; the lone byte, which a terminal program must wait for, is told without
a bar), or the server sends `output_audio_buffer.cleared`, or cancels its response and clears; its packets go on for
0.3 s either way, as they do on a real line. Measured to the last loud sample in a recording of the sink's monitor, the
recording's own delay included. N is for each of the four ways (default 20, so 40 for each bar), spread over several
calls, because how device and sound server happen to be in step changes from one opened stream to the next by 10 ms.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.bench.bars import Figure, judge, options
from tests.bench.rig import AnsweringServer, Chat, Monitor, Room, number

CALLS = 4
F9, ESC, LONE_ESC = b"\x1b[20~", b"\x1b[27u", b"\x1b"


def run(room: Room, times: int) -> dict[str, list[float]]:
    """Milliseconds by way of stopping."""
    asked: dict[str, list[float]] = {}
    with Monitor(room) as monitor, AnsweringServer() as server, Chat(room, server.url) as chat:
        server.notes.wait("open")
        time.sleep(2.5)

        def cleared(how: str) -> float:
            before = len(server.notes.of("cleared"))
            server.order("clear", how)
            return number(server.notes.wait("cleared", before + 1)[-1])

        ways: dict[str, Callable[[], float]] = {
            "F9": lambda: chat.press(F9),
            "Esc (kitty)": lambda: chat.press(ESC),
            "cleared": lambda: cleared("cleared"),
            "cancelled": lambda: cleared("cancelled"),
        }
        plan = list(ways) * times + ["Esc (lone byte)"]
        ways["Esc (lone byte)"] = lambda: chat.press(LONE_ESC)
        for way in plan:
            sounds = len(server.notes.of("sounds"))
            server.order("answer", 30.0)
            server.notes.wait("sounds", sounds + 1)
            time.sleep(0.5 + random.uniform(0.0, 0.1))
            asked.setdefault(way, []).append(ways[way]())
            time.sleep(0.9)  # the server's last packets have come, and half a second has passed
    sounds_heard = monitor.heard().sounds()
    return {
        way: [1000 * (end - at) for at in moments for begin, end in sounds_heard if begin < at - 0.2 and end > at - 0.05
              and begin > at - 2.0]
        for way, moments in asked.items()
    }  # fmt: skip


def main() -> int:
    given = options(__doc__, times=20, quick=False)
    times = 4 if given.quick else int(given.times)
    calls = 1 if given.quick else min(CALLS, times)
    found: dict[str, list[float]] = {}
    with Room() as room:
        for call in range(calls):
            for way, values in run(room, times * (call + 1) // calls - times * call // calls).items():
                found.setdefault(way, []).extend(values)
    keys, server = found["F9"] + found["Esc (kitty)"], found["cleared"] + found["cancelled"]
    return judge(
        "stop to silence at the sink's monitor, recording delay included",
        [
            Figure("stop key to silence", keys, "ms", "p95", 50.0),
            Figure("   F9", found["F9"], "ms"),
            Figure("   Esc, as sent with the kitty protocol", found["Esc (kitty)"], "ms"),
            Figure("   Esc, the lone byte", found.get("Esc (lone byte)", []), "ms"),
            Figure("the server's word to silence", server, "ms", "p95", 40.0),
            Figure("   output_audio_buffer.cleared", found["cleared"], "ms"),
            Figure("   response cancelled, then cleared", found["cancelled"], "ms"),
            Figure("stops that were not seen in the recording", [4 * times - len(keys) - len(server)], "", "sum", 0.0),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
