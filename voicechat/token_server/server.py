"""The addresses of a token server: `GET /session`, `GET /stats`, `GET /healthz`, and nothing else.

`GET /session` answers in one body that clients of both interfaces understand: `value`, `expires_at` and `session` as
`client_secrets` has them, and `client_secret: {value, expires_at}` as the beta `sessions` had it. `?shape=ga` and
`?shape=beta` leave the other half away. Every refusal is `{"error": code, "message": sentence}`.

What a client is told when the service behind the token server does not give a token.

The service's own words stay here: they quote parts of keys and names of organisations, and the client can do nothing
about either. What it gets is a status, a code and a sentence of ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil

from aiohttp import web

from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.token_server.access import AccessRules, Rates, Refused, client_of
from voicechat.transports.tokens import Token
from voicechat.visitors import LOG, NO_LOG


@dataclass(slots=True)
class Counts:
    """Everything since the start, and what of it was told already.

    What happened at a token server, in numbers only: no address, no token, no word of anybody.
    """

    minted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals by their code."""
    failed: Counter[str] = field(default_factory=Counter)
    """Failures of the service behind us, by the code that the client got."""
    turned_away: int = 0
    """Connections beyond the number that is served at once."""
    _told: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    def as_plain(self, bursts: int, clients: int) -> dict[str, object]:
        """For `GET /stats`."""
        return {
            "minted": self.minted,
            "refused": dict(sorted(self.refused.items())),
            "failed": dict(sorted(self.failed.items())),
            "turned_away": self.turned_away,
            "bursts": bursts,
            "clients": clients,
        }

    def line(self, bursts: int, clients: int) -> str:
        """Everything in one line, for stderr."""
        refused = ", ".join(f"{name} {count}" for name, count in sorted(self.refused.items())) or "none"
        failed = ", ".join(f"{name} {count}" for name, count in sorted(self.failed.items())) or "none"
        return (
            f"minted {self.minted} · refused: {refused} · upstream failures: {failed} · "
            f"bursts {bursts} · clients {clients} · connections turned away {self.turned_away}"
        )

    def has_news(self, bursts: int) -> bool:
        """Whether anything happened since this was last asked."""
        now = (self.minted, self.refused.total(), self.failed.total(), self.turned_away, bursts)
        before, self._told = self._told, now
        return now != before


def told(error: SignallingError) -> Refused:
    """The answer for a client. 5xx throughout: the client did nothing wrong.

    503 says that waiting helps (the service is busy or limits us), 504 that it did not answer in time, 502 everything
    else. Codes by which clients decide not to try again (no quota, no such model) are passed on as they are.
    """
    failure = failure_of(error.code, error.status, error.message)
    if error.code in failure.codes and failure.name in _PASSED_ON:
        return Refused(502, error.code, f"The service will give no token: {_PASSED_ON[failure.name]}")
    if failure.is_about_account or error.status in (401, 403):
        message = "The service does not accept the key of this token server. Whoever runs it has to look after it."
        return Refused(502, "upstream_key_refused", message)
    if error.status == 429:
        message = "The service limits this token server for now."
        return Refused(503, "upstream_rate_limited", message, error.retry_after or 5.0)
    if error.code == "timeout" or error.status in (408, 504):
        return Refused(504, "upstream_timeout", "The service did not answer in time.")
    if error.status is not None and error.status >= 500:
        message = "The service has trouble of its own."
        return Refused(503, "upstream_failed", message, error.retry_after or 5.0)
    if error.status is None:
        return Refused(502, "upstream_unreachable", "The service cannot be reached from this token server.")
    message = f"The service answered with something that is no token ({error.status})."
    return Refused(502, "upstream_refused", message)


_PASSED_ON = {
    "quota": "the account behind this token server cannot be used now.",
    "model": "it does not know the model that this token server asks for.",
}
"""Classes of failures that a client may know by their codes."""


Mint = Callable[[], Awaitable[Token]]
"""Gets a new token of the service, or raises SignallingError."""
FAILED_TRIES = 30
"""Wrong access tokens a client may show in a minute before even a right one has to wait."""
MOST_CONNECTIONS = 256
MOST_MINTING = 16
"""Requests to the service at once; more have to come back."""
LONGEST_VISIT = 30.0
"""Seconds a connection may last, from its first byte to its last: somebody who sends a byte a minute holds a place."""
LARGEST_BODY = 1_024
"""Bytes; no request to this server has a body."""
SHAPES = ("", "both", "ga", "beta")


