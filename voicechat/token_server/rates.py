"""How often a client may ask: so many times in any minute, and which clients have come too often. Pure; `now` in s."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass, field

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
    """A sliding window for each client: at most `per_minute` requests in any 60 seconds."""

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
