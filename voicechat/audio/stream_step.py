"""What one callback of the device does: bring its block to the path's shape, step the path, bring the answer back.

On the audio thread: no lock, no log, nothing that grows.
"""

from __future__ import annotations

import numpy as np

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block, silent_block
from voicechat.audio.paced_stream import FileEnds
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import Samples
from voicechat.audio.resample import RateBridge

_EARS = 2
"""Channels of a microphone that count, and of a loudspeaker that are filled: further ones of a studio card carry other
instruments, and those of a surround receiver other walls."""


class StreamStep:
    """One open stream's rate and channels, between its callback and the path."""

    def __init__(self, path: AudioPath, ends: FileEnds, rate: int) -> None:
        self._path = path
        self._ends = ends
        self._out = silent_block()
        self._bridge = RateBridge(rate) if rate != SAMPLE_RATE else None

    def run(self, heard: Samples | None, fill: Samples | None, now: float) -> None:
        """`heard` is float32[n, channels] or None, `fill` is filled for the loudspeaker or None; n is the device's."""
        mic = mono(heard) if heard is not None else None
        size = len(mic) if mic is not None else len(fill) if fill is not None else 0
        if self._bridge is not None or size % BLOCK:
            self._bridged(mic, fill, now)
            return
        for begin in range(0, size, BLOCK):
            self._once(mic[begin : begin + BLOCK] if mic is not None else None, now)
            if fill is not None:
                _spread(fill[begin : begin + BLOCK], self._out)

    def _bridged(self, mic: Block | None, fill: Samples | None, now: float) -> None:
        """Another rate: the microphone's blocks set the pace, or the loudspeaker's where there is no microphone."""
        bridge = self._bridge = self._bridge or RateBridge(SAMPLE_RATE)
        if mic is not None:
            for block in bridge.capture(mic):
                self._once(block, now)
                bridge.deliver(self._out)
        while mic is None and fill is not None and bridge.ready < len(fill):
            self._once(None, now)
            bridge.deliver(self._out)
        played = bridge.take(len(fill) if fill is not None else bridge.ready)
        if fill is not None:
            _spread(fill, played)

    def _once(self, mic: Block | None, now: float) -> None:
        real = mic is not None and self._ends.mic is None
        self._path.process(mic if mic is not None and real else self._ends.read(), self._out, now)
        self._ends.write(self._out)


def mono(samples: Samples) -> Block:
    """float32[n, channels] to float32[n]; a copy, because PortAudio takes its buffer back."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: Block = samples[:, :_EARS].mean(axis=1, dtype=np.float32)
    return mixed


def _spread(fill: Samples, block: Block) -> None:
    """One channel to both ears, and silence to whatever else there is."""
    fill[:, :_EARS] = block[:, np.newaxis]
    if fill.shape[1] > _EARS:
        fill[:, _EARS:] = 0.0
