"""STUN and TURN, for those who need them: none by default.

With a network whose DNS does not answer, aiortc's default (Google's STUN by name) delays an offer by five seconds and
the first microphone sound by ten, because names are looked up in the very threads that encode. So names are resolved
here first, with a deadline, and aiortc gets numbers.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

from aiortc import RTCIceServer

_DEADLINE = 1.0
"""Seconds for a name; a server that cannot be found in that time is left out."""
_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@]+):(?P<password>[^@]+)@)?"
    r"(?P<host>\[[0-9a-fA-F:]+\]|[^:?\[\]]+)(?::(?P<port>\d+))?(?P<query>\?.*)?"
)


async def resolved(urls: Sequence[str]) -> list[RTCIceServer]:
    """The servers of `stun:host[:port]` and `turn:user:password@host[:port][?transport=tcp]` that can be found.

    TLS to a TURN server (`turns:`) keeps its name, because its certificate is made out to it.
    """
    found = await asyncio.gather(*(_resolve(url) for url in urls))
    return [server for server in found if server is not None]


async def _resolve(url: str) -> RTCIceServer | None:
    match = _URL.fullmatch(url.strip())
    if match is None:
        return None
    scheme, host = match["scheme"], match["host"]
    if scheme != "turns":
        address = await _address(host)
        if address is None:
            return None
        host = address
    port = f":{match['port']}" if match["port"] else ""
    return RTCIceServer(
        urls=f"{scheme}:{host}{port}{match['query'] or ''}",
        username=match["user"],
        credential=match["password"],
    )


async def _address(host: str) -> str | None:
    """An IPv4 address for a name, or None when there is none in time."""
    loop = asyncio.get_running_loop()
    lookup = loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    try:
        rows = await asyncio.wait_for(lookup, _DEADLINE)
    except (OSError, TimeoutError, UnicodeError):
        return None
    return str(rows[0][4][0]) if rows else None