@dataclass(slots=True)
class TokenServer:
    """A running token server: `start` it, `stop` it."""

    mint: Mint
    access_rules: AccessRules
    per_minute: int = 10
    proxies: frozenset[str] = frozenset()
    """Addresses whose X-Forwarded-For is believed."""
    most_connections: int = MOST_CONNECTIONS
    longest_visit: float = LONGEST_VISIT
    clock: Callable[[], float] = time.monotonic
    counts: Counts = field(default_factory=Counts)
    port: int = 0
    _runner: web.AppRunner | None = None
    _listener: asyncio.Server | None = None
    _minting: int = 0
    _rates: Rates = field(init=False)
    _tries: Rates = field(init=False)
    _visitors: set[Visitor] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rates, self._tries = Rates(self.per_minute), Rates(FAILED_TRIES)

    async def start(self, host: str, port: int) -> None:
        """Listen (0 picks a free port). Raises OSError when host or port cannot be used."""
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST_BODY)
        for path, handler in (("/session", self._session), ("/stats", self._stats), ("/healthz", self._healthz)):
            app.router.add_get(path, handler, allow_head=False)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, handle_signals=False)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Visitor(self, loop), host, port)
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take nobody new, let those who are being served finish, then end."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def summary(self) -> str:
        """The counts in one line."""
        return self.counts.line(self._rates.bursts, self._rates.clients)

    def news(self) -> str:
        """The same if anything happened since it was last asked, else an empty string."""
        return self.summary() if self.counts.has_news(self._rates.bursts) else ""

    @property
    def web_server(self) -> web.Server:
        """What connections are handed to."""
        assert self._runner is not None and self._runner.server is not None
        return self._runner.server

    def may_enter(self, visitor: Visitor) -> bool:
        """Whether there is room for one more connection; it is counted either way."""
        if len(self._visitors) >= self.most_connections:
            self.counts.turned_away += 1
            return False
        self._visitors.add(visitor)
        return True

    def has_left(self, visitor: Visitor) -> None:
        """The connection is closed."""
        self._visitors.discard(visitor)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Every answer passes here: it is never kept by a cache, its connection ends, and no page reads it unasked."""
        try:
            response = await self._admitted(request, handler)
        except web.HTTPException as error:
            word = {404: "not_found", 405: "method_not_allowed"}.get(error.status, "bad_request")
            sentence = (
                "There is only GET /session, /stats and /healthz." if error.status in (404, 405) else error.reason
            )
            response = self._refuse(Refused(error.status, word, sentence))
        response.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        response.headers.update(self.access_rules.cors(request.headers))
        response.force_close()
        return response

    async def _admitted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path == "/healthz":
            return await handler(request)
        if (refused := self.access_rules.refusal(request.headers)) is not None:
            return self._refuse(refused)
        if request.method == "OPTIONS":
            granted = self.access_rules.preflight(request.headers)
            if granted is None:
                return self._refuse(Refused(403, "origin_not_allowed", "Only pages that were allowed may ask."))
            return web.Response(status=204, headers=granted)
        client, now = self._client(request), self.clock()
        if self._tries.is_spent(client, now):
            return self._refuse(Refused(429, "rate_limited", "Too many wrong access tokens; wait a minute.", 60.0))
        if not self.access_rules.has_access(request.headers):
            self._tries.wait(client, now)
            return self._refuse(Refused(401, "access_required", "Show the access token: Authorization: Bearer ..."))
        return await handler(request)

    def _client(self, request: web.Request) -> str:
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        return client_of(request.remote or "", forwarded, self.proxies)

    async def _session(self, request: web.Request) -> web.Response:
        shape = request.query.get("shape", "")
        if shape not in SHAPES:
            return self._refuse(Refused(400, "bad_request", "shape is ga, beta or both."))
        if wait := self._rates.wait(self._client(request), self.clock()):
            message = f"At most {self.per_minute} tokens a minute for one client."
            return self._refuse(Refused(429, "rate_limited", message, wait))
        if self._minting >= MOST_MINTING:
            return self._refuse(Refused(503, "busy", "Too many tokens are being fetched at once.", 1.0))
        self._minting += 1
        try:
            token = await self.mint()
        except SignallingError as error:
            return self._fail(told(error))
        finally:
            self._minting -= 1
        self.counts.minted += 1
        return web.json_response(in_shape(token, shape))

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.counts.as_plain(self._rates.bursts, self._rates.clients))

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    def _refuse(self, refused: Refused) -> web.Response:
        self.counts.refused[refused.error] += 1
        return _answer(refused)

    def _fail(self, refused: Refused) -> web.Response:
        self.counts.failed[refused.error] += 1
        return _answer(refused)


class Visitor(web.RequestHandler):
    """One connection, which has a place among so many and lasts so long."""

    __slots__ = ("_leaves", "_loop_of_visit", "_server")

    def __init__(self, server: TokenServer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server.web_server,
            loop=loop,
            logger=LOG,
            access_log=NO_LOG,
            keepalive_timeout=5.0,
            lingering_time=0.0,
            max_headers=64,
        )
        self._server, self._loop_of_visit = server, loop
        self._leaves: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Too many already: closed without a word, which costs us least."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        if self._server.may_enter(self):
            self._leaves = self._loop_of_visit.call_later(self._server.longest_visit, transport.abort)
        else:
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The place is free again."""
        if self._leaves is not None:
            self._leaves.cancel()
        self._server.has_left(self)
        super().connection_lost(exc)


def in_shape(token: Token, shape: str) -> dict[str, object]:
    """The body of an answer: `ga`, `beta`, or both halves in one."""
    secret: dict[str, object] = {"value": token.value, "expires_at": int(token.expires_at)}
    body: dict[str, object] = {}
    if shape != "beta":
        body |= {**secret, "session": dict(token.session)}
    if shape != "ga":
        body["client_secret"] = secret
    return body


def _answer(refused: Refused) -> web.Response:
    headers = {"Retry-After": str(ceil(refused.retry_after))} if refused.retry_after else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"error": refused.error, "message": refused.message}
    return web.json_response(body, status=refused.status, headers=headers)
