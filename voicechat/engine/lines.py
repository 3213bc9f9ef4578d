"""Opens lines to the configured service, and runs our own server where that is the service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from voicechat.audio.path import AudioPath
from voicechat.config.secrets import without_keys
from voicechat.config.settings import Settings
from voicechat.core import effects as do, events as on
from voicechat.local_server.spawn import LocalServer, start_local_server
from voicechat.session.ports import Frame, Line, LineListener, Tell
from voicechat.transports.target import LineTarget
from voicechat.transports.webrtc import WebRtcLine


@dataclass(slots=True)
class Lines:
    """Opens WebRTC lines to the configured service, starting our own server first where that is the service."""

    settings: Settings
    base_url: str
    key: str
    uplink: AudioPath
    environ: Mapping[str, str]
    server: asyncio.Task[LocalServer] | None = None
    watch: asyncio.Task[None] | None = None

    def start_server(self) -> None:
        if self.settings.provider == "local" and not self.base_url:
            starting = start_local_server(
                without_keys(self.environ), brain_url=self.settings.brain_url, brain_model=self.settings.brain_model
            )
            self.server = asyncio.get_running_loop().create_task(starting)

    async def open(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        """Raises SignallingError with one sentence and the next step."""
        line = WebRtcLine(uplink=self._pull, heard=listener, waiting=self._waiting)
        target = LineTarget(
            base_url=await self._address(),
            key=self.key,
            model=str(wish.session.get("model", "")),
            handshake="multipart" if self.settings.handshake == "multipart" else "sdp",
            session=wish.session,
            connect_timeout=self.settings.connect_timeout,
        )
        opened = await line.open(target)
        self._watch_server(listener)
        for name, seconds in opened.steps:
            tell(on.LineStep(wish.connection, name, seconds))
        return line, on.LineOpened(
            wish.connection,
            transport="WebRTC",
            call_id=opened.call_id,
            configured=self.settings.handshake == "multipart",
            receive_fallback=line.stats().fallback_reason,
        )

    async def _address(self) -> str:
        if self.server is None:
            return self.base_url
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
        self.watch = asyncio.get_running_loop().create_task(wait())

    def _pull(self) -> Frame:
        return self.uplink.pull()

    def _waiting(self) -> float | None:
        """Seconds of open microphone that wait for the line; None while it is closed."""
        now = self.uplink.snapshot()
        return now.backlog if now.gate_open else None

    async def close(self) -> None:
        if self.watch is not None:
            self.watch.cancel()
        if self.server is None:
            return
        if not self.server.done():
            self.server.cancel()
            await asyncio.gather(self.server, return_exceptions=True)  # it ends the half-started process
        elif not self.server.cancelled() and self.server.exception() is None:
            await self.server.result().stop()
