"""Other sample rates at the edge of the path: sound files, and devices that refuse 48 kHz.

PyAV's resampler is here already for the line and keeps its state from call to call. Measured in floats, 10 ms at a
time, between 48 kHz and 8, 16, 22.05, 44.1 and 96 kHz: a tone stands 97 to 150 dB above everything else up to 0.4 of
the lower rate, flat to 0.01 dB (0.2 dB down at 0.43, 1 dB at 0.45); aliases are 107 dB down; 0.3 to 2 ms are held back;
it costs 2.3 ms a second. Inside the path nothing is resampled.
"""

from __future__ import annotations

import av
import numpy as np

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block


class Resampler:
    """Mono float32 from one rate to another, streaming: feed pieces of any length in order."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rate_in = rate_in
        self._same = rate_in == rate_out
        self._engine = av.AudioResampler(format="flt", layout="mono", rate=rate_out)

    def convert(self, samples: Block) -> Block:
        """float32[n] at the input's rate to float32[m] at the output's; m varies by a sample or two."""
        if self._same or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "flt", "mono")
        frame.sample_rate = self._rate_in
        return self._gather(self._engine.resample(frame))

    def finish(self) -> Block:
        """What was held back; nothing may be fed afterwards."""
        return np.zeros(0, dtype=np.float32) if self._same else self._gather(self._engine.resample(None))

    @staticmethod
    def _gather(frames: list[av.AudioFrame]) -> Block:
        pieces = [frame.to_ndarray().reshape(-1) for frame in frames]
        return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)


class RateBridge:
    """Between a device that runs at another rate, in blocks of any length, and the path's 10 ms at 48 kHz."""

    def __init__(self, device_rate: int) -> None:
        self._inward = Resampler(device_rate, SAMPLE_RATE)
        self._outward = Resampler(SAMPLE_RATE, device_rate)
        self._captured = np.zeros(0, dtype=np.float32)
        self._to_play = np.zeros(device_rate // 50, dtype=np.float32)
        """Begins with 20 ms of silence: blocks of the two rates never end together."""

    def capture(self, samples: Block) -> list[Block]:
        """What the device heard, as whole blocks of the path; what does not fill a block waits."""
        self._captured = np.concatenate([self._captured, self._inward.convert(samples)])
        count = len(self._captured) // BLOCK
        blocks = [self._captured[index * BLOCK : (index + 1) * BLOCK] for index in range(count)]
        self._captured = self._captured[count * BLOCK :]
        return blocks

    @property
    def ready(self) -> int:
        """Samples at the device's rate that wait to be played."""
        return len(self._to_play)

    def deliver(self, block: Block) -> None:
        """A block of the path for the loudspeaker."""
        self._to_play = np.concatenate([self._to_play, self._outward.convert(block)])

    def take(self, count: int) -> Block:
        """`count` samples at the device's rate, padded with silence where too few are ready."""
        taken, self._to_play = self._to_play[:count], self._to_play[count:]
        return np.pad(taken, (0, count - len(taken)))
