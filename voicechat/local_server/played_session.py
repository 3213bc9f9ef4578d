"""A client's session with a tape: no ears, no brain, no voice - only what was told then, at its time.

The assistant's recorded sound for one client: in a WebSocket's events, or as a stream beside those of WebRTC.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.dialogue import Transport
from voicechat.local_server.house import House
from voicechat.local_server.played import VOICE, Event, Pcm, Play, Script, response_of
from voicechat.local_server.playout import RATE, Playout, Started, Stopped
from voicechat.local_server.resample import Resampler
from voicechat.local_server.session import ClientSession, Line
from voicechat.local_server.session_config import SessionConfig
from voicechat.local_server.sound_formats import RATES, read_sound, write_sound
from voicechat.protocol.dialects import Dialect

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


log = logging.getLogger("voicechat.local_server")


@dataclass(eq=False)
class PlayedSession:
    """Fits `ClientSession`."""

    line: Line
    script: Script
    transport: Transport
    play: Play
    clock: Callable[[], float] = time.monotonic
    _timer: asyncio.TimerHandle | None = None
    _is_closed: bool = False
    _voice: Voice = field(default_factory=Voice)

    def __post_init__(self) -> None:
        self._beside = SoundBeside(self.script) if self.transport == "webrtc" else None
        self._inside = SoundInEvents(self.script)

    def start(self) -> None:
        """The line is open."""
        self.play.begin(self.clock())
        self._tell()

    def client_said(self, text: str) -> None:
        """One message of the client's; what is no event is nothing it did."""
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "input_audio_buffer.append":
            self._hear(event)
        elif isinstance(kind, str):
            self._cue(kind, event)

    def exchange(self, heard: NDArray[np.int16]) -> NDArray[np.int16]:
        """WebRTC, every 20 ms: what the client sent for what it gets."""
        if self._voice.begins(heard.astype(np.float32) / 32768.0, RATE):
            self._cue(VOICE, {})
        if self._beside is None:
            return np.zeros_like(heard)
        frame, told = self._beside.pull()
        for event in told:
            self.line.send(json.dumps(event))
        return frame

    async def close(self) -> None:
        """Nothing is told any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, event: Event) -> None:
        sound = event.get("audio")
        try:
            data = base64.b64decode(sound, validate=True) if isinstance(sound, str) else b""
        except (binascii.Error, ValueError):
            return
        form = self.script.form
        samples = read_sound(form, data)
        if not isinstance(samples, str) and self._voice.begins(samples, RATES.get(form, SOUND_RATE)):
            self._cue(VOICE, {})

    def _cue(self, kind: str, event: Event) -> None:
        known = len(self.play.misses)
        self.play.cue(kind, event, self.clock())
        for missed in self.play.misses[known:]:
            log.warning("the tape has no answer to this %s of the client's", missed)
        self._tell()

    def _tell(self) -> None:
        if self._is_closed:
            return
        dressing = self._beside or self._inside
        for event in self.play.due(self.clock()):
            for dressed in dressing.dressed(event):
                self.line.send(json.dumps(dressed, ensure_ascii=False))
        if self._timer is not None:
            self._timer.cancel()
        if (at := self.play.next_at) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self.clock()), self._tell)


@dataclass
class PlayHouse(House):
    """A house whose sessions come from a tape: the n-th client gets its n-th session, and then the first again."""

    scripts: tuple[Script, ...] = ()
    speed: float = 1.0
    by_time: bool = False
    _served: int = 0

    def start(self) -> None:
        """There is nothing to load."""

    @property
    def state(self) -> str:
        return "ready"

    async def open_session(
        self, line: Line, transport: Transport, config: SessionConfig, dialect: Dialect
    ) -> ClientSession:
        """Whatever configuration was asked for: what was told then is told now."""
        script = self.scripts[self._served % len(self.scripts)]
        self._served += 1
        return PlayedSession(line, script, transport, Play(script, speed=self.speed, by_time=self.by_time))

    async def close(self) -> None:
        """End every session."""
        for session in list(self.sessions):
            session.line.hang_up(1001, "the server is ending")
            await session.close()
