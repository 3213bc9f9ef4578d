"""Connections to our HTTP servers: they must send something, and what goes wrong is logged without their addresses.

A server on loopback also asks where a request comes from: a browser on this computer runs pages from anywhere. The Host
header must name this computer (a page whose name was re-pointed at 127.0.0.1 sends its own name), and an Origin, where
there is one, must be a page of this computer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http import HttpProcessingError

from voicechat.transports.endpoint import is_loopback

SEND_WITHIN = 10.0
"""Seconds within which the head of a first request, and then the body of each, must have come."""
LINGERS = 0.5
"""Seconds in which the rest of a refused body is read and dropped, or its sender may not see the answer for a reset."""


class _WithoutClients(logging.Filter):
    """Drops what a client did wrong, and takes the client's address out of the rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            return False
        record.msg, record.args = "a request failed", ()
        return True


LOG = logging.getLogger("voicechat.visitors")
"""For aiohttp in place of its own logger, whose lines hold the addresses of clients."""
LOG.addFilter(_WithoutClients())
NO_LOG = logging.Logger("voicechat.visitors.silent", logging.CRITICAL + 1)
"""Takes no line."""


class Visitor(web.RequestHandler):
    """One connection; closed if it does not send a request, or nothing more for as long after one."""

    __slots__ = ("_leaves", "_visit_loop")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        options |= {"keepalive_timeout": SEND_WITHIN, "lingering_time": LINGERS}
        super().__init__(server, loop=loop, logger=LOG, access_log=NO_LOG, **options)
        self._visit_loop = loop
        self._leaves: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The time for a request begins."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._leaves = self._visit_loop.call_later(SEND_WITHIN, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        self.arrived()
        super().connection_lost(exc)

    def arrived(self) -> None:
        """The head of a request has come."""
        if self._leaves is not None:
            self._leaves.cancel()
            self._leaves = None


def arrived(request: web.Request) -> None:
    """Tell the request's connection that its head has come."""
    if isinstance(request.protocol, Visitor):
        request.protocol.arrived()


@asynccontextmanager
async def sent_in_time() -> AsyncIterator[None]:
    """Answer 408 if the body that is read inside does not come."""
    try:
        async with asyncio.timeout(SEND_WITHIN):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason=f"The request did not come within {SEND_WITHIN:g} s.") from None


async def listen(runner: web.AppRunner, host: str, port: int, **options: Any) -> asyncio.Server:
    """Let visitors in to a runner that is set up (0 picks a free port). Raises OSError when the port is taken."""
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None
    return await loop.create_server(lambda: Visitor(server, loop, **options), host, port)


ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, OpenAI-Beta, OpenAI-Safety-Identifier, X-OpenAI-Agents-SDK, X-API-Key"
)


def stranger(request: web.Request) -> str:
    """Why a request to a server for this computer is refused by its Host or Origin; empty when it is let in."""
    origin = request.headers.get("Origin", "")
    if not is_of_this_computer(f"http://{request.headers.get('Host', '')}"):
        return "This server answers only to the names of this computer."
    if origin and not is_of_this_computer(origin):
        return "Web pages from other computers may not use this server."
    return ""


def is_of_this_computer(url: str) -> bool:
    """Whether the host of a URL is a loopback name or address (no name is looked up)."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def cors_headers(request: web.Request) -> dict[str, str]:
    """What lets a page that was let in call us, see where its call is, and send the headers it announced."""
    origin, asked = (request.headers.get(name, "") for name in ("Origin", "Access-Control-Request-Headers"))
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": (asked.isprintable() and asked) or ALLOWED_HEADERS,
        "Access-Control-Expose-Headers": "Location",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
