"""A client's session with a tape: no ears, no brain, no voice - only what was told then, at its time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.dialogue import Transport
from voicechat.local_server.house import House
from voicechat.local_server.played import VOICE, Event, Play, Script
from voicechat.local_server.played_sound import SOUND_RATE, SoundBeside, SoundInEvents, Voice
from voicechat.local_server.playout import RATE
from voicechat.local_server.session import ClientSession, Line
from voicechat.local_server.session_config import SessionConfig
from voicechat.local_server.sound_formats import RATES, read_sound
from voicechat.protocol.dialects import Dialect

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
