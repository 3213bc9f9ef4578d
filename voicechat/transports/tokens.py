"""Short-lived keys: minted with a standard key for each attempt to connect, or fetched from a token server.

Two interfaces mint. `client_secret` (GA: `POST realtime/client_secrets`, body `{expires_after, session}`, reply
`{value, expires_at, session}`; 600 s unless said otherwise, good for several sessions) and `sessions` (beta:
`POST realtime/sessions`, the flat configuration, reply `{..., client_secret: {value, expires_at}}`; about 60 s, for
one connection). Azure has both at addresses of its own, which `target.mint_url` overrides. A token server keeps the
standard key away from this computer: a GET that answers in either shape.

Moments are Unix seconds by this computer's clock. `expires_at` is said by another computer's clock, so it is shifted
by what the answer's Date header shows that clock to be off: a laptop that is two minutes slow would otherwise use a
dead token, and one that is fast would throw every token away.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.failures import failure_of, is_about_account
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.transports.endpoint import endpoint, may_carry_key, proxy_for
from voicechat.transports.refusals import one_line, refused, unreachable
from voicechat.transports.target import LineTarget, credentials, secrets_of, without_secrets

T = TypeVar("T")
TokenKind = Literal["client_secret", "sessions"]

LIFE: Mapping[TokenKind, float] = {"client_secret": 600.0, "sessions": 60.0}
"""Seconds a token lives where its maker does not say."""
SHORTEST, LONGEST = 10, 7_200
"""What `expires_after.seconds` may be (7201 is refused with 400)."""
RENEW_BEFORE = 5.0
"""Seconds before the end at which a token counts as used up: the handshake takes some of them. Half of what the
shortest-lived may have, so that a new one is never used up at once."""
_PATHS: Mapping[TokenKind, str] = {"client_secret": "realtime/client_secrets", "sessions": "realtime/sessions"}
_LARGEST_BODY = 262_144
_LONGEST_TOKEN = 16_384
"""Characters; gateways wrap what they know into encrypted tokens of some thousand."""


@dataclass(frozen=True, slots=True)
class Token:
    """A key that dies soon. It never shows in a repr."""

    value: str = field(repr=False)
    expires_at: float
    """Unix seconds by this computer's clock."""
    session: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The configuration the token carries, as the service made of it; empty where it did not say."""

    def needs_renewal(self, now: float) -> bool:
        """Whether a handshake that begins now could meet a dead token. `now` in Unix seconds."""
        return now >= self.expires_at - RENEW_BEFORE


async def mint(http: aiohttp.ClientSession, target: LineTarget, now: float, *, life: int = 0) -> Token:
    """A new token of the service, by the interface that the target's handshake names (`client_secret` where it names
    none). `life` is what the token should live, 10 to 7200 s; 0 leaves it to the service, and beta cannot be asked.

    Raises SignallingError with the service's own code where it gave one.
    """
    kind: TokenKind = "sessions" if target.handshake == "sessions" else "client_secret"
    url = target.mint_url or endpoint(target.base_url, _PATHS[kind])
    headers, query = credentials(url, target)
    headers |= {"Accept": "application/json", "Content-Type": "application/json"}
    body = json.dumps(_body(target, kind, life)).encode()
    reply = await _ask(http, "POST", url, headers, query, body, target.connect_timeout)
    host = urlsplit(url).netloc
    if not 200 <= reply.status < 300:
        said = without_secrets(reply.body, secrets_of(target))
        sent_none = target.is_anonymous
        raise refused(host, reply.status, said, reply.retry_after, target.key, sent_none=sent_none, is_standard=True)
    return _token(host, reply, now, LIFE[kind])


async def from_token_url(
    http: aiohttp.ClientSession,
    url: str,
    access_token: str,
    now: float,
    *,
    timeout: float = 10.0,
    insecure: bool = False,
) -> Token:
    """A token of a token server, in either shape. Raises SignallingError; its code is the server's `error`.

    The answer is a key too, so the address must be https or on this computer even where no access token is sent.
    """
    host, headers = access_headers(url, access_token, insecure=insecure)
    reply = await _ask(http, "GET", url, headers, {}, None, timeout)
    if not 200 <= reply.status < 300:
        own = own_refusal(host, reply.status, reply.body, reply.retry_after)
        raise own or refused(host, reply.status, reply.body, reply.retry_after, access_token)
    return _token(host, reply, now, LIFE["sessions"])


def access_headers(url: str, access_token: str, *, insecure: bool) -> tuple[str, dict[str, str]]:
    """Host and port of a token server, and the headers of a request to it. Raises SignallingError."""
    host = _host_of(url)
    if not insecure and not may_carry_key(url):
        hint = "use an https:// address; --insecure fetches it unencrypted: anyone on the network can read it"
        raise SignallingError(
            f"a token will not be fetched from {host} without encryption", hint=hint, code="unencrypted"
        )
    headers = {"Accept": "application/json"}
    if access_token:
        if not access_token.isascii() or not access_token.isprintable() or " " in access_token:
            hint = "set VOICECHAT_TOKEN_ACCESS again, without spaces or line breaks around it"
            raise SignallingError("the access token has characters in it that none has", hint=hint, code="invalid")
        headers["Authorization"] = f"Bearer {access_token}"
    return host, headers


async def with_living_token(
    fetch: Callable[[], Awaitable[Token]], use: Callable[[Token], Awaitable[T]], wall: Callable[[], float]
) -> T:
    """What `use` makes of a short-lived key. One that has died between its making and its use (a slow network, a lid
    that was closed) is replaced once, be it that its time says so or that the service does. Raises SignallingError.
    """
    token = await fetch()
    if token.needs_renewal(wall()):
        token = await fetch()
    try:
        return await use(token)
    except SignallingError as error:
        if failure_of(error.code, error.status, error.message).name != "token":
            raise
    return await use(await fetch())


async def fetched(http: aiohttp.ClientSession, target: LineTarget, now: float) -> Token:
    """A token of the target's token server. Raises SignallingError."""
    return await from_token_url(
        http, target.token_url, target.token_access, now, timeout=target.connect_timeout, insecure=target.insecure
    )


