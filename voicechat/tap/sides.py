"""The sound of the two sides, out of what passes by: how loud it is now, and when which samples are heard.

Over WebRTC a packet is heard when it comes. Over WebSocket a service sends its answer faster than it is spoken; nobody
but the client knows what it plays, so the pieces are taken to be played one after the other, until it cuts them off.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.opus import SAMPLE_RATE, OpusDecoder, opus_is_available
from voicechat.audio.sound_format import HIGHEST_RATE, LOWEST_RATE, SoundDecoder, SoundFormat
from voicechat.protocol.session_dialects import get_path, session_to_ga

LOUD = -50.0
"""dBFS from which something is said."""
SILENT = -99.0
SHOWN_FOR = 0.25
"""Seconds for which a level stays without new sound."""
PIECE = SAMPLE_RATE // 50
"""Samples that are measured at once: 20 ms."""
MOST_PIECES = 50 * 600
"""Ten minutes of an answer that waits to be played."""
Pcm = NDArray[np.int16]


class Side:
    """One side of a call. Times are seconds on the tap's clock, samples mono at 48 kHz."""

    def __init__(self) -> None:
        self._ahead: deque[tuple[float, Pcm]] = deque(maxlen=MOST_PIECES)
        self._until = 0.0
        self._level, self._level_at = SILENT, -math.inf
        self._opus: OpusDecoder | None = None
        self._decoder = SoundDecoder(SoundFormat())
        self.on_heard: Callable[[float, Pcm], None] = lambda at, pcm: None
        """Gets every piece at its moment."""

    def packet(self, payload: bytes, at: float) -> None:
        """An Opus packet passed."""
        if self._opus is None:
            if opus_is_available():
                return
            self._opus = OpusDecoder()
        pcm = self._opus.decode(payload)
        if pcm.size:
            self._heard(at, pcm)

    def base64(self, text: object, at: float) -> None:
        """A piece of sound in an event came; it is heard after the one before it."""
        try:
            data = base64.b64decode(text) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            return
        pcm, begins = self._decoder.decode(data), max(at, self._until)
        for start in range(0, len(pcm), PIECE):
            self._ahead.append((begins + start / SAMPLE_RATE, pcm[start : start + PIECE]))
        self._until = begins + len(pcm) / SAMPLE_RATE

    def cut(self, now: float) -> None:
        """What was to be played is not played any more."""
        self.look(now)
        self._ahead.clear()
        self._until = now

    def look(self, now: float) -> float | None:
        """The level now, dBFS; None while nothing sounds."""
        while self._ahead and self._ahead[0][0] <= now:
            self._heard(*self._ahead.popleft())
        return self._level if self._level > SILENT and now - self._level_at <= SHOWN_FOR else None

    def use(self, form: SoundFormat) -> None:
        """What comes from now on has this format."""
        if form != self._decoder.form:
            self._decoder = SoundDecoder(form)

    def _heard(self, at: float, pcm: Pcm) -> None:
        self._level, self._level_at = decibels(pcm), at
        self.on_heard(at, pcm)


def learn_formats(you: Side, assistant: Side, session: Mapping[str, Any]) -> None:
    """Take over the formats that a session has in force."""
    whole = session_to_ga(dict(session)).session
    for side, name in ((you, "input"), (assistant, "output")):
        if (form := _format(get_path(whole, ("audio", name, "format")))) is not None:
            side.use(form)


def _format(told: object) -> SoundFormat | None:
    if not isinstance(told, Mapping):
        return None
    rate = told.get("rate")
    match told.get("type"):
        case "audio/pcm":
            return SoundFormat(
                "pcm16", rate if isinstance(rate, int) and LOWEST_RATE <= rate <= HIGHEST_RATE else 24_000
            )
        case "audio/pcmu":
            return SoundFormat("pcmu")
        case "audio/pcma":
            return SoundFormat("pcma")
        case _:
            return None


def decibels(pcm: Pcm) -> float:
    """Root mean square, dBFS."""
    energy = float(np.mean(np.square(pcm.astype(np.float32) / 32768.0))) if pcm.size else 0.0
    return round(10 * math.log10(energy), 1) if energy > 1e-10 else SILENT
