"""The pace of a call, on a clock of the test's own."""

from __future__ import annotations

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, Packet
from numpy.typing import NDArray

from voicechat.audio.opus import OpusDecoder, OpusEncoder, packet_samples
from voicechat.rtc.send_track import SendTrack


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