def _host_of(url: str) -> str:
    """Host and port of a token server's address, for sentences. Raises SignallingError for no address at all."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.username or parts.password:
        hint = "--token-url should look like https://host/session or http://127.0.0.1:8766/session"
        raise SignallingError("the token server's address cannot be understood", hint=hint, code="invalid")
    return parts.netloc


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: str = field(repr=False)
    retry_after: str
    date: str


async def _ask(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes | None,
    timeout: float,
) -> _Reply:
    """One request, read to a bounded end. No redirect is followed: none may carry a key elsewhere."""
    limit = aiohttp.ClientTimeout(total=timeout)
    try:
        async with http.request(
            method,
            url,
            data=body,
            headers=headers,
            params=query,
            timeout=limit,
            proxy=proxy_for(url),
            allow_redirects=False,
        ) as response:
            raw = b""
            while len(raw) <= _LARGEST_BODY and (part := await response.content.read(_LARGEST_BODY)):
                raw += part
            named = response.headers
            text = raw[:_LARGEST_BODY].decode("utf-8", "replace")
            return _Reply(response.status, text, named.get("Retry-After", ""), named.get("Date", ""))
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(urlsplit(url).netloc, error, timeout) from error


def _body(target: LineTarget, kind: TokenKind, life: int) -> dict[str, object]:
    session: dict[str, object] = {"type": "realtime", **(target.session or {})}
    if target.model and session["type"] != "transcription":
        session["model"] = target.model
    if kind == "sessions":
        return dict(DIALECTS["beta"].session(session).session)  # type: ignore[arg-type]  # plain JSON by construction
    body: dict[str, object] = {"session": session}
    if life:
        body["expires_after"] = {"anchor": "created_at", "seconds": min(max(life, SHORTEST), LONGEST)}
    return body


def _token(host: str, reply: _Reply, now: float, life: float) -> Token:
    """The token in an answer, in the GA shape, the beta shape, or both at once."""
    found = _object(reply.body)
    inner = found.get("client_secret")
    secret = inner if isinstance(inner, dict) else found
    value, expires_at = secret.get("value"), secret.get("expires_at")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN or not value.isascii() or " " in value:
        raise SignallingError(
            f"{host} answered ({reply.status}), but not with a token",
            hint="is this the address of a token server or of a Realtime service that mints tokens?",
            status=reply.status,
            code="no_token",
        )
    session = found.get("session")
    return Token(
        value,
        _ours(expires_at, reply.date, now, life),
        session if isinstance(session, dict) else {},
    )


def _ours(expires_at: object, date: str, now: float, life: float) -> float:
    """When a token dies by our clock. A moment that makes no sense counts as not said."""
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return now + life
    left = expires_at - _their_now(date, now)
    return now + left if 0.0 < left < 2 * LONGEST else now + life


def _their_now(date: str, now: float) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() if date else now
    except (ValueError, TypeError, IndexError, OverflowError):
        return now


def _object(body: str) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def own_refusal(host: str, status: int, body: str, retry_after: str) -> SignallingError | None:
    """What a token server of our kind says: `{"error": code, "message": sentence}`; None for any other body."""
    found = _object(body)
    code, message = found.get("error"), found.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    code = one_line(code)
    plain = refused(host, status, "", retry_after, "")
    hints = {
        401: "set VOICECHAT_TOKEN_ACCESS to the access token of that token server",
        403: "the token server refuses this program; ask its administrator",
        404: "check --token-url: it should end in /session",
    }
    return SignallingError(
        f"the token server {host} gave no token ({status}): {one_line(message)}",
        hint=hints.get(status, plain.hint if plain.retry_after else "ask its administrator"),
        retryable=plain.retryable and not is_about_account(code),
        status=status,
        code=code,
        retry_after=plain.retry_after,
    )
