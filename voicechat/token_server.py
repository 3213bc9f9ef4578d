"""Gives out short-lived keys to clients that must not have the standard one (`voicechat token-server`).

Its addresses are `GET /session`, `GET /stats` and `GET /healthz`. `GET /session` answers in one body that clients of
both interfaces understand: `value`, `expires_at` and `session` as `client_secrets` has them, and
`client_secret: {value, expires_at}` as the beta `sessions` had it; `?shape=ga` and `?shape=beta` leave the other half
away. Every refusal is `{"error": code, "message": sentence}`. The service's own words stay here: they quote parts of
keys and names of organisations, and the client can do nothing about either.

GPT-Live has no short-lived keys. There the client posts its offer to `/session` as it would to the service, and gets
the service's answer; the session is the owner's, and says what the client may do on the data channel.

Without an access token it is for programs of this computer, and a browser here runs pages from anywhere: the Host
header must name this computer (a page whose name was pointed at 127.0.0.1 sends its own), an Origin must be one that
was allowed by `--origin`, and a request that a page of another site makes without an Origin (an image, a script) says
so in Sec-Fetch-Site.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import urlsplit

from aiohttp import web

from voicechat.errors import ConfigError, SignallingError
from voicechat.failures import failure_of
from voicechat.protocol.wire import JsonValue
from voicechat.transports.tokens import Token
from voicechat.visitors import LOG, NO_LOG, is_of_this_computer, sent_in_time

WINDOW = 60.0
"""Seconds in which requests are counted together."""
MOST_CLIENTS = 10_000
"""Kept at once, some hundred bytes each; the one that asked longest ago makes room."""


@dataclass(slots=True)
class _Client:
    asked_at: deque[float]
    is_refused: bool = False


@dataclass(slots=True)
class Rates:
    """A sliding window for each client: at most `per_minute` requests in any 60 seconds.

    How often a client may ask: so many times in any minute, and which clients have come too often. Pure; `now` in s.
    """

    per_minute: int
    most_clients: int = MOST_CLIENTS
    bursts: int = 0
    """How many times a client began to ask too often; the refusals of one burst are counted elsewhere."""
    _clients: OrderedDict[str, _Client] = field(default_factory=OrderedDict)

    def wait(self, client: str, now: float) -> float:
        """0.0 when this request is allowed (and counted), else the seconds until the next one would be."""
        known = self._clients.pop(client, None) or _Client(deque(maxlen=self.per_minute))
        self._clients[client] = known
        while len(self._clients) > self.most_clients:
            self._clients.popitem(last=False)
        while known.asked_at and now - known.asked_at[0] >= WINDOW:
            known.asked_at.popleft()
        if len(known.asked_at) < self.per_minute:
            known.asked_at.append(now)
            known.is_refused = False
            return 0.0
        if not known.is_refused:
            self.bursts += 1
            known.is_refused = True
        return max(known.asked_at[0] + WINDOW - now, 0.001)

    def is_spent(self, client: str, now: float) -> bool:
        """Whether the client's next request would be refused; asking this counts nothing."""
        known = self._clients.get(client)
        if known is None or len(known.asked_at) < self.per_minute:
            return False
        return now - known.asked_at[0] < WINDOW

    @property
    def clients(self) -> int:
        """How many are remembered."""
        return len(self._clients)


def client_of(peer: str, forwarded: str, proxies: frozenset[str]) -> str:
    """Who is counted for a request: the address of the connection, or what a trusted proxy says about it.

    Each proxy appends the address it saw, so only the last entry was written by the proxy we trust; everything before
    it is the client's own invention. An IPv6 network (/64) is one client: its owner has 2**64 addresses.
    """
    address = forwarded.rsplit(",", 1)[-1].strip() if peer in proxies else ""
    try:
        found = ipaddress.ip_address(address.strip("[]") or peer)
    except ValueError:
        return peer
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


SHORTEST_ACCESS = 16
"""Characters; a shorter access token can be guessed."""
LONGEST_HEADER = 4_096


