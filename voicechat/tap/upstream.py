"""The service behind the tap: where a request of the client belongs, and which headers travel with it. Pure.

Paths stay as they are: a client that is pointed at the tap's base URL asks for the same path as it would ask the
service for, whatever gateway prefix that has. Only the host changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from voicechat.transports.endpoint import endpoint

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade host content-length expect".split()
)
"""Headers of one connection alone (RFC 9110 7.6.1), and those that whoever sends makes anew."""
_HANDSHAKE = frozenset(f"sec-websocket-{name}" for name in ("key", "version", "extensions", "accept", "protocol"))
"""Each of the two WebSockets shakes hands for itself; the subprotocol is passed on by its own way."""
_SECRET_HEADERS = frozenset("authorization api-key x-api-key cookie".split())
_SECRET_QUERY = frozenset("api-key api_key apikey key token access_token authorization client_secret".split())
KEY_PROTOCOL = "openai-insecure-api-key."
"""Browsers can send no header with a WebSocket, so the key travels as a subprotocol."""
SHORTEST_SECRET = 6


class Upstream:
    """The service. Raises SignallingError for an address that cannot be understood."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(endpoint(base_url, "realtime"))
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.host = parts.netloc
        self.base_path = parts.path.removesuffix("/realtime")
        """Such as `/v1`: what stands before `/realtime` in the service's addresses."""

    @property
    def base_url(self) -> str:
        """The address of the service as a client would be given it."""
        return self.origin + self.base_path

    def url(self, path_and_query: str) -> str:
        """Where a request for this path belongs, the query byte for byte."""
        return self.origin + path_and_query


def passed_on(headers: CIMultiDictProxy[str] | CIMultiDict[str], *, encoded: bool = True) -> CIMultiDict[str]:
    """The headers that travel on, in their order. `encoded` False: the body was unpacked on the way."""
    named = (name.strip().lower() for name in headers.get("Connection", "").split(","))
    left_out = HOP_BY_HOP | _HANDSHAKE | frozenset(named) | (frozenset() if encoded else {"content-encoding"})
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def offered(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The subprotocols a client offers."""
    return tuple(name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip())


def secrets_of(headers: Mapping[str, str], path_and_query: str) -> tuple[str, ...]:
    """What of a request may never be shown or recorded."""
    found = [value.split(" ", 1)[-1].strip() for name, value in headers.items() if name.lower() in _SECRET_HEADERS]
    found += [name.removeprefix(KEY_PROTOCOL) for name in offered(headers) if name.startswith(KEY_PROTOCOL)]
    found += [value for name, value in _query(path_and_query) if name.lower() in _SECRET_QUERY]
    return tuple(dict.fromkeys(one for one in found if len(one) >= SHORTEST_SECRET))


def shown_path(path_and_query: str, longest: int = 300) -> str:
    """The path and query without secrets."""
    path = path_and_query.partition("?")[0]
    kept = [(name, "hidden" if name.lower() in _SECRET_QUERY else value) for name, value in _query(path_and_query)]
    return (path + (f"?{urlencode(kept, quote_via=quote, safe='/:')}" if kept else ""))[:longest]


def shown_protocols(names: Iterable[str]) -> list[str]:
    """Subprotocols without the key that may be among them."""
    return [f"{KEY_PROTOCOL}…" if name.startswith(KEY_PROTOCOL) else name[:100] for name in names]


def _query(path_and_query: str) -> list[tuple[str, str]]:
    return parse_qsl(path_and_query.partition("?")[2], keep_blank_values=True)
