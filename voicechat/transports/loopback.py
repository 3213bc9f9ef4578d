"""A line in memory: the far end is whoever holds it. For tests of whatever stands on a line.

Nothing is scheduled and no time is read: what the far end does arrives at once, in the caller's turn.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.jitter_buffer import FRAME
from voicechat.audio.send_pace import Uplink
from voicechat.errors import SignallingError
from voicechat.rtc.line_stats import LineStats
from voicechat.transports.target import LineListener, LineOpened, LineTarget

Pcm = NDArray[np.int16]


class LoopbackLine:
    """The session's line, and its far end (`say`, `speak`, `hear`, `drop`)."""

    def __init__(self, *, uplink: Uplink, heard: LineListener) -> None:
        self._uplink = uplink
        self._heard = heard
        self._sound: deque[Pcm] = deque()
        self._rest: Pcm = np.zeros(0, np.int16)
        self._pulled = 0
        self._last_packet_at: float | None = None
        self.refuse_next: SignallingError | None = None
        """What the next `open` raises; used up by it."""
        self.largest_message = 262_144
        self.targets: list[LineTarget] = []
        self.sent: list[str] = []
        self.is_open = False
        self.hung_up = False
        """Whether the last close also told the service."""

    async def open(self, target: LineTarget) -> LineOpened:
        """Open, or raise what was laid out in `refuse_next`."""
        self.targets.append(target)
        refusal, self.refuse_next = self.refuse_next, None
        if refusal is not None:
            raise refusal
        self.is_open = True
        return LineOpened(call_id=f"call_{len(self.targets)}", steps=())

    def send(self, text: str) -> str:
        """Keep one client event for the far end; refuses what a real line refuses."""
        if not self.is_open:
            return "the connection is not open"
        if (size := len(text.encode())) > self.largest_message:
            return f"the message has {size} bytes and the other side takes {self.largest_message} at most"
        self.sent.append(text)
        return ""

    def pull(self, now: float, samples: int = FRAME) -> Pcm:
        """What the far end spoke; silence otherwise."""
        if len(self._rest) < samples and self._sound:
            self._pulled += 1
            self._last_packet_at = now
            self._rest = np.concatenate([self._rest, self._sound.popleft()])
        pulled, self._rest = self._rest[:samples], self._rest[samples:]
        return np.concatenate([pulled, np.zeros(samples - len(pulled), np.int16)])

    newest = 0
    """A stream without names."""

    def flush(self, through: int | None = None) -> None:
        """Drop what was spoken and not yet pulled."""
        self._sound.clear()
        self._rest = np.zeros(0, np.int16)

    def stats(self) -> LineStats:
        """Only what a line in memory can know."""
        return LineStats(
            codec="pcm" if self.is_open else "",
            packets_received=self._pulled,
            last_packet_at=self._last_packet_at,
        )

    async def close(self, *, hang_up: bool) -> None:
        """End it. Nothing is reported for one's own close."""
        self.hung_up = hang_up and self.is_open
        self.is_open = False
        self.flush()

    def say(self, text: str) -> None:
        """Far end: a server event arrives."""
        if self.is_open:
            self._heard.on_text(text)

    def speak(self, pcm: Pcm) -> None:
        """Far end: sound arrives (int16, mono, 48 kHz); the last part of a frame is filled with silence."""
        padded = np.zeros(-(-pcm.size // FRAME) * FRAME, np.int16)
        padded[: pcm.size] = pcm
        self._sound.extend(padded.reshape(-1, FRAME))

    def hear(self) -> Pcm:
        """Far end: the next 20 ms of what the near end sends."""
        return self._uplink()

    def drop(self, reason: str) -> None:
        """Far end: the connection is lost."""
        if self.is_open:
            self.is_open = False
            self._heard.on_closed(reason)
