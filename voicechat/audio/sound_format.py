"""The sound formats of a WebSocket line: the path's 48 kHz frames to bytes and back, with one phase per stream.

A resampler and half a sample that was cut off by a message's end are state, so there is one `SoundEncoder` for what is
sent and one `SoundDecoder` for each item that is received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from voicechat.audio import g711
from voicechat.audio.blocks import SAMPLE_RATE, Block, Frame, to_float, to_int16
from voicechat.audio.resample import Resampler

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
        return 2 * self.rate if self.kind == "pcm16" else g711.RATE

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.rate if self.kind == "pcm16" else g711.RATE


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
        return g711.encode(self.form.kind, self._converted(frame))

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
            return self._converted(g711.decode(self.form.kind, data))
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
