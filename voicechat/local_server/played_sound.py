"""The assistant's recorded sound for one client: in a WebSocket's events, or as a stream beside those of WebRTC."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.played import Event, Pcm, Script, response_of
from voicechat.local_server.playout import RATE, Playout, Started, Stopped
from voicechat.local_server.resample import Resampler
from voicechat.local_server.sound_formats import RATES, write_sound

SOUND_RATE = 24_000
LOUD = 10 ** (-45 / 20)
"""RMS, 1 is full scale, from which 20 ms of the client's sound count as voice."""
BEGINS_AFTER = 3
ENDS_AFTER = 25
"""Frames of 20 ms: so many loud ones begin a turn, so many quiet ones end it."""
_DELTAS = ("response.output_audio.delta", "response.audio.delta")
_LEFT_OUT = re.compile(r"<(\d+) bytes of base64>")


class SoundInEvents:
    """For a WebSocket: sound is put back into the deltas of the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._taken: dict[str, int] = {}

    def dressed(self, event: Event) -> Iterator[Event]:
        """What is sent for one recorded event."""
        kind = str(event.get("type", ""))
        if kind in _DELTAS:
            yield self._filled(event)
        elif not (self._script.over_webrtc and kind.startswith("output_audio_buffer.")):
            yield event

    def _filled(self, event: Event) -> Event:
        said = event.get("delta")
        left_out = _LEFT_OUT.fullmatch(said) if isinstance(said, str) else None
        if left_out is None:
            return event
        return event | {"delta": self._take(response_of(event), int(left_out[1]) // 4 * 3)}

    def _take(self, response_id: str, size: int) -> str:
        """So many bytes of the answer's sound; silence where there is none."""
        form = self._script.form
        wide = 2 if form == "audio/pcm" else 1
        count = size // wide
        at = self._taken.get(response_id, 0)
        self._taken[response_id] = at + count
        sound = self._sound(response_id, form)[at : at + count]
        whole = np.zeros(count, np.float32)
        whole[: len(sound)] = sound
        return base64.b64encode(write_sound(form, whole)).decode()

    def _sound(self, response_id: str, form: str) -> NDArray[np.float32]:
        pcm = self._script.sounds.get(response_id, np.zeros(0, np.int16)).astype(np.float32) / 32768.0
        return pcm if RATES[form] == SOUND_RATE else Resampler(SOUND_RATE, RATES[form]).feed(pcm)


class SoundBeside:
    """For WebRTC: frames of 20 ms, and the events of the server's buffer where the recording has none."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._playout = Playout()
        self._given: set[str] = set()

    def dressed(self, event: Event) -> Iterator[Event]:
        """What is sent for one recorded event; sound that begins with it is queued."""
        kind = str(event.get("type", ""))
        if kind in _DELTAS:
            if not self._script.over_webrtc:
                self._begin(response_of(event))
            return
        if kind == "output_audio_buffer.started":
            self._begin(response_of(event))
        elif kind == "output_audio_buffer.cleared":
            self._playout.clear()
        yield event

    def pull(self) -> tuple[Pcm, list[Event]]:
        """The next 20 ms at 48 kHz, and what is told of it."""
        frame, marks = self._playout.pull()
        if self._script.over_webrtc:
            return frame, []
        told: list[Event] = []
        for mark in marks:
            if isinstance(mark, Started | Stopped):
                word = "started" if isinstance(mark, Started) else "stopped"
                name = f"output_audio_buffer.{word}"
                told.append({"type": name, "event_id": f"event_{word}", "response_id": mark.response_id})
        return frame, told

    def _begin(self, response_id: str) -> None:
        pcm = self._script.sounds.get(response_id)
        if pcm is None or response_id in self._given:
            return
        self._given.add(response_id)
        sound = Resampler(SOUND_RATE, RATE).feed(pcm.astype(np.float32) / 32768.0)
        self._playout.add(response_id, (np.clip(sound, -1, 1) * 32767).astype(np.int16))
        self._playout.complete(response_id)


class Voice:
    """Whether the client's user begins to speak, by the loudness of what comes."""

    def __init__(self) -> None:
        self._loud = 0
        self._quiet = ENDS_AFTER
        self._rest = np.zeros(0, np.float32)

    def begins(self, samples: NDArray[np.float32], rate: int) -> bool:
        """Samples in [-1, 1]; true once for each stretch of voice."""
        self._rest = np.concatenate([self._rest, samples])
        size = rate // 50
        count = len(self._rest) // size
        frames, self._rest = self._rest[: count * size].reshape(count, size), self._rest[count * size :]
        began = False
        for loudness in np.sqrt((frames**2).mean(axis=1)) if count else ():
            is_loud = bool(loudness >= LOUD)
            self._loud = self._loud + 1 if is_loud else 0
            if is_loud and self._loud >= BEGINS_AFTER:
                began = began or self._quiet >= ENDS_AFTER
                self._quiet = 0
            elif not is_loud:
                self._quiet += 1
        return began
