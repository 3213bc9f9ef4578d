"""Devices of every rate and channel count around a path that only knows 10 ms of 48 kHz mono."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.each import each
from tests.support.sources import SteadyTone
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.open import StreamStep, mono
from voicechat.audio.paced_stream import FileEnds
from voicechat.audio.path import AudioPath

Signal = npt.NDArray[np.float64]


class Device:
    """A device of this rate, with these channels, whose microphone hears a tone while the assistant hums at 500 Hz."""

    def __init__(self, rate: int, inputs: int, outputs: int, frames: int) -> None:
        self.path = AudioPath(lambda _: None, processor=PassThroughProcessor())
        self.path.set_source(SteadyTone(level=0.5))
        self.path.open_mic(0.0)
        self.rate, self.inputs, self.outputs, self.frames = rate, inputs, outputs, frames
        self.step = StreamStep(self.path, FileEnds(self.path, None, None), rate)
        self.sent: list[npt.NDArray[np.int16]] = []

    def run(self, seconds: float, tone: float = 437.0) -> Signal:
        """float[n, outputs]: what the loudspeaker got."""
        calls = round(seconds * self.rate / self.frames)
        heard = 0.5 * np.sin(2 * np.pi * tone * np.arange(calls * self.frames) / self.rate)
        played = np.full((calls * self.frames, self.outputs), 9.0, dtype=np.float32)
        for call in range(calls):
            here = slice(call * self.frames, (call + 1) * self.frames)
            mic = np.repeat(heard[here, np.newaxis], self.inputs, axis=1).astype(np.float32)
            self.step.run(mic, played[here], call * self.frames / self.rate)
            while self.path.snapshot().backlog >= 0.02:
                self.sent.append(self.path.pull())
        return played.astype(np.float64)

    def waiting(self) -> int:
        """Samples that wait for the loudspeaker between the two rates."""
        assert self.step._bridge is not None
        return self.step._bridge.ready


def sinad(signal: Signal, rate: int, tone: float) -> float:
    """dB of a tone above everything else, by fitting it."""
    times = 2 * np.pi * tone * np.arange(len(signal)) / rate
    basis = np.stack([np.sin(times), np.cos(times)], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return float(10 * np.log10(np.mean(fitted**2) / np.mean((signal - fitted) ** 2)))


@each(
    ("rate", "inputs", "outputs", "frames"),
    [
        (44_100, 1, 2, 441),
        (16_000, 1, 1, 160),
        (8_000, 1, 1, 80),
        (96_000, 2, 2, 960),
        (22_050, 2, 6, 220),
        (48_000, 4, 8, 480),
        (32_000, 3, 2, 320),
        (48_000, 1, 2, 960),
        (48_000, 1, 2, 512),
        (44_100, 1, 2, 512),
        (44_100, 1, 2, 882),
    ],
)
def test_both_directions_stay_clean_at_every_rate_channel_count_and_block_length(
    rate: int, inputs: int, outputs: int, frames: int
) -> None:
    device = Device(rate, inputs, outputs, frames)
    played = device.run(2.0)
    assert sinad(played[rate:, 0], rate, 500.0) > 60.0
    assert (played[:, 1:2] == played[:, :1]).all() and not played[:, 2:].any()
    sent = np.concatenate(device.sent)[48_000:].astype(np.float64) / 32767
    assert sinad(sent, 48_000, 437.0) > 60.0
    assert np.sqrt(2 * np.mean(sent**2)) == pytest.approx(0.5, rel=0.01)


def test_another_rate_for_half_a_minute_neither_collects_delay_nor_runs_dry() -> None:
    device = Device(44_100, 1, 1, frames=441)
    waits = []
    for _ in range(6):
        device.run(5.0)
        waits.append(device.waiting())
    assert max(waits) - min(waits) <= 44_100 // 100
    assert max(waits) <= 44_100 // 50


def test_a_microphone_on_the_first_of_many_inputs_is_not_lost_among_silent_ones() -> None:
    heard = np.zeros((480, 8), dtype=np.float32)
    heard[:, 0] = 0.5
    assert mono(heard).max() == pytest.approx(0.25)
