"""From the first packet of an answer to the loudspeaker, and whether a long answer sounds without a gap.

    python -m tests.bench.bench_loudspeaker [--minutes N | --quick]

The real screen and engine with virtual sound devices, and a scripted server on the same machine that answers at once
with a hum. For every answer: from its first audible packet at our socket to the block handed to PortAudio, and to the
hum in a recording of the sink's monitor. What the device and that recording add by themselves is measured in the same
room with a bare PortAudio stream that clicks: from its block to the recording, and what PortAudio says about when that
block leaves the device; the difference is the recording's own delay. The hum begins some milliseconds inside its first
packet (the encoder looks ahead); that silence is measured too and taken off, because the bar is for the packet's first
sample. Packets and the device's blocks keep the phase
they happen to have, between 0 and 20 ms, for a whole call, hence several calls. Then one answer lasts N minutes
(default 10): every silence of 2 ms or more in its recording is a gap. Beside it stands
whether the machine itself stood still.
"""

from __future__ import annotations

import os
import random
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from tests.bench.answering_server import TONE
from tests.bench.bars import Figure, judge, options
from tests.bench.rig import LOUD, AnsweringServer, Chat, Monitor, Notes, Room, counted_between, number
from tests.bench.witness import Witness
from tests.support.peers import silence
from voicechat.audio.opus import OpusDecoder, OpusEncoder

CALLS, ANSWERS = 5, 24
CLICKS = 30
AUDIBLE = 0.5
"""Seconds that an answer sounds."""
SETTLE = 2.5
"""Seconds at the start of a call in which buffers learn; left out."""


def answers(room: Room, count: int) -> tuple[list[float], list[float]]:
    """One call: milliseconds from packet to block, and from packet to monitor."""
    with Monitor(room) as monitor, AnsweringServer() as server, Chat(room, server.url) as chat:
        server.notes.wait("open")
        time.sleep(SETTLE)
        for _ in range(count):
            server.order("answer", AUDIBLE)
            time.sleep(AUDIBLE + 0.6 + random.uniform(0.0, 0.1))
        packets = [number(note[-1]) for note in server.notes.of("sounds")]
        blocks = [number(note[-1]) for note in chat.notes.of("onset")]
    onsets = [began for began, _ in monitor.heard().sounds()]
    return following(packets, blocks), following(packets, onsets)


def following(begun: list[float], heard: list[float]) -> list[float]:
    """Milliseconds from each beginning to what was heard of it."""
    pairs = ((next((at for at in heard if at >= began), None), began) for began in begun)
    return [1000 * (at - began) for at, began in pairs if at is not None and at - began < AUDIBLE]


def clicks(room: Room, count: int) -> tuple[list[float], list[float]]:
    """A bare stream with our settings: milliseconds from block to monitor, and to the device as PortAudio tells."""
    os.environ.update(room.environ)
    import sounddevice

    from voicechat.audio.buffering import BALANCED

    handed: list[tuple[float, float]] = []
    tone = (0.3 * np.cos(2 * np.pi * np.arange(480) / 120)).astype(np.float32)
    blocks = 0

    def fill(heard: object, out: NDArray[np.float32], frames: int, times: object, status: object) -> None:
        nonlocal blocks
        blocks += 1
        is_click = blocks % 50 < 10 and blocks > 100
        out[:] = tone[:, np.newaxis] if is_click else 0.0
        if is_click and blocks % 50 == 0:
            to_device = times.outputBufferDacTime - times.currentTime  # type: ignore[attr-defined]
            handed.append((time.monotonic(), 1000 * to_device))

    stream = sounddevice.Stream(
        samplerate=48_000, blocksize=480, dtype="float32", latency=BALANCED.device, channels=(1, 2), callback=fill
    )
    with Monitor(room) as monitor, stream:
        time.sleep(1.5 + 0.5 * count)
    onsets = [began for began, _ in monitor.heard().sounds()]
    return following([at for at, _ in handed], onsets), [told for _, told in handed]


def silent_head() -> float:
    """Milliseconds of silence that our encoder leaves at the head of the first packet of a hum."""
    encoder, decoder = OpusEncoder(packet_loss=10), OpusDecoder()
    for _ in range(50):
        decoder.decode(encoder.encode(silence()))
    heard = decoder.decode(encoder.encode(TONE))
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > LOUD)
    return 1000 * float(loud[0] if loud.size else heard.size) / 48_000


def long_answer(room: Room, seconds: float) -> tuple[list[tuple[float, float]], Witness, Notes]:
    """One answer without an end: its gaps, how the machine was meanwhile, and what the engine noticed."""
    with Monitor(room) as monitor, AnsweringServer() as server, Chat(room, server.url) as chat:
        server.notes.wait("open")
        time.sleep(SETTLE)
        server.order("answer", seconds + 2.0)
        server.notes.wait("sounds")
        began = time.monotonic()
        with Witness() as witness:
            time.sleep(seconds + 0.8)
        notes = list(chat.notes.all)
    return monitor.heard().gaps(began + 0.6, began + 0.6 + seconds), witness, notes


def main() -> int:
    given = options(__doc__, minutes=10.0, quick=False)
    seconds = 15.0 if given.quick else 60 * float(given.minutes)
    to_block, to_monitor = [], []
    with Room() as room:
        click_to_monitor, click_to_device = clicks(room, 10 if given.quick else CLICKS)
        for _ in range(1 if given.quick else CALLS):
            some_to_block, some_to_monitor = answers(room, 12 if given.quick else ANSWERS)
            to_block += some_to_block
            to_monitor += some_to_monitor
        gaps, witness, notes = long_answer(room, seconds)
    chain = max(0.0, statistics.median(click_to_monitor) - statistics.median(click_to_device))
    head = silent_head()
    to_loudspeaker = [value - chain - head for value in to_monitor]
    counted = counted_between(notes)
    return judge(
        f"first packet of an answer to the loudspeaker; then {seconds:g} s without a pause",
        [
            Figure("packet at our socket to block handed to PortAudio", to_block, "ms"),
            Figure("packet to the sink's monitor, as recorded", to_monitor, "ms"),
            Figure("   bare stream: block to the monitor, as recorded", click_to_monitor, "ms"),
            Figure("   bare stream: block to the device, told by PortAudio", click_to_device, "ms"),
            Figure("   silence at the head of that packet", [head], "ms"),
            Figure("packet's first sample to loudspeaker", to_loudspeaker, "ms", "median", 50.0),
            Figure("   the same", to_loudspeaker, "ms", "p95", 70.0),
            Figure("gaps in the recording of the long answer", [len(gaps)], "", "sum", 0.0),
            Figure("   their length", [1000 * long for _, long in gaps], "ms"),
            *witness.figures(gaps),
            Figure("callbacks more than 30 ms apart meanwhile", [sum(note[0] == "gap" for note in notes)], "", "sum"),
            Figure("underruns and overruns the device reported", [counted["underflows"], counted["overflows"]], "",
                   "sum", 0.0),
            Figure("frames of it that the receiver invented", [counted["invented"]], "", "sum"),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
