"""An HTTP proxy on loopback that leads CONNECT requests to servers of the test, or refuses them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """A running one."""

    port: int
    asked: list[str] = field(default_factory=list)
    """Where each CONNECT wanted to go."""
    logins: list[str] = field(default_factory=list)
    """The Proxy-Authorization of each, empty where there was none."""

    @property
    def address(self) -> str:
        """Host and port, as people write it."""
        return f"127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def proxy(routes: Mapping[str, int] | None = None, *, refuses: int = 0) -> AsyncIterator[Proxy]:
    """A proxy; `routes`: `host:port` of a CONNECT -> port on this machine. `refuses`: answers everything so."""
    running = Proxy(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n")[0].split()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        running.asked.append(target)
        running.logins.append(fields.get("proxy-authorization", ""))
        port = (routes or {}).get(target)
        if refuses or method != "CONNECT" or port is None:
            writer.write(f"HTTP/1.1 {refuses or 502} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            return
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
