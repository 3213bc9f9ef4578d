"""The sound formats of a WebSocket line: the path's 48 kHz frames to bytes and back, with one phase per stream.

A resampler and half a sample that was cut off by a message's end are state, so there is one `SoundEncoder` for what is
sent and one `SoundDecoder` for each item that is received.

G.711, u-law and A-law: 8 bits a sample, 8 kHz, the sound of telephones (ITU-T G.711, tables 1a to 2b).

Two tables each way: a code means one 16-bit level, and a sample gets the code whose level is nearest. Python dropped
`audioop`, which had these, with 3.13.

Other sample rates at the edge of the path: sound files, and devices that refuse 48 kHz.

PyAV's resampler is here already for the line and keeps its state from call to call. Measured in floats, 10 ms at a
time, between 48 kHz and 8, 16, 22.05, 44.1 and 96 kHz: a tone stands 97 to 150 dB above everything else up to 0.4 of
the lower rate, flat to 0.01 dB (0.2 dB down at 0.43, 1 dB at 0.45); aliases are 107 dB down; 0.3 to 2 ms are held back;
it costs 2.3 ms a second. Inside the path nothing is resampled.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block, Frame, to_float, to_int16

Law = Literal["pcmu", "pcma"]
G711_RATE = 8_000
"""Samples, and bytes, a second."""


def g711_encode(law: Law, pcm: NDArray[np.int16]) -> bytes:
    """int16[n] to n bytes."""
    return _codes(law)[pcm.view(np.uint16)].tobytes()


def g711_decode(law: Law, data: bytes) -> NDArray[np.int16]:
    """n bytes to int16[n]; every byte is a level, so nothing can be wrong with them."""
    return levels(law)[np.frombuffer(data, np.uint8)]


@functools.cache
def levels(law: Law) -> NDArray[np.int16]:
    """The level of each of the 256 codes."""
    code = np.arange(256)
    if law == "pcmu":
        code = ~code & 0xFF
        mantissa, segment, is_negative = code & 0x0F, (code & 0x70) >> 4, (code & 0x80) != 0
        size = (((mantissa << 3) + 0x84) << segment) - 0x84
    else:
        code = code ^ 0x55
        mantissa, segment, is_negative = code & 0x0F, (code & 0x70) >> 4, (code & 0x80) == 0
        size = np.where(segment > 0, (mantissa << 4) + 0x108 << np.maximum(segment - 1, 0), (mantissa << 4) + 8)
    return np.where(is_negative, -size, size).astype(np.int16)


@functools.cache
def _codes(law: Law) -> NDArray[np.uint8]:
    """The code of each of the 65,536 samples, by the sample's bits."""
    by_level = np.argsort(levels(law), kind="stable")
    ordered = levels(law)[by_level].astype(np.float64)
    borders = (ordered[1:] + ordered[:-1]) / 2
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16)
    return by_level[np.searchsorted(borders, samples)].astype(np.uint8)


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


def resampled(samples: Block, source: int, target: int) -> Block:
    """A whole sound at once, with what the filter holds back at its end."""
    stream = Resampler(source, target)
    return np.concatenate([stream.convert(samples), stream.finish()])


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


Kind = Literal["pcm16", "pcmu", "pcma"]
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """16-bit PCM (little endian) at a rate, or G.711, which has 8 kHz whatever was asked for; one channel."""

    kind: Kind = "pcm16"
    rate: int = 24_000

    @property
    def name(self) -> str:
        """As a person reads it."""
        if self.kind != "pcm16":
            return "G.711 u-law" if self.kind == "pcmu" else "G.711 A-law"
        return f"pcm16 {self.rate / 1000:g} kHz"

    @property
    def bytes_per_second(self) -> int:
        """Of sound, before it is written as base64."""
        return 2 * self.rate if self.kind == "pcm16" else G711_RATE

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.rate if self.kind == "pcm16" else G711_RATE


class SoundEncoder:
    """What is sent: frames of 48 kHz in, bytes of the format out."""

    def __init__(self, form: SoundFormat) -> None:
        self.form = form
        self._resampler = Resampler(SAMPLE_RATE, form.sample_rate)

    def encode(self, frame: Frame) -> bytes:
        """int16[n] at 48 kHz to the bytes that are complete by now."""
        if self.form.kind == "pcm16":
            same = self.form.rate == SAMPLE_RATE
            return (frame if same else self._converted(frame)).astype("<i2").tobytes()
        return g711_encode(self.form.kind, self._converted(frame))

    def _converted(self, frame: Frame) -> Frame:
        return to_int16(self._resampler.convert(to_float(frame)))


class SoundDecoder:
    """What is received of one item: bytes of the format in, int16 at 48 kHz out."""

    def __init__(self, form: SoundFormat) -> None:
        self.form = form
        self._resampler = Resampler(form.sample_rate, SAMPLE_RATE)
        self._half = b""

    def decode(self, data: bytes) -> Frame:
        """The samples that `data` completes; half a sample waits for its other half."""
        if self.form.kind != "pcm16":
            return self._converted(g711_decode(self.form.kind, data))
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        pcm = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        return pcm if self.form.rate == SAMPLE_RATE else self._converted(pcm)

    def finish(self) -> Frame:
        """What the resampler held back. Nothing may be decoded afterwards."""
        return _rounded(self._resampler.finish())

    def _converted(self, pcm: Frame) -> Frame:
        return _rounded(self._resampler.convert(to_float(pcm)))


def _rounded(samples: Block) -> Frame:
    return to_int16(samples)
