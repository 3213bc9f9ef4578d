"""What 300 transcript deltas a second cost the screen, and whether every word arrives.

    python -m tests.bench.bench_deltas [--minutes N | --quick]

Everything is real but the server: WebRTC, the engine with virtual sound devices, the screen in a pty of 120x36 at the
talk. The server gives answers of five seconds one after the other; each sounds, and its transcript flows beside it in
300 deltas a second. Counted are the paintings of the growing turn, the frames that went to the terminal for whatever
reason, and the CPU of the screen; in the end every answer must stand on the screen as it was sent.
"""

from __future__ import annotations

import time

from tests.bench.bars import Figure, judge, seconds_asked
from tests.bench.loaded_talk import LoadedTalk, Taken
from tests.support.vaudio import until

RATE = 300.0
ANSWER, PAUSE = 5.0, 0.7
PAINTS, CPU = 20.0, 20.0
LOOK_EVERY = 0.5


def run(seconds: float) -> tuple[Taken, dict[str, str], dict[str, str]]:
    """What happened, what was said and what is shown, by item."""
    with LoadedTalk() as talk:
        notes = talk.server.notes
        talk.server.order("words", RATE)
        talk.server.order("answer", 2.0)  # while it settles
        talk.begin()
        while time.monotonic() < talk.since + seconds:
            count = len(notes.of("said"))
            talk.server.order("answer", ANSWER)
            until(lambda count=count: len(notes.of("said")) > count, ANSWER + 5.0, "an answer did not end")  # type: ignore[misc]
            time.sleep(PAUSE)
        taken = talk.end()
        said = {str(item): str(text) for _, item, text in notes.of("said")}
        time.sleep(2.0)
        shown = {str(item): str(text) for _, item, text in talk.chat.notes.of("shown")}
        return taken, said, shown


def main() -> int:
    seconds = seconds_asked(__doc__, 1.0, 10.0)
    taken, said, shown = run(seconds)
    frames, turns = ([count / LOOK_EVERY for count in taken.of("painted", place)] for place in (1, 2))
    wrong = [item for item, text in said.items() if shown.get(item) != text]
    return judge(
        f"{RATE:g} transcript deltas/s for {taken.seconds:.0f} s, 120x36",
        [
            Figure("paintings of the growing answer a second", turns, "", "p95", PAINTS),
            Figure("frames to the terminal a second", frames, ""),
            Figure("CPU: screen", taken.cpu[:1], "%", "worst", CPU),
            Figure("CPU: engine", taken.cpu[1:], "%"),
            Figure("answers", [len(said)]),
            Figure("deltas", [sum(len(text.split(" ")) - 1 for text in said.values())]),
            Figure("answers that are not on the screen as sent", [len(wrong)], "", "sum", 0.0),
            Figure("underruns the device reported", [taken.counts["underflows"]], "", "sum", 0.0),
            Figure("painted", [taken.painted / taken.seconds / 1000], "kB/s"),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
