"""A child that speaks the engine's side of the link and floods its client: for `bench_events`, never run by hand.

python -m tests.bench.flood RATE SECONDS NOTES

Twenty times a second it sends what a real engine sends: a batch of events, a snapshot with moving meters and a growing
transcript. Every command that comes in is written to the descriptor NOTES with the moment at which it was read, and
answered with the state it asks for, as the engine does it. After SECONDS it goes on showing, but no more events flow.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from dataclasses import replace

from tests.support.event_rows import EVENTS
from tests.support.levels import levels
from tests.support.talk_views import FREE, OPEN, READY
from voicechat.core.view import MicView, TurnView, View
from voicechat.engine.link import LINK_VERSION, Batch, Command, EngineHello, EventRow, Meters, Snapshot, Turns, pack
from voicechat.engine.pipe import frames

TICK = 0.05
WORDS = "the quick brown fox jumps over the lazy dog while nobody is looking and everything goes on as before".split()
WORDS_A_TURN = 60


class Flood:
    """What the client is shown, and what it asked for."""

    def __init__(self, rate: float, seconds: float, notes: int) -> None:
        self.rate, self.seconds, self.notes = rate, seconds, notes
        self.commands: deque[Command] = deque()
        self.mic: MicView = FREE
        self.sent = 0
        self.words = 0

    def read(self) -> None:
        """On a thread: commands as they come; the end of the pipe is our end."""
        for message in frames(0):
            if isinstance(message, Command):
                self.note("command", message.name, time.monotonic())
                self.commands.append(message)
        os._exit(0)

    def note(self, *what: object) -> None:
        os.write(self.notes, f"{json.dumps(what)}\n".encode())

    def run(self) -> None:
        """Until the client leaves."""
        self.post(EngineHello(LINK_VERSION, os.getpid(), "flood"))
        began = time.monotonic()
        self.note("began", began)
        for tick in range(sys.maxsize):
            time.sleep(max(0.0, began + tick * TICK - time.monotonic()))
            self.obey()
            if tick * TICK < self.seconds:
                self.post(self.batch(round((tick + 1) * TICK * self.rate) - self.sent, tick * TICK))
            elif tick * TICK < self.seconds + TICK:
                self.note("sent", self.sent)
            you, other, _ = levels(tick * TICK)
            view = View(self.mic, READY, replace(OPEN, seconds=tick * TICK))
            self.post(Snapshot(view, Meters(input=you, output=other, threshold=-38, rtt=0.038)))
            self.post(self.said())

    def post(self, message: EngineHello | Snapshot | Turns | Batch) -> None:
        data = memoryview(pack(message))
        while data:
            data = data[os.write(1, data) :]

    def obey(self) -> None:
        while self.commands:
            args = self.commands.popleft().args
            known = {"muted": "muted", "enabled": "barge_in", "volume": "volume", "deafened": "deafened"}
            self.mic = replace(self.mic, **{known[name]: value for name, value in args.items() if name in known})

    def batch(self, count: int, now: float) -> Batch:
        rows = []
        for _ in range(count):
            direction, kind, summary = EVENTS[self.sent % len(EVENTS)]
            payload = json.dumps({"type": kind, "event_id": f"event_{self.sent}", "delta": summary, "note": "x" * 200})
            rows.append(EventRow(self.sent, now, direction, kind, summary, len(payload), payload))  # type: ignore[arg-type]
            self.sent += 1
        return Batch(tuple(rows))

    def said(self) -> Turns:
        """One word more; a new turn every three seconds, yours and theirs in alternation."""
        number, have = divmod(self.words, WORDS_A_TURN)
        self.words += 1
        text = " ".join(WORDS[n % len(WORDS)] for n in range(have + 1))
        turn = TurnView(
            f"t{number}", "assistant" if number % 2 else "you", 3.0 * number, text, partial=have + 1 < WORDS_A_TURN
        )
        return Turns((turn,), tuple(f"t{n}" for n in range(number + 1)) if have == 0 else None)


def main() -> None:
    flood = Flood(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
    threading.Thread(target=flood.read, daemon=True).start()
    flood.run()


if __name__ == "__main__":
    main()
