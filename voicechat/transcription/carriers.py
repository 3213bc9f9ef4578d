"""How sound and events of a transcription session travel: a WebSocket as fast as it takes them, or a call in real time.

The talk's own WebSocket line paces a microphone and plays answers; a recording wants neither. Here a write returns when
the socket takes more, so that a slow service holds the reading of the file and nothing piles up in memory.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import aiohttp
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import FRAME, SAMPLE_RATE
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.audio.sound_format import SoundEncoder, SoundFormat
from voicechat.config.provider import Provider
from voicechat.config.providers import provider_of
from voicechat.config.secrets import find_key
from voicechat.config.settings import Settings
from voicechat.engine.service_target import service_target
from voicechat.errors import SignallingError
from voicechat.journal.secrets_scan import without_keys
from voicechat.local_server.spawn import LocalServer, start_local_server
from voicechat.protocol.dialects import DialectName
from voicechat.tasks import sentence, spawn
from voicechat.transcription.options import ResolvedOptions, model_in_address
from voicechat.transports.refusals import Closing, closing, unreachable
from voicechat.transports.target import LineTarget, secrets_of
from voicechat.transports.upgrade import Upgraded, address, upgrade
from voicechat.transports.webrtc import WebRtcLine
from voicechat.transports.websocket import WebSocketLine

_WAITS = (0.5, 2.0)
"""Seconds before each further attempt to connect; a service that names a time gets it, up to `_LONGEST_WAIT`."""
_LONGEST_WAIT = 30.0


class Service:
    """Opens transcription sessions. Used as a context: our own server lives as long.

    The service that writes down, out of the settings: its address, its key, and our own server where that is it.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, realtime: bool = False) -> None:
        self.settings = settings
        self.provider: Provider = provider_of(settings)
        self.is_call = settings.transport == "webrtc"
        known = self.provider.dialect
        self.dialect: DialectName | None = known if known == "ga" or known == "beta" else None
        self._environ = environ
        self._realtime = realtime
        self._server: asyncio.Task[LocalServer] | None = None

    @property
    def sound(self) -> tuple[str, int] | None:
        """Encoding and rate of the sound in the events; None over WebRTC."""
        return None if self.is_call else (self.provider.input_format, self.provider.input_rate)

    async def __aenter__(self) -> Service:
        if self.settings.provider == "local" and not self.provider.base_url:
            starting = start_local_server(without_keys(self._environ), brain_url="none")
            self._server = asyncio.get_running_loop().create_task(starting)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is None:
            return
        if not self._server.done():
            self._server.cancel()
        (server,) = await asyncio.gather(self._server, return_exceptions=True)
        if isinstance(server, LocalServer):
            await server.stop()

    async def open(self, resolved: ResolvedOptions) -> Carrier:
        """A session for a recording. Raises SignallingError when it was tried often enough."""
        waits = iter(_WAITS)
        while True:
            target = await self._target(resolved)
            try:
                if self.is_call:
                    return await CallCarrier.open(target)
                return await SocketCarrier.open(target, realtime=self._realtime)
            except SignallingError as error:
                wait = next(waits, None)
                if wait is None or not error.retryable:
                    raise
                await asyncio.sleep(min(error.retry_after or wait, _LONGEST_WAIT))

    async def open_live(self, resolved: ResolvedOptions, uplink: Uplink, waiting: Waiting) -> Carrier:
        """A session for a microphone. Raises SignallingError."""
        return await LiveCarrier.open(await self._target(resolved), uplink, waiting, is_call=self.is_call)

    async def _target(self, resolved: ResolvedOptions) -> LineTarget:
        """Raises ConfigError for a header whose variable is not set, SignallingError where our server does not run."""
        base_url = self.provider.base_url
        if self._server is not None:
            base_url = (await asyncio.shield(self._server)).base_url
        _, key = find_key(self._environ, self.settings.provider, self.settings.base_url)
        made = service_target(self.settings, self.provider, key, self._environ, base_url, resolved.session)
        model = model_in_address(self.provider.name, self.settings.transcription_model)
        query = dict(made.query) if self.is_call else {**made.query, "intent": "transcription"}
        return replace(made, model=model, query=query)


