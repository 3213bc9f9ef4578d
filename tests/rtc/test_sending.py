"""The send clock and the microphone's clock: the age of a frame when it leaves, and two clocks that differ.

Simulated minutes take seconds: nothing is encoded.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import numpy as np
import pytest
from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, Packet
from numpy.typing import NDArray

from tests.support.each import each
from tests.support.peers import call, eventually, loudness, pitch, silence, tone
from voicechat.audio.blocks import BLOCK
from voicechat.audio.mic_gate import MicGate
from voicechat.audio.opus import OpusDecoder, OpusEncoder, packet_samples
from voicechat.audio.send_pace import FrameClock
from voicechat.rtc.peer import Protection, UplinkLoss
from voicechat.rtc.send_path import why_not_taken
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


# Our own loop in the place of aiortc's sender: what arrives, what the other side is told of it, and when it fits


def of(peer: object) -> RTCRtpSender:
    """The sender of a peer's sound."""
    sender: RTCRtpSender = peer._connection.getSenders()[0]  # type: ignore[attr-defined]
    return sender


async def test_sound_arrives_is_counted_for_the_sender_reports_and_they_tell_the_round_trip() -> None:
    async with call(tone(440), silence) as (client, server):
        heard = await server.listen(lambda pcm: server.peer.receive.arrivals.packets >= 60)
        assert "SendPath" in of(client.peer)._run_rtp.__qualname__
        assert pitch(heard[-24_000:]) == pytest.approx(440, abs=4) and loudness(heard[-24_000:]) > 500
        told = next(entry for entry in (await of(client.peer).getStats()).values() if entry.type == "outbound-rtp")
        assert told.packetsSent == pytest.approx(client.peer.stats().packets_sent, abs=1)
        assert told.bytesSent == pytest.approx(client.peer.stats().bytes_sent, abs=200)
        await eventually(lambda: client.peer.stats().rtt is not None)
        assert 0.0 <= (client.peer.stats().rtt or 0.0) < 1.0
        told = next(one for one in (await of(client.peer).getStats()).values() if one.type == "remote-inbound-rtp")
        client.peer._note_report(replace(told, roundTripTime=-0.03))
        assert (client.peer.stats().rtt or 0.0) >= 0.0, "a peer that reports its own delay too long"


async def test_a_call_that_ends_leaves_no_loop_behind() -> None:
    async with call() as (client, _):
        task = of(client.peer)._RTCRtpSender__rtp_task  # type: ignore[attr-defined]
        await client.peer.close()
        await asyncio.wait([task], timeout=5)
        assert task.done() and client.peer._track.readyState == "ended"


def test_a_sender_of_another_shape_is_left_alone() -> None:
    class Newer:
        async def _run_rtp(self, codec: object, pace: float) -> None: ...

    class Bare:
        async def _run_rtp(self, codec: object) -> None: ...

    assert why_not_taken(object()) == "this aiortc has no _run_rtp to be replaced"
    assert why_not_taken(Newer()) == "this aiortc has no _run_rtp to be replaced"
    assert why_not_taken(Bare()) == "this aiortc's sender keeps no rtp_started"


# The pace of a call, on a clock of the test's own


