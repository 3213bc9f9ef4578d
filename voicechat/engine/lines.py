"""Opens lines to the configured service, and runs our own server where that is the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from voicechat.audio.path import AudioPath
from voicechat.config.providers import Provider
from voicechat.config.retired import retired_notes
from voicechat.config.secrets import without_keys
from voicechat.config.settings import Settings
from voicechat.core import effects as do, events as on
from voicechat.engine.ports import Frame, Line, LineListener, Tell
from voicechat.engine.service_target import service_target
from voicechat.engine.ways import Way, Ways
from voicechat.errors import SignallingError
from voicechat.failures import by_name
from voicechat.local_server.spawn import LocalServer, start_local_server
from voicechat.tasks import spawn
from voicechat.transports.credentials import secrets_of
from voicechat.transports.target import LineOpened, LineTarget
from voicechat.transports.webrtc import WebRtcLine

Dialect = Literal["", "ga", "beta"]
_MOST_WAYS = 3
"""Attempts within one: the remembered way, the one without the beta's header, and the one from scratch."""


@dataclass(slots=True)
class Lines:
    """Opens lines to the configured service, starting our own server first where that is the service."""

    settings: Settings
    provider: Provider
    key: str = field(repr=False)
    uplink: AudioPath
    environ: Mapping[str, str] = field(repr=False)
    ways: Ways
    spoken: Callable[[], Dialect] = lambda: ""
    """The dialect of the talk's session, once the service has shown which it is."""
    server: asyncio.Task[LocalServer] | None = None
    watch: asyncio.Task[None] | None = None
    opened_at: str = ""
    """The address of the last line that opened."""
    sent: Callable[[float, Frame], None] | None = None
    """Gets each frame that leaves for the service, and when; it may only queue."""
    told: bool = False
    """What is retired was told in this talk."""

    def start_server(self) -> None:
        if self.settings.provider == "local" and not self.provider.base_url:
            starting = start_local_server(
                without_keys(self.environ), brain_url=self.settings.brain_url, brain_model=self.settings.brain_model
            )
            self.server = asyncio.get_running_loop().create_task(starting)

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown. Raises ConfigError for a header whose variable is not set."""
        return secrets_of(service_target(self.settings, self.provider, self.key, self.environ, "", {}))

    async def open(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        """Raises SignallingError with one sentence and the next step."""
        self._keep_dialect()
        self._tell_retired(wish, tell)
        base_url = await self._address()
        target = service_target(self.settings, self.provider, self.key, self.environ, base_url, wish.session)
        try:
            way, line, opened = await self._open(wish, target, listener)
        except SignallingError as error:
            if self.server is None or error.code not in by_name("nothing listens").codes:
                raise
            message, hint = (
                "the local server has ended",
                "it is started again; voicechat doctor engine says why it ended",
            )
            raise SignallingError(message, hint=hint, code=error.code, retryable=True) from error
        self.ways.worked(base_url, way, opened.handshake)
        self.opened_at = base_url
        self._watch_server(listener)
        for name, seconds in opened.steps:
            tell(on.LineStep(wish.connection, name, seconds))
        return line, on.LineOpened(
            wish.connection,
            transport=way.transport,
            call_id=opened.call_id,
            configured=opened.configured,
            receive_fallback=line.stats().fallback_reason if isinstance(line, WebRtcLine) else "",
            why=way.why,
            handshake=opened.handshake,
            unix_time=time.time(),
            dialect=self.ways.dialect(base_url),
        )

    async def _open(self, wish: do.Connect, target: LineTarget, listener: LineListener) -> tuple[Way, Line, LineOpened]:
        for _ in range(_MOST_WAYS):
            way = self.ways.first(target.base_url, wish.transport)
            try:
                line, opened = await self._call(way, self.ways.fitted(target, way), listener)
            except SignallingError as error:
                if not self.ways.other(target.base_url, way, error):
                    raise self.ways.explained(way, error) from error
            else:
                return way, line, opened
        raise SignallingError("the service refuses every way to call it", hint="check base_url")

    async def _call(self, way: Way, target: LineTarget, listener: LineListener) -> tuple[Line, LineOpened]:
        if way.transport == "WebSocket":
            from voicechat.transports.websocket import WebSocketLine  # most talks never need it

            socket = WebSocketLine(uplink=self._pull, heard=listener, waiting=self.uplink.waiting)
            return socket, await socket.open(target)
        line = WebRtcLine(uplink=self._pull, heard=listener, waiting=self.uplink.waiting)
        return line, await line.open(target)

    def _tell_retired(self, wish: do.Connect, tell: Tell) -> None:
        """Once a talk: what is in use and will end."""
        if not self.told:
            self.told = True
            for sentence in retired_notes(self.provider, wish.session, date.today()):
                tell(on.LineNoted(wish.connection, sentence, "retired"))

    def _keep_dialect(self) -> None:
        """The last line's session has shown how this service spells."""
        if self.opened_at:
            self.ways.spoke(self.opened_at, self.spoken())

    async def _address(self) -> str:
        if self.server is None:
            return self.provider.base_url
        if self.server.done() and (self.server.exception() or not self.server.result().is_running):
            self.start_server()
        return (await asyncio.shield(self.server)).base_url

    def _watch_server(self, listener: LineListener) -> None:
        """Our own server's death is known at once; WebRTC alone would notice after half a minute."""
        if self.server is None:
            return
        server = self.server.result()

        async def wait() -> None:
            await server.process.wait()
            listener.on_closed("the local server ended")

        if self.watch is not None:
            self.watch.cancel()
        self.watch = spawn(wait())

    def _pull(self) -> Frame:
        frame = self.uplink.pull()
        if self.sent is not None:
            self.sent(time.monotonic(), frame)
        return frame

    async def close(self) -> None:
        self._keep_dialect()
        if self.watch is not None:
            self.watch.cancel()
        if self.server is None:
            return
        if not self.server.done():
            self.server.cancel()
            await asyncio.gather(self.server, return_exceptions=True)  # it ends the half-started process
        elif not self.server.cancelled() and self.server.exception() is None:
            await self.server.result().stop()
