"""The send clock and the microphone's clock: the age of a frame when it leaves, and two clocks that differ.

Simulated minutes take seconds: nothing is encoded.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.blocks import BLOCK
from voicechat.audio.mic_gate import MicGate
from voicechat.audio.opus import OpusEncoder
from voicechat.audio.send_pace import FrameClock
from voicechat.rtc.send_track import SendTrack

LOUD = np.full(BLOCK, 0.3, np.float32)


class Quick(OpusEncoder):
    """Encodes nothing: this is about time."""

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        return b"voice" if pcm[0] else b"silence"


class Mic:
    """Captures a block every 10 ms of its own clock into a real gate."""

    def __init__(self, *, phase: float, drift: float = 0.0, uneven: float = 0.0) -> None:
        self.gate = MicGate()
        self.gate.open(0.0)
        self.now, self.captured = 0.0, 0
        self._phase, self._every, self._uneven = phase, 0.01 * (1 + drift), uneven
        self._rng = np.random.default_rng(1)
        self._next_at = phase
        self.ages: list[float] = []
        self.backlogs: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self._next_at <= self.now:
            self.gate.push(LOUD, is_silent=False)
            self.captured += 1
            self._next_at = self._phase + self.captured * self._every + self._rng.uniform(0.0, self._uneven)

    def waiting(self) -> float | None:
        return self.gate.backlog if self.gate.is_open or self.gate.backlog >= 0.02 else None

    def pull(self) -> NDArray[np.int16]:
        self.backlogs.append(self.gate.backlog)
        if self.gate.backlog >= 0.02:
            oldest = self.captured - round(self.gate.backlog / 0.01)
            # The first sample of block n was captured one block before the block was handed over.
            self.ages.append(self.now - (self._phase + oldest * self._every) + 0.01)
        return self.gate.pull()

    async def talk(self, frames: int) -> SendTrack:
        track = SendTrack(self.pull, Quick(), waiting=self.waiting, clock=self.clock, sleep=self.sleep)
        for _ in range(frames):
            await track.recv()
        return track


@each(
    ("phase", "uneven", "median"),
    [(0.0001, 0, 0.0225), (0.003, 0, 0.0225), (0.007, 0, 0.0225), (0.0099, 0, 0.0225), (0.004, 0.004, 0.03)],
)
async def test_a_frame_leaves_within_30_ms_of_its_first_sample(phase: float, uneven: float, median: float) -> None:
    mic = Mic(phase=phase, uneven=uneven)
    await mic.talk(600)
    assert np.quantile(mic.ages[100:], 0.99) <= 0.03
    assert np.median(mic.ages[100:]) <= median
    assert mic.gate.underruns == 0


@each("drift", [200e-6, -200e-6])
async def test_clocks_200_ppm_apart_for_8_minutes_lose_no_frame(drift: float) -> None:
    mic = Mic(phase=0.004, drift=drift)
    await mic.talk(24_000)  # 96 ms of drift
    assert mic.gate.underruns == 0 and mic.gate.skipped == 0
    assert max(mic.backlogs[100:]) <= 0.04
    assert np.quantile(mic.ages, 0.99) <= 0.03


async def test_a_microphone_that_stalls_does_not_stop_the_line() -> None:
    mic = Mic(phase=0.004)
    await mic.talk(50)
    mic._next_at = 1e9
    before = mic.now
    track = await mic.talk(100)
    assert track.packets == 100
    assert mic.now - before == pytest.approx(2.0, abs=0.06)


async def test_while_the_mic_is_closed_the_pace_is_that_of_the_clock() -> None:
    mic = Mic(phase=0.004)
    mic.gate.close()
    await mic.talk(1_000)
    assert mic.now == pytest.approx(999 * 0.02, abs=0.001)


async def test_sound_from_before_the_opening_leaves_at_the_pace_of_a_voice() -> None:
    mic = Mic(phase=0.004)
    mic.gate.close()
    await mic.sleep(2.0)
    mic.gate.open(0.5)
    began = mic.now
    await mic.talk(50)
    assert mic.now - began >= 49 * 0.02 - 0.003


async def test_backlog_over_websocket_leaves_eight_times_as_fast_also_after_the_close() -> None:
    mic = Mic(phase=0.004)
    mic.gate.close()
    await mic.sleep(12.0)
    mic.gate.open(9.0)
    frames = FrameClock(mic.waiting, mic.clock, mic.sleep, backlog_speed=8.0)
    began = mic.now
    while mic.now < began + 0.5:
        await frames.next_frame()
        mic.pull()
    mic.gate.close()
    while mic.gate.backlog > 0.1:
        await frames.next_frame()
        mic.pull()
    assert mic.now - began == pytest.approx((9.0 + 0.5) / 8, abs=0.1)


async def test_after_a_backlog_frames_follow_the_microphone_again() -> None:
    mic = Mic(phase=0.004)
    mic.gate.close()
    await mic.sleep(2.0)
    mic.gate.open(1.0)
    frames = FrameClock(mic.waiting, mic.clock, mic.sleep, backlog_speed=8.0)
    for _ in range(300):
        await frames.next_frame()
        mic.pull()
    assert max(mic.backlogs[200:]) <= 0.13 and frames.skipped == 0
    assert mic.gate.underruns == 0
