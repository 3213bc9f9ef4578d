"""A sideband: a second line to a call that is another's. It sees what the service tells there, and says nothing unless
the user has an event sent.

Realtime calls are named in the query (`/realtime?call_id=rtc_...`), GPT-Live sessions in the path
(`/live/sessions/ID/attach`), where the caller's sound is reflected as `session.input_audio.append`. Sources: the
`openai` package 3.54, `resources/realtime` and `resources/live/sideband.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import ClientError, WSMsgType

from voicechat.config.providers import provider_of, why_impossible
from voicechat.config.secrets import find_key
from voicechat.config.settings import Settings
from voicechat.engine.service_target import service_target
from voicechat.errors import ConfigError, SignallingError
from voicechat.tap.registry import SessionRegistry
from voicechat.tap.server import NO_CODE
from voicechat.tap.session import Session
from voicechat.tasks import spawn
from voicechat.transports.endpoint import endpoint
from voicechat.transports.target import PATHS, LineTarget
from voicechat.transports.upgrade import Upgraded, upgrade

REALTIME_CALL = "rtc_"
"""With it the ids of Realtime calls begin."""
GONE = "the call is over"


def sideband_target(settings: Settings, environ: Mapping[str, str], call_id: str) -> LineTarget:
    """Where the call can be looked into. Raises ConfigError, SignallingError for an address that is none."""
    provider = provider_of(settings)
    base_url = settings.base_url or provider.base_url
    if settings.provider == "local" and not base_url:
        raise ConfigError("the call's service is not known", hint="add --provider NAME, or --base-url URL")
    if (impossible := why_impossible(replace(settings, model=settings.model or call_id))) is not None:
        raise impossible
    _, key = find_key(environ, settings.provider, settings.base_url)
    is_live = provider.dialect == "live" or (provider.dialect == "auto" and not call_id.startswith(REALTIME_CALL))
    if is_live:
        url = endpoint(base_url, f"{PATHS['live']}/{quote(call_id, safe='')}/attach")
    else:
        url = f"{endpoint(base_url, 'realtime')}?{urlencode({'call_id': call_id})}"
    target = service_target(settings, provider, key, environ, base_url, {})
    return replace(target, websocket_url=url, api="live" if is_live else "realtime", token_url="", model="")


class Sideband:
    """`start` it, `send` what the user wants sent, `stop` it; what comes is a session of the registry."""

    def __init__(self, registry: SessionRegistry, target: LineTarget, to_send: Sequence[str] = ()) -> None:
        self.on_end: Callable[[], None] = lambda: None
        """Called when the call is over."""
        self._registry = registry
        self._target = target
        self._to_send = to_send
        self._line: Upgraded | None = None
        self._session: Session | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Attach, and send what was asked for. Raises SignallingError where the service does not allow it."""
        try:
            self._line = await upgrade(self._target)
        except SignallingError as error:
            if error.status != 404:
                raise
            raise SignallingError(
                f"{self._registry.upstream.host} has no such call now",
                hint="its id is in the Location header of a WebRTC call, and in session.started of GPT-Live",
                status=404,
            ) from error
        parts = urlsplit(self._target.websocket_url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"Authorization": f"Bearer {self._target.key}"} if self._target.key else {}
        self._session = self._registry.call("WebSocket", headers, path)
        self._session.opened("upgrade")
        self._listening = spawn(self._listen(self._line, self._session))
        for text in self._to_send:
            self.send(text)

    def send(self, text: str) -> str:
        """Send one event as it was written; why it cannot be, or nothing."""
        line, session = self._line, self._session
        if line is None or session is None or session.is_over:
            return GONE
        spawn(self._say(line, session, text))
        return ""

    async def stop(self) -> None:
        """Leave; the call goes on without us."""
        if self._listening is not None:
            self._listening.cancel()
        if self._line is not None:
            await self._line.close()
        self._registry.close()

    async def _say(self, line: Upgraded, session: Session, text: str) -> None:
        try:
            await line.socket.send_str(text)
        except (ConnectionError, ClientError, RuntimeError):
            session.noted("tap.lost", reason=f"{len(text)} characters could not be sent: {GONE}")
            return
        now = session.clock()
        session.saw("out", text.encode("utf-8", "replace"), now, now)

    async def _listen(self, line: Upgraded, session: Session) -> None:
        while not session.is_over:
            message = await line.socket.receive()
            now = session.clock()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    raw = message.data.encode("utf-8", "replace") if isinstance(message.data, str) else message.data
                    session.saw("in", raw, now, now, is_text=message.type is WSMsgType.TEXT)
                case WSMsgType.PING:
                    await line.socket.pong(message.data)
                case WSMsgType.PONG:
                    pass
                case WSMsgType.CLOSE:
                    session.closed("upstream", message.data or NO_CODE, message.extra or "")
                case _:
                    session.ended("upstream", "The service went away without a close frame.", code=1006)
        self.on_end()
