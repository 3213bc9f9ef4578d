"""The service that writes down, out of the settings: its address, its key, and our own server where that is it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType

from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.config.provider import Provider
from voicechat.config.providers import provider_of
from voicechat.config.secrets import find_key, without_keys
from voicechat.config.settings import Settings
from voicechat.engine.service_target import service_target
from voicechat.errors import SignallingError
from voicechat.local_server.spawn import LocalServer, start_local_server
from voicechat.protocol.dialects import Dialect
from voicechat.transcription.carriers import CallCarrier, Carrier, LiveCarrier, SocketCarrier
from voicechat.transcription.wish import Agreed, model_in_address
from voicechat.transports.target import LineTarget

_WAITS = (0.5, 2.0)
"""Seconds before each further attempt to connect; a service that names a time gets it, up to `_LONGEST_WAIT`."""
_LONGEST_WAIT = 30.0


class Service:
    """Opens transcription sessions. Used as a context: our own server lives as long."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, realtime: bool = False) -> None:
        self.settings = settings
        self.provider: Provider = provider_of(settings)
        self.is_call = settings.transport == "webrtc"
        known = self.provider.dialect
        self.dialect: Dialect | None = known if known == "ga" or known == "beta" else None
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

    async def open(self, agreed: Agreed) -> Carrier:
        """A session for a recording. Raises SignallingError when it was tried often enough."""
        waits = iter(_WAITS)
        while True:
            target = await self._target(agreed)
            try:
                if self.is_call:
                    return await CallCarrier.open(target)
                return await SocketCarrier.open(target, realtime=self._realtime)
            except SignallingError as error:
                wait = next(waits, None)
                if wait is None or not error.retryable:
                    raise
                await asyncio.sleep(min(error.retry_after or wait, _LONGEST_WAIT))

    async def open_live(self, agreed: Agreed, uplink: Uplink, waiting: Waiting) -> Carrier:
        """A session for a microphone. Raises SignallingError."""
        return await LiveCarrier.open(await self._target(agreed), uplink, waiting, is_call=self.is_call)

    async def _target(self, agreed: Agreed) -> LineTarget:
        """Raises ConfigError for a header whose variable is not set, SignallingError where our server does not run."""
        base_url = self.provider.base_url
        if self._server is not None:
            base_url = (await asyncio.shield(self._server)).base_url
        _, key = find_key(self._environ, self.settings.provider, self.settings.base_url)
        made = service_target(self.settings, self.provider, key, self._environ, base_url, agreed.session)
        model = model_in_address(self.provider.name, self.settings.transcription_model)
        query = dict(made.query) if self.is_call else {**made.query, "intent": "transcription"}
        return replace(made, model=model, query=query)