class Clock:
    """A clock that moves only when somebody sleeps (or the test stalls the machine)."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def track(clock: Clock, uplink_value: int = 0, encoder: OpusEncoder | None = None) -> SendTrack:
    def uplink() -> NDArray[np.int16]:
        return np.full(960, uplink_value, np.int16)

    return SendTrack(uplink, encoder or OpusEncoder(), clock=clock, sleep=clock.sleep)


async def leave_times(sender: SendTrack, clock: Clock, count: int) -> list[tuple[float, int]]:
    """When each packet left, and its timestamp in samples."""
    times = []
    for _ in range(count):
        packet = await sender.recv()
        assert packet.pts is not None and bytes(packet)
        times.append((clock.now, packet.pts))
    return times


async def test_one_small_packet_leaves_every_20_ms_of_silence() -> None:
    clock = Clock()
    sender = track(clock)
    times = await leave_times(sender, clock, 2_000)
    assert [round(at - 1_000.0, 6) for at, _ in times] == [round(i * 0.02, 6) for i in range(2_000)]
    assert [pts for _, pts in times] == [i * 960 for i in range(2_000)]
    assert sender.packets == 2_000 and 0 < sender.bytes / sender.packets < 20


async def test_a_short_stall_is_made_good_without_a_burst_and_without_a_lost_word() -> None:
    clock = Clock()
    sender = track(clock)
    await leave_times(sender, clock, 50)
    clock.now += 0.5
    after = await leave_times(sender, clock, 100)
    in_a_moment = max(sum(1 for at, _ in after if start <= at < start + 0.005) for start, _ in after)
    assert in_a_moment <= 4
    assert [pts for _, pts in after] == [(50 + i) * 960 for i in range(100)]
    assert after[-1][0] - 1_000.0 == pytest.approx(149 * 0.02, abs=0.001)


async def test_timestamps_skip_the_time_a_machine_was_suspended() -> None:
    clock = Clock()
    sender = track(clock)
    await leave_times(sender, clock, 50)
    clock.now += 3_600.0
    after = await leave_times(sender, clock, 10)
    assert after[0][1] == pytest.approx((50 * 0.02 + 3_600) * 48_000, abs=2 * 960)
    assert after[-1][0] - after[0][0] >= 0.1


async def test_late_timers_do_not_slow_the_call_down() -> None:
    """Windows wakes sleepers up to 15 ms late; the average pace must not suffer."""
    clock = Clock()

    async def late_sleep(seconds: float) -> None:
        clock.now += seconds + 0.012

    sender = SendTrack(lambda: np.zeros(960, np.int16), OpusEncoder(), clock=clock, sleep=late_sleep)
    times = await leave_times(sender, clock, 1_000)
    assert times[-1][0] - 1_000.0 == pytest.approx(999 * 0.02, abs=0.03)


async def test_what_leaves_is_opus_that_decodes_to_what_was_said() -> None:
    clock, decoder = Clock(), OpusDecoder()
    phase = iter(range(0, 10**9, 960))

    def hum() -> NDArray[np.int16]:
        return (9_000 * np.sin(2 * np.pi * 300 * (next(phase) + np.arange(960)) / 48_000)).astype(np.int16)

    sender = SendTrack(hum, OpusEncoder(), clock=clock, sleep=clock.sleep)
    heard = []
    for _ in range(50):
        packet = await sender.recv()
        assert isinstance(packet, Packet) and packet_samples(bytes(packet)) == 960
        heard.append(decoder.decode(bytes(packet)))
    spectrum = np.abs(np.fft.rfft(np.concatenate(heard[25:])))
    assert np.argmax(spectrum) * 48_000 / (25 * 960) == pytest.approx(300, abs=3)


async def test_without_libopus_plain_frames_leave_for_aiortcs_own_encoder() -> None:
    clock = Clock()
    sender = SendTrack(lambda: np.full(960, 77, np.int16), None, clock=clock, sleep=clock.sleep)
    frame = await sender.recv()
    assert isinstance(frame, AudioFrame)
    assert frame.sample_rate == 48_000 and frame.layout.name == "mono" and frame.samples == 960
    assert (frame.to_ndarray() == 77).all()
    sender.protect(20, 32_000)


async def test_a_stopped_track_ends() -> None:
    sender = track(Clock())
    sender.stop()
    with pytest.raises(MediaStreamError):
        await sender.recv()


# What the encoder is told of the loss that the other side reports


def after(reports: list[float]) -> UplinkLoss:
    loss = UplinkLoss()
    for share in reports:
        loss.reported(share)
    return loss


@each(
    ("reports", "protection"),
    [
        ([], Protection(0.03, 15, 32_000)),
        ([0.0] * 6, Protection(0.0, 10, 28_000)),
        ([0.0] * 100, Protection(0.0, 10, 28_000)),
    ],
)
def test_a_call_begins_protected_until_reports_say_that_it_need_not_be(
    reports: list[float], protection: Protection
) -> None:
    assert after(reports).protection == protection


@each(
    ("reports", "expected"),
    [
        ([0.01] * 30, 10),
        ([0.05] * 30, 15),
        ([0.10] * 30, 25),
        ([0.25] * 30, 40),
        ([1.0] * 30, 40),
        ([0.0] * 50 + [0.3] * 3, 40),
        ([0.0, 0.2] + [0.0] * 30, 10),
    ],
)
def test_steady_loss_finds_its_protection_heavy_loss_at_once_and_one_bad_report_is_forgotten(
    reports: list[float], expected: int
) -> None:
    assert after(reports).protection.expected_loss == expected


def test_one_bad_report_is_not_forgotten_at_once_and_nonsense_is_limited() -> None:
    assert after([0.0, 0.2, 0.0]).protection.expected_loss > 10
    assert all(0.0 <= after([nonsense] * 50).share <= 1.0 for nonsense in (-1.0, 2.0, 1e9))


def test_reports_of_fifty_packets_each_do_not_move_the_encoder_to_and_fro() -> None:
    rng = random.Random(4)
    loss, changes, before = UplinkLoss(), 0, 10
    for _ in range(600):
        loss.reported(sum(rng.random() < 0.05 for _ in range(50)) / 50)
        changes += loss.protection.expected_loss != before
        before = loss.protection.expected_loss
    assert changes <= 12
