"""Who calls, and what is kept of it: one `Session` for each call, and what was asked of the service beside them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from voicechat.config.settings import Settings
from voicechat.engine.taping import wish_of
from voicechat.errors import TapeError
from voicechat.tap.session import Caller, DeferredWork, Session, SessionTape, Transport
from voicechat.tap.upstream import Upstream, secrets_of, shown_path

if TYPE_CHECKING:
    from voicechat.engine.otlp import OtlpExporter

KEPT = 20
"""Requests beside the calls that the next session's event list begins with."""
MOST_SECRETS = 200
LAST_LINES = 1.0
"""Seconds that a tape has for its last lines when the tap ends."""
CONNECT_LIMIT = 20.0
"""Seconds in which the service must answer a connection attempt."""


class SessionRegistry:
    """`call` begins a session; `on_session` hears of it. Everything on the event loop."""

    def __init__(
        self,
        upstream: Upstream,
        settings: Settings,
        *,
        record: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.upstream = upstream
        self.clock = clock
        self.later = DeferredWork(clock)
        self.on_session: Callable[[Session], None] = lambda session: None
        self.on_request: Callable[[dict[str, Any]], None] = lambda event: None
        self.sessions: list[Session] = []
        """Those that go on."""
        self._settings = settings
        self._record = record
        self._count = 0
        self._requests: deque[tuple[float, dict[str, Any]]] = deque(maxlen=KEPT)
        self._issued: deque[str] = deque(maxlen=MOST_SECRETS)
        self._newest: Session | None = None
        self._tapes: deque[SessionTape] = deque(maxlen=KEPT)
        self._exporter: OtlpExporter | None = None
        if settings.otlp:
            from voicechat.engine.otlp import OtlpExporter  # most taps have none

            loop = asyncio.get_running_loop()
            self._exporter = OtlpExporter(settings, lambda text: loop.call_soon_threadsafe(self._untraced, text))

    def http(self, *tracing: aiohttp.TraceConfig) -> aiohttp.ClientSession:
        """A client that adds nothing of its own to a request."""
        return aiohttp.ClientSession(
            trace_configs=list(tracing),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT),
        )

    def call(self, transport: Transport, headers: Mapping[str, str], path: str) -> Session:
        """A client calls."""
        self._count += 1
        secrets = (*secrets_of(headers, path), *self._issued)
        caller = Caller(self._count, transport, shown_path(path), headers.get("User-Agent", "")[:200], secrets)
        tape, trouble = self._tape(caller)
        session = self._newest = Session(
            caller,
            self.upstream.host,
            self._settings,
            later=self.later,
            clock=self.clock,
            tape=tape,
            exporter=self._exporter,
        )
        self.sessions = [one for one in self.sessions if not one.is_over] + [session]
        session.replay(tuple(self._requests))
        self._requests.clear()
        self.on_session(session)
        agent = {"agent": session.reader.text(caller.agent)} if caller.agent else {}
        session.noted("tap.called", number=caller.number, transport=transport, path=caller.path, **agent)
        if tape is not None:
            self._tapes.append(tape)
            session.noted("tape.began", folder=str(tape.folder))
        elif trouble:
            session.noted("tape.stopped", reason=trouble)
        return session

    def asked(self, **facts: object) -> None:
        """A request beside the calls was answered."""
        event = {"type": "tap.request", **facts}
        if self._newest is not None and not self._newest.is_over:
            self._newest.noted("tap.request", **facts)
        else:
            self._requests.append((self.clock(), event))
            self.on_request(event)

    def issued(self, secret: str) -> None:
        """The service gave out a key: it is hidden from now on."""
        self._issued.append(secret)
        for session in self.sessions:
            session.reader.secrets.append(secret)

    def close(self) -> None:
        """The tap ends."""
        for session in self.sessions:
            session.finish()
        self.later.finish()
        for tape in self._tapes:
            tape.wait(LAST_LINES)
        if self._exporter is not None:
            self._exporter.close()

    def _untraced(self, notice: str) -> None:
        if self._newest is not None:
            self._newest.noticed(notice)
        else:
            self.on_request({"type": "otlp.failed", "message": notice})

    def _tape(self, caller: Caller) -> tuple[SessionTape | None, str]:
        if self._record is None:
            return None, ""
        loop, issued = asyncio.get_running_loop(), self._issued
        number = caller.number

        def stopped(reason: str) -> None:
            loop.call_soon_threadsafe(self._tape_stopped, number, reason)

        try:
            return SessionTape(
                self._record,
                {"provider": self.upstream.host, "tapped": caller.transport, "path": caller.path},
                wish=wish_of(self._settings),
                started_at=self.clock(),
                clock=self.clock,
                hidden=lambda: (*caller.secrets, *issued),
                on_stop=stopped,
            ), ""
        except TapeError as error:
            return None, error.message

    def _tape_stopped(self, number: int, reason: str) -> None:
        for session in self.sessions:
            if session.caller.number == number:
                session.noted("tape.stopped", reason=reason)
