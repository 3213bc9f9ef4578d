"""What a session hears: a bounded buffer of 16 kHz sound with positions in milliseconds, and a voice detector on it.

Positions count from the first sample of the session, which is the "input audio clock" of the protocol's
`audio_start_ms` and `audio_end_ms`. Pure on arrays: no clock, no device, no thread.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.resample import Samples
from voicechat.local_server.sound_formats import int16
from voicechat.local_server.speech.vad import FRAME, FRAME_MS, SAMPLE_RATE, ServerVad, VadEvent

LONGEST_MEMORY = 300.0
"""Seconds kept, 9.6 MB: with turn detection off and a WebRTC track that never pauses the buffer would grow for ever."""


class Detector(Protocol):
    """Something that tells voice from silence; recurrent, so it must see every frame once."""

    def probability(self, frame: NDArray[np.float32]) -> float:
        """How likely 512 samples at 16 kHz hold speech, 0 to 1."""
        ...


class Ears:
    """One session's hearing."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rule = ServerVad()
        self._rest: Samples = np.zeros(0, np.float32)
        self._frames: deque[NDArray[np.int16]] = deque(maxlen=int(LONGEST_MEMORY * 1000 / FRAME_MS))
        self._forgotten = 0

    @property
    def position_ms(self) -> int:
        """How much was heard since the session began, to the last sample."""
        return (self._forgotten + len(self._frames)) * FRAME_MS + len(self._rest) * 1000 // SAMPLE_RATE

    def listen_for(self, threshold: float, prefix_padding_ms: int, silence_duration_ms: int) -> None:
        """Judge turns by new settings from here on; a turn under way is forgotten."""
        start = (self._forgotten + len(self._frames)) * FRAME_MS
        self._rule = ServerVad(threshold, prefix_padding_ms, silence_duration_ms, start_ms=start)

    def end_turn(self) -> tuple[VadEvent, ...]:
        """The buffer is committed or cleared by hand: a turn under way ends here."""
        return self._rule.stop()

    def hear(self, samples: Samples) -> tuple[VadEvent, ...]:
        """Take 16 kHz samples of any number; what happened in them, oldest first."""
        line = np.concatenate([self._rest, samples])
        whole = len(line) // FRAME
        self._rest = line[whole * FRAME :]
        events: list[VadEvent] = []
        for index in range(whole):
            events.extend(self._hear_frame(line[index * FRAME : (index + 1) * FRAME]))
        return tuple(events)

    def sound(self, start_ms: int, end_ms: int) -> NDArray[np.int16]:
        """What was heard between two positions (16 kHz), as far as it is remembered; rounded outwards to 32 ms."""
        first = max(start_ms // FRAME_MS - self._forgotten, 0)
        last = min(-(-end_ms // FRAME_MS) - self._forgotten, len(self._frames))
        frames = [self._frames[index] for index in range(first, last)]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    def _hear_frame(self, frame: Samples) -> tuple[VadEvent, ...]:
        if len(self._frames) == self._frames.maxlen:
            self._forgotten += 1
        self._frames.append(int16(frame))
        return self._rule.feed(self._detector.probability(frame))