Pcm = NDArray[np.int16]
"""Mono, 48 kHz, int16."""
_SLICE = 9_600
"""Samples (0.2 s) in one message."""
_PING_EVERY = 5.0
_DEAD_AFTER = 30.0
"""Seconds without a sign of life: a service that works through minutes of sound may be slow to answer a ping."""
_AHEAD = 0.4
"""Seconds of sound that wait in front of a call's encoder."""
_TAIL = 0.3
"""Seconds after the last sample of an item before its commit: over WebRTC sound and events race."""


class Carrier(Protocol):
    """One open transcription session."""

    @property
    def lead(self) -> float:
        """Seconds that the session heard before the first sample of the recording."""
        ...

    async def say(self, text: str) -> None:
        """Send one event, behind the sound that was handed over."""
        ...

    async def sound(self, samples: Pcm) -> None:
        """Send sound; returns when more is wanted."""
        ...

    async def drained(self) -> None:
        """Returns when everything that was handed over has left."""
        ...

    async def next(self) -> str | Closing:
        """The next event of the service, or the end of the session."""
        ...

    async def close(self) -> None:
        """End the session. Any number of times."""
        ...


class SocketCarrier:
    """A recording over a WebSocket, as fast as the service reads, or in real time."""

    lead = 0.0

    def __init__(self, socket: Upgraded, target: LineTarget, *, realtime: bool, clock: Callable[[], float]) -> None:
        self._socket = socket
        self._target = target
        self._realtime = realtime
        self._clock = clock
        self._encoder = SoundEncoder(SoundFormat(*target.input_format))
        self._events: asyncio.Queue[str | Closing] = asyncio.Queue()
        self._alive_at = clock()
        self._began_at: float | None = None
        self._sent = 0
        self._tasks = [spawn(self._read(), self._failed), spawn(self._watch(), self._failed)]

    @classmethod
    async def open(
        cls, target: LineTarget, *, realtime: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> SocketCarrier:
        """Raises SignallingError, with nothing left open."""
        try:
            async with asyncio.timeout(target.connect_timeout):
                socket = await upgrade(target)
        except TimeoutError as error:
            host = address(target)[0].split("/")[2]
            raise unreachable(host, error, target.connect_timeout) from error
        return cls(socket, target, realtime=realtime, clock=clock)

    async def say(self, text: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):  # the reader knows why
            await self._socket.socket.send_str(text)

    async def sound(self, samples: Pcm) -> None:
        for at in range(0, len(samples), _SLICE):
            piece = samples[at : at + _SLICE]
            data = self._encoder.encode(piece)
            if data:
                audio = base64.b64encode(data).decode()
                await self.say(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            self._sent += len(piece)
            await self._pace()

    async def _pace(self) -> None:
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        ahead = self._sent / SAMPLE_RATE - (now - self._began_at)
        await asyncio.sleep(ahead if self._realtime and ahead > 0 else 0)

    async def drained(self) -> None:
        """A write has left when it returned."""

    async def next(self) -> str | Closing:
        return await self._events.get()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    def _failed(self, error: Exception) -> None:
        self._events.put_nowait(Closing(f"an unexpected error: {sentence(error)}", "line_lost", "", True))

    async def _read(self) -> None:
        socket = self._socket.socket
        while True:
            message = await socket.receive()
            self._alive_at = self._clock()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    self._events.put_nowait(message.data)
                case aiohttp.WSMsgType.BINARY:
                    self._events.put_nowait(message.data.decode("utf-8", "replace"))
                case aiohttp.WSMsgType.PING:
                    with contextlib.suppress(aiohttp.ClientError, OSError):
                        await socket.pong(message.data)
                case aiohttp.WSMsgType.PONG:
                    pass
                case kind:
                    reason = message.extra if kind is aiohttp.WSMsgType.CLOSE else ""
                    said = reason if isinstance(reason, str) else ""
                    self._events.put_nowait(closing(socket.close_code, said, secrets=secrets_of(self._target)))
                    return

    async def _watch(self) -> None:
        while (silent := self._clock() - self._alive_at) < _DEAD_AFTER:
            await asyncio.sleep(_PING_EVERY)
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await self._socket.socket.ping()
        self._events.put_nowait(Closing(f"nothing came from the service for {silent:.0f} s", "line_lost", "", True))


class _Listening:
    """What a talk's line tells, as events in a queue."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str | Closing] = asyncio.Queue()

    def on_text(self, text: str, *, translated: bool = False) -> None:
        self.events.put_nowait(text)

    def on_closed(self, reason: str, code: str = "") -> None:
        self.events.put_nowait(Closing(reason, code, "", True))

    def on_emptied(self) -> None:
        """Nothing is played here."""

    def on_played(self, item_id: str, seconds: float, at: float, moving: bool) -> None:
        """Nothing is played here."""

    def on_received(self, text: str) -> None:
        """Nothing is translated here."""

    def on_sent(self, text: str) -> None:
        """Pieces of the microphone are not shown here."""

    def on_noted(self, text: str, code: str) -> None:
        """The line is in trouble that does not end it; what comes of it is seen by the words that stay away."""


class LiveCarrier:
    """A talk's own line, WebRTC or WebSocket, whose sound comes from a microphone."""

    lead = 0.0

    def __init__(self, line: WebRtcLine | WebSocketLine, listening: _Listening) -> None:
        self._line = line
        self._listening = listening

    @classmethod
    async def open(cls, target: LineTarget, uplink: Uplink, waiting: Waiting, *, is_call: bool) -> LiveCarrier:
        """Raises SignallingError, with nothing left open."""
        listening = _Listening()
        line: WebRtcLine | WebSocketLine
        if is_call:
            line = WebRtcLine(uplink=uplink, heard=listening, waiting=waiting)
        else:
            line = WebSocketLine(uplink=uplink, heard=listening, waiting=waiting)
        await line.open(target)
        return cls(line, listening)

    async def say(self, text: str) -> None:
        if why := self._line.send(text):
            self._listening.on_closed(why)

    async def sound(self, samples: Pcm) -> None:
        """The microphone speaks for itself."""

    async def drained(self) -> None:
        """The microphone never ends."""

    async def next(self) -> str | Closing:
        return await self._listening.events.get()

    async def close(self) -> None:
        await self._line.close(hang_up=True)


class CallCarrier:
    """A recording over WebRTC: in real time, as if somebody spoke it."""

    def __init__(self) -> None:
        self._frames: deque[Pcm] = deque()
        self._rest = np.zeros(0, np.int16)
        self._pulled = 0
        self._first: int | None = None
        self._live: LiveCarrier | None = None

    @classmethod
    async def open(cls, target: LineTarget) -> CallCarrier:
        """Raises SignallingError, with nothing left open."""
        carrier = cls()
        carrier._live = await LiveCarrier.open(target, carrier._pull, lambda: None, is_call=True)
        return carrier

    @property
    def lead(self) -> float:
        return (self._pulled if self._first is None else self._first) * FRAME / SAMPLE_RATE

    def _pull(self) -> Pcm:
        self._pulled += 1
        if not self._frames:
            return np.zeros(FRAME, np.int16)
        if self._first is None:
            self._first = self._pulled - 1
        return self._frames.popleft()

    def _line(self) -> LiveCarrier:
        if self._live is None:
            raise SignallingError("the connection is not open")
        return self._live

    async def say(self, text: str) -> None:
        await self._line().say(text)

    async def sound(self, samples: Pcm) -> None:
        joined = np.concatenate([self._rest, samples])
        whole = len(joined) // FRAME * FRAME
        self._frames.extend(joined[:whole].reshape(-1, FRAME))
        self._rest = joined[whole:]
        await self._until(_AHEAD)

    async def drained(self) -> None:
        if len(self._rest):
            self._frames.append(np.pad(self._rest, (0, FRAME - len(self._rest))))
            self._rest = np.zeros(0, np.int16)
        await self._until(0.0)
        await asyncio.sleep(_TAIL)

    async def _until(self, seconds: float) -> None:
        """Until no more than so much waits. Frames are taken one by one; looking now and then wakes less often."""
        while (waiting := len(self._frames) * FRAME / SAMPLE_RATE) > seconds:  # noqa: ASYNC110
            await asyncio.sleep(min(0.1, max(0.01, waiting - seconds)))

    async def next(self) -> str | Closing:
        return await self._line().next()

    async def close(self) -> None:
        if self._live is not None:
            await self._live.close()
