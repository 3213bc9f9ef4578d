"""What a tape costs: the share of a core, and what the thread of the sound has to do for it.

    python -m tests.bench.bench_recording [--quick | --minutes N]

A busy talk in real time: both sides sound all the time, 50 server events a second (an answer over WebSocket), each met
by the core. What the same talk costs without a tape is measured in turns with it and taken off.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np

from tests.bench.bars import Figure, judge, seconds_asked
from tests.support.speech import spoken
from voicechat.audio.blocks import BLOCK, FRAME, to_int16
from voicechat.audio.path import AudioPath
from voicechat.core.events import Received
from voicechat.journal.entry import Entry
from voicechat.journal.recorder import Recorder
from voicechat.protocol.codec import decode_server

SHARE = 1.0
"""Percent of a core (the bar)."""
BLOCK_EXTRA = 20.0
"""Microseconds that the sound's thread may spend on the tape for each block of 10 ms: 0.2 % of it."""
TURN = 5.0
"""Seconds with a tape, then as many without."""
WIRE = {
    "type": "response.output_audio_transcript.delta",
    "event_id": "event_0123456789abcdef",
    "response_id": "resp_0123456789abcdef",
    "item_id": "item_0123456789abcdef",
    "output_index": 0,
    "content_index": 0,
    "delta": " and so the sea",
}
SOUND = {**WIRE, "type": "response.output_audio.delta", "delta": "A" * 2_560}


@contextmanager
def tape(folder: Path) -> Iterator[Recorder]:
    recorder = Recorder(
        folder,
        None,
        {},
        started_at=time.monotonic(),
        clock=time.monotonic,
        now=datetime.now().astimezone(),
        on_stop=lambda reason: sys.exit(f"the tape ended: {reason}"),
        hidden=lambda: ("sk-0123456789", "another-secret"),
    )
    yield recorder
    recorder.close()


def talk(recorder: Recorder | None, seconds: float) -> float:
    """Percent of a core that a busy talk takes, all threads counted."""
    voice = spoken(2.0)
    frames, events = to_int16(voice), [decode_server(b'{"type": "rate_limits.updated"}'.decode()).event] * 2
    began, used = time.monotonic(), time.process_time()
    step = 0
    while (now := time.monotonic()) - began < seconds:
        at = step * FRAME % (len(voice) - FRAME)
        frame, out = frames[at : at + FRAME], voice[at : at + FRAME]
        if recorder is not None:
            assert recorder.sound is not None
            recorder.sound.sent(now, frame)
            recorder.sound.played(now, out[:BLOCK].copy())
            recorder.sound.played(now + 0.01, out[BLOCK:].copy())
            recorder.watch(Entry(step, round(now - began, 6), "in", SOUND if step % 2 else WIRE, 300))
            recorder.record(now, Received(1, events[step % 2]), ())
        step += 1
        time.sleep(max(0.0, began + step * 0.02 - time.monotonic()))
    return 100 * (time.process_time() - used) / (time.monotonic() - began)


def blocks(played: Callable[[float, np.ndarray], None] | None, count: int) -> list[float]:
    """Microseconds of each step of the sound path."""
    path = AudioPath(lambda fact: None)
    path.played = played
    silence, out = np.zeros(BLOCK, dtype=np.float32), np.zeros(BLOCK, dtype=np.float32)
    took = []
    for number in range(count):
        began = time.perf_counter()
        path.process(silence, out, number * 0.01)
        took.append(1e6 * (time.perf_counter() - began))
    return took


def main() -> int:
    seconds = seconds_asked(__doc__, 1.0, 10.0)
    with tempfile.TemporaryDirectory() as folder:
        shares = []
        for _ in range(max(1, round(seconds / (2 * TURN)))):
            with tape(Path(folder)) as recorder:
                loud = talk(recorder, TURN)
            shares.append(loud - talk(None, TURN))
        with tape(Path(folder)) as recorder:
            assert recorder.sound is not None
            before, during = blocks(None, 3_000), blocks(recorder.sound.played, 3_000)
    figures = [
        Figure("a busy talk's tape, share of a core", shares, "%", "mean", SHARE),
        Figure("one block of the sound path without a tape", before, "us"),
        Figure("one block of the sound path with a tape", during, "us"),
        Figure(
            "what the tape adds to a block (difference of medians)",
            [float(np.median(during) - np.median(before))],
            "us",
            "mean",
            BLOCK_EXTRA,
        ),
    ]
    return judge("recording", figures)


if __name__ == "__main__":
    sys.exit(main())
