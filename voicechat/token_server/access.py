"""Who is let in: the access token, web pages, and names of this computer. Pure.

Without an access token the server is for programs of this computer, and a browser here runs pages from anywhere: the
Host header must name this computer (a page whose name was pointed at 127.0.0.1 sends its own), an Origin must be one
that was allowed by `--origin`, and a request that a page of another site makes without an Origin (an image, a script)
says so in Sec-Fetch-Site.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from voicechat.errors import ConfigError

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

    def refusal(self, headers: Mapping[str, str]) -> Refused | None:
        """Why a request is turned away before anything is counted; None where it may go on."""
        origin = headers.get("Origin", "")
        if not self.access and not names_this_computer(headers.get("Host", "")):
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
        granted["Access-Control-Allow-Methods"] = "GET"
        granted["Access-Control-Allow-Headers"] = "Authorization"
        granted["Access-Control-Max-Age"] = "600"
        if headers.get("Access-Control-Request-Private-Network") == "true":
            granted["Access-Control-Allow-Private-Network"] = "true"
        return granted


def names_this_computer(host: str) -> bool:
    """Whether a Host header (with or without port) is a loopback name."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Whether this is an address that only this computer reaches."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


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
