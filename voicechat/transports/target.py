"""Where to call and what came of it: the records that a line is opened with.

How a key travels, and where it must not: encrypted or within this machine, and only as the service wants it.

Headers and query of the user's own may hold secrets too (a gateway's password, a tenant's token), so they count as
secrets unless they are known to hold none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from voicechat.errors import SignallingError
from voicechat.transports.endpoint import may_carry_key

OPEN_HEADERS = frozenset({"accept", "content-type", "openai-beta", "user-agent"})
OPEN_QUERY = frozenset({"model", "api-version", "deployment", "intent", "language", "transcription_model"})
"""Names (lower case) that never hold a secret."""
Api: TypeAlias = Literal["realtime", "translation", "live"]
"""What is spoken on the line. A translation session goes over WebSocket only; GPT-Live has a handshake of its own."""
PATHS: Mapping[Api, str] = {"realtime": "realtime", "translation": "realtime/translations", "live": "live/sessions"}
"""Where each begins, below the base URL."""
QUERY_NAME = "api-key"
"""The member of the query that carries a key where the service wants it there."""
_SHORTEST_SECRET = 6
"""A shorter value is not worth hiding, and would make holes in ordinary text."""


def credentials(url: str, target: LineTarget, key: str | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """(headers, query) for a request to `url`: what the user added and the key. `key` stands in for the target's own.

    Raises SignallingError rather than let a secret travel unencrypted, and for a key that cannot be one.
    """
    used = target.key if key is None else key
    if (used or _holds_secret(target)) and not target.insecure and not may_carry_key(url):
        raise SignallingError(
            f"the key will not be sent to {urlsplit(url).netloc} without encryption",
            hint="use an https:// address; --insecure sends it unencrypted: anyone on the network can read it",
            code="unencrypted",
        )
    headers, query = dict(target.headers), dict(target.query)
    if used:
        _check(used)
        # A short-lived key is a bearer token wherever the standard one goes.
        style: AuthStyle = "bearer" if key is not None and key != target.key else target.auth_style
        if style == "bearer":
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers["Authorization"] = f"Bearer {used}"
        elif style == "api-key":
            headers["api-key"] = used
        else:
            query[QUERY_NAME] = used
    return headers, query


def secrets_of(target: LineTarget) -> tuple[str, ...]:
    """Everything of a target that must never be shown, longest first."""
    values = [target.key, *_values(target.headers, OPEN_HEADERS), *_values(target.query, OPEN_QUERY)]
    return tuple(sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced: services quote requests when they refuse them."""
    for secret in secrets:
        text = text.replace(secret, "[key]")
    return text


def _holds_secret(target: LineTarget) -> bool:
    return any((*_values(target.headers, OPEN_HEADERS), *_values(target.query, OPEN_QUERY)))


def _values(table: Mapping[str, str], known: frozenset[str]) -> Iterable[str]:
    return (value for name, value in table.items() if name.lower() not in known)


def _check(key: str) -> None:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SignallingError(
            "the key has characters in it that no key has",
            hint="copy it again, without spaces or line breaks around it",
        )


Handshake = Literal["multipart", "sdp", "client_secret", "sessions", "live"]
"""How the offer of a WebRTC call travels.

multipart: offer and session configuration in one request, with a standard key. sdp: the offer alone, as
application/sdp, the model in the query. client_secret: a short-lived key is minted with the configuration (GA), then
sdp with that key. sessions: the same at the beta's addresses. live: offer and session as JSON, which begins a GPT-Live
session.
"""
HandshakeWish = Literal["auto", "multipart", "sdp", "client_secret", "sessions", "live"]
"""auto: each in turn until the service takes one (see `probing`)."""
AuthStyle = Literal["bearer", "api-key", "query"]
"""Where a key travels: the Authorization header, a header of its own, or the query (`api-key`)."""
TransportWish = Literal["auto", "webrtc", "websocket"]
Encoding = Literal["pcm16", "pcmu", "pcma"]
AudioFormat = tuple[Encoding, int]
"""What sound on a WebSocket looks like: encoding and sample rate in Hz."""


@dataclass(frozen=True, slots=True)
class LineTarget:
    """One service, ready to be called. What may be secret never shows in a repr."""

    base_url: str
    key: str = field(repr=False)
    model: str
    handshake: HandshakeWish = "multipart"
    session: Mapping[str, object] | None = None
    """The session's configuration in the GA dialect, for a handshake that carries one."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers and query of the user's own, sent with every request to this service."""
    ice_servers: tuple[str, ...] = field(default=(), repr=False)
    """A TURN server's address may hold a password."""
    connect_timeout: float = 10.0
    """Seconds for everything from the offer to the open channel."""
    path: str = ""
    """Where the offer goes, below the base URL; empty: as the handshake has it."""
    transport: TransportWish = "auto"
    auth_style: AuthStyle = "bearer"
    websocket_url: str = ""
    webrtc_url: str = ""
    mint_url: str = ""
    """Whole addresses that stand in for what would be built from the base URL: of the WebSocket, of the request that
    takes the offer, and of the one that mints short-lived keys."""
    token_url: str = ""
    """A token server that gives out short-lived keys (`voicechat token-server`); then no key is needed here."""
    token_access: str = field(default="", repr=False)
    """What that token server wants to see."""
    input_format: AudioFormat = ("pcm16", 24_000)
    output_format: AudioFormat = ("pcm16", 24_000)
    """The microphone's and the assistant's sound on a WebSocket; WebRTC negotiates its own."""
    chunk: float = 0.02
    """Seconds of microphone in one message on a WebSocket: 0.02 to 0.04, 0.2 in a translation session."""
    api: Api = "realtime"
    insecure: bool = False
    """The user allowed a key to travel unencrypted."""
    quirks: frozenset[str] = frozenset()
    """Names of what this service does differently (see `config.provider`)."""

    @property
    def is_anonymous(self) -> bool:
        """Nothing that is sent could tell the service who we are."""
        return not (self.key or self.token_url or self.headers or self.query)


@dataclass(frozen=True, slots=True)
class LineOpened:
    """A line is open."""

    call_id: str
    """The service's name for the call, needed to hang up; empty where it gave none."""
    steps: tuple[tuple[str, float], ...]
    """Seconds that each step took: offer, signalling, ice, dtls, channel."""
    handshake: str = ""
    """The handshake that the service took; empty on a WebSocket."""
    configured: bool = False
    """Whether the session's configuration travelled in the handshake."""
    why: str = ""
    """Why this handshake and not the one that was tried first; empty where the first one was taken."""
