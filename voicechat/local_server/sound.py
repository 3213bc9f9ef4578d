"""Sound between the engine and the line: the three formats of the wire, and the queue that WebRTC sends from.

The formats are 16-bit PCM at 24 kHz, and G.711 u-law and A-law at 8 kHz; G.711 and the resampler are those of the
client (`voicechat.audio`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import FRAME, SAMPLE_RATE, to_float, to_int16
from voicechat.audio.sound_format import Law, g711_decode, g711_encode
from voicechat.local_server.refusals import invalid

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""Samples per second of each format, by its GA name."""
_LAWS: dict[str, Law] = {"audio/pcmu": "pcmu", "audio/pcma": "pcma"}
_FADE = 240
"""5 ms at 48 kHz: a cut without a click."""


def decoded_sound(form: str, audio: str, path: str) -> Samples:
    """Base64 of the wire as float samples in [-1, 1] at `RATES[form]`. Raises Refusal for what is no such sound."""
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, "it is not valid base64.") from None
    if form in _LAWS:
        return to_float(g711_decode(_LAWS[form], data))
    if len(data) % 2:
        raise invalid(path, "16-bit PCM needs an even number of bytes.")
    return to_float(np.frombuffer(data, "<i2"))


def encoded_sound(form: str, samples: Samples) -> str:
    """Base64 of float samples in [-1, 1] that are already at `RATES[form]`."""
    pcm = to_int16(samples)
    data = g711_encode(_LAWS[form], pcm) if form in _LAWS else pcm.astype("<i2").tobytes()
    return base64.b64encode(data).decode()


Mark = tuple[str, Literal["started", "stopped"]]
"""An answer, and whether its first or its last sample was in a frame."""


@dataclass(slots=True)
class _Answer:
    waiting: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    played: int = 0
    is_complete: bool = False

    def take(self, count: int) -> Pcm:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        self.played += len(taken)
        return taken


class Playout:
    """The sound that waits to be sent in one session: answers one after the other, silence when there is none.

    The stream never pauses: a receiver that waits for later packets would keep the last 80 ms of every answer
    otherwise. What the other side must be told (an answer starts, it stopped) comes back with each frame as marks.
    """

    def __init__(self) -> None:
        self._answers: dict[str, _Answer] = {}

    def add(self, response_id: str, pcm: Pcm) -> None:
        """Queue sound of an answer (48 kHz mono)."""
        if len(pcm):
            answer = self._answers.setdefault(response_id, _Answer())
            answer.waiting = np.concatenate([answer.waiting, pcm])

    def played(self, response_id: str) -> float:
        """Seconds of this answer that have left; 0 for one that is not in the queue (any more)."""
        answer = self._answers.get(response_id)
        return answer.played / SAMPLE_RATE if answer else 0.0

    def complete(self, response_id: str) -> None:
        """No more sound of this answer will come; its end is an end, not a gap."""
        if answer := self._answers.get(response_id):
            answer.is_complete = True

    def clear(self) -> None:
        """Silence at once: everything queued is dropped but a fade of 5 ms, and no mark tells of its end."""
        playing = next(iter(self._answers.values()), _Answer())
        tail = playing.take(_FADE)
        self._answers = {"": _Answer((tail * np.linspace(1.0, 0.0, len(tail))).astype(np.int16), is_complete=True)}

    def pull(self) -> tuple[Pcm, list[Mark]]:
        """The next 20 ms (960 samples at 48 kHz, int16) and what that made happen."""
        frame: Pcm = np.zeros(FRAME, np.int16)
        filled, marks = 0, list[Mark]()
        while self._answers and filled < FRAME:
            name, answer = next(iter(self._answers.items()))
            is_first = answer.played == 0
            taken = answer.take(FRAME - filled)
            frame[filled : filled + len(taken)] = taken
            filled += len(taken)
            if name and is_first and answer.played:
                marks.append((name, "started"))
            if len(answer.waiting) or not answer.is_complete:
                break
            del self._answers[name]
            if name:
                marks.append((name, "stopped"))
        return frame, marks