@dataclass(frozen=True, slots=True)
class Refused:
    """Why somebody is not served: HTTP status, code and sentence."""

    status: int
    error: str
    message: str
    retry_after: float = 0.0
    """Seconds to wait, where waiting helps."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules of one server."""

    access: str = field(default="", repr=False)
    """The access token; empty: programs of this computer need none."""
    origins: frozenset[str] = frozenset()
    """Web pages that may ask, as `https://host[:port]`."""
    takes_offers: bool = False
    """It passes offers on (GPT-Live) and gives out no keys."""

    def refusal(self, headers: Mapping[str, str]) -> Refused | None:
        """Why a request is turned away before anything is counted; None where it may go on."""
        origin = headers.get("Origin", "")
        if not self.access and not is_of_this_computer(f"http://{headers.get('Host', '')}"):
            return Refused(403, "wrong_host", "This server answers only to the names of this computer.")
        if origin and origin not in self.origins:
            return Refused(403, "origin_not_allowed", "Pages of this origin may not ask here.")
        if not origin and headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return Refused(403, "origin_not_allowed", "Pages of other sites may not ask here.")
        return None

    def has_access(self, headers: Mapping[str, str]) -> bool:
        """Whether the access token was shown. Digests are compared, so that neither time nor length tells anything."""
        if not self.access:
            return True
        scheme, _, shown = headers.get("Authorization", "")[:LONGEST_HEADER].partition(" ")
        given = hashlib.sha256(shown.strip().encode("utf-8", "surrogateescape")).digest()
        wanted = hashlib.sha256(self.access.encode()).digest()
        return hmac.compare_digest(given, wanted) and scheme.lower() == "bearer"

    def cors(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What lets an allowed page read the answer; nothing for others."""
        origin = headers.get("Origin", "")
        if not origin or origin not in self.origins:
            return {"Vary": "Origin"} if self.origins else {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": "Retry-After"}

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str] | None:
        """The answer to a browser's question before the request; None when the page may not ask."""
        granted = self.cors(headers)
        if "Access-Control-Allow-Origin" not in granted:
            return None
        granted["Access-Control-Allow-Methods"] = "POST" if self.takes_offers else "GET"
        granted["Access-Control-Allow-Headers"] = "Authorization" + ", Content-Type" * self.takes_offers
        granted["Access-Control-Max-Age"] = "600"
        if headers.get("Access-Control-Request-Private-Network") == "true":
            granted["Access-Control-Allow-Private-Network"] = "true"
        return granted


def read_origin(text: str) -> str:
    """An `--origin` as browsers send it. Raises ConfigError for what is none, `*` included."""
    parts = urlsplit(text)
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
        port = parts.port
    except ValueError:
        valid, port = False, None
    if not valid or parts.username or parts.query or parts.fragment or "*" in text:
        raise ConfigError(f"--origin {text!r} is no origin", hint="write https://host or https://host:port, one by one")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    is_default = port in (None, {"http": 80, "https": 443}[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")


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
Relay = Callable[[str, Sequence[JsonValue]], Awaitable[Mapping[str, object]]]
"""Passes an offer (SDP) and the messages that the session begins with on to GPT-Live; the body of the service's answer.
Raises SignallingError."""
FAILED_TRIES = 30
"""Wrong access tokens a client may show in a minute before even a right one has to wait."""
MOST_CONNECTIONS = 256
MOST_MINTING = 16
"""Requests to the service at once; more have to come back."""
LONGEST_VISIT = 30.0
"""Seconds a connection may last, from its first byte to its last: somebody who sends a byte a minute holds a place."""
LARGEST_BODY = 1_024
"""Bytes; only an offer for GPT-Live is a body that is read."""
LARGEST_OFFER = 262_144
SHAPES = ("", "both", "ga", "beta")


@dataclass(slots=True)
class TokenServer:
    """A running token server: `start` it, `stop` it."""

    mint: Mint
    access_rules: AccessRules
    per_minute: int = 10
    relay: Relay | None = None
    """Of a server before GPT-Live, which mints no tokens."""
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
        app = web.Application(
            middlewares=[self._guard], client_max_size=LARGEST_OFFER if self.relay is not None else LARGEST_BODY
        )
        for path, handler in (("/session", self._session), ("/stats", self._stats), ("/healthz", self._healthz)):
            app.router.add_get(path, handler, allow_head=False)
        if self.relay is not None:
            app.router.add_post("/session", self._session)
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
        offer, history = "", list[JsonValue]()
        if self.relay is not None:
            if request.method != "POST":
                message = "GPT-Live has no short-lived keys: POST the offer here as to /v1/live/sessions."
                return self._refuse(Refused(400, "no_tokens", message))
            async with sent_in_time():
                offer, history = read_offer(await request.read())
            if not offer:
                return self._refuse(Refused(400, "bad_request", "transport.sdp holds no offer."))
        if wait := self._rates.wait(self._client(request), self.clock()):
            message = f"At most {self.per_minute} tokens a minute for one client."
            return self._refuse(Refused(429, "rate_limited", message, wait))
        if self._minting >= MOST_MINTING:
            return self._refuse(Refused(503, "busy", "Too many tokens are being fetched at once.", 1.0))
        self._minting += 1
        try:
            made = await (self.relay(offer, history) if self.relay is not None else self._minted(shape))
        except SignallingError as error:
            return self._fail(told(error))
        finally:
            self._minting -= 1
        self.counts.minted += 1
        return web.json_response(made, status=200 if self.relay is None else 201)

    async def _minted(self, shape: str) -> Mapping[str, object]:
        return in_shape(await self.mint(), shape)

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


def read_offer(body: bytes) -> tuple[str, list[JsonValue]]:
    """The SDP of an offer to GPT-Live (empty for anything else), and what was said before it, as far as a client may
    tell that: what a developer says is the owner's business.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return "", []
    match given:
        case {"transport": {"type": "webrtc", "sdp": str() as sdp}}:
            said = given["session"].get("input") if isinstance(given.get("session"), dict) else None
            told = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
            return sdp, [one for one in told if one.get("role") in ("user", "assistant")]
        case _:
            return "", []


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
