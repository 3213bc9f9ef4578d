"""STUN and TURN, for those who need them: none by default.

With a network whose DNS does not answer, aiortc's default (Google's STUN by name) delays an offer by five seconds and
the first microphone sound by ten, because names are looked up in the very threads that encode. So names are resolved
here first, with a deadline, and aiortc gets numbers. The same for a server that is there and says nothing: aioice waits
five seconds for it before the offer can leave, so each is asked first, and one that does not answer is left out.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

from aioice import stun
from aiortc import RTCIceServer

_DEADLINE = 1.0
"""Seconds for a name, and again for an answer; a server that does not manage is left out."""
_ASK_EVERY = 0.25
"""Seconds between two questions to a server: packets get lost."""
_PORTS = {"stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349}
_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@]+):(?P<password>[^@]+)@)?"
    r"(?P<host>\[[0-9a-fA-F:]+\]|[^:?\[\]]+)(?::(?P<port>\d+))?(?P<query>\?.*)?"
)


async def resolved(urls: Sequence[str]) -> list[RTCIceServer]:
    """The servers of `stun:host[:port]` and `turn:user:password@host[:port][?transport=tcp]` that answer.

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
    number = int(match["port"] or _PORTS[scheme])
    if not 0 < number < 65_536 or not await _answers(host, number, match["query"] or "", scheme):
        return None
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


async def _answers(host: str, port: int, query: str, scheme: str) -> bool:
    """Whether anybody is there: takes a connection, or answers a STUN Binding, as TURN servers do too (RFC 8656 5)."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_DEADLINE):
            if scheme in ("turns", "stuns") or "transport=tcp" in query:
                transport, _ = await loop.create_connection(asyncio.Protocol, host, port)
                transport.close()
                return True
            return await _binds(loop, host, port)
    except (OSError, TimeoutError):
        return False


async def _binds(loop: asyncio.AbstractEventLoop, host: str, port: int) -> bool:
    transport, answer = await loop.create_datagram_endpoint(_Answer, remote_addr=(host, port))
    question = bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST))
    try:
        while not answer.came.done():
            transport.sendto(question)
            await asyncio.wait((answer.came,), timeout=_ASK_EVERY)
        return True
    finally:
        transport.close()


class _Answer(asyncio.DatagramProtocol):
    """Any packet of the server that was asked (the socket is connected to it) says that it is there."""

    def __init__(self) -> None:
        self.came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not self.came.done():
            self.came.set_result(None)
