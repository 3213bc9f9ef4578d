"""STUN and TURN addresses, resolved before aiortc sees them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
from aioice import stun

from voicechat.rtc.ice_servers import resolved


class Stun(asyncio.DatagramProtocol):
    """Answers each Binding request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(asked.message_method, stun.Class.RESPONSE, transaction_id=asked.transaction_id)
        self.transport.sendto(bytes(answer), address)


@pytest.fixture
async def answering() -> AsyncIterator[int]:
    """The port of a STUN server."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Stun, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes packets and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def test_names_become_numbers_and_credentials_are_kept_apart(answering: int, listening: int) -> None:
    stun, turn, tls = await resolved(
        (
            f"stun:localhost:{answering}",
            f"turn:me:secret@localhost:{listening}?transport=tcp",
            f"turns:me:secret@localhost:{listening}",
        )
    )
    assert stun.urls == f"stun:127.0.0.1:{answering}"
    assert (turn.urls, turn.username, turn.credential) == (
        f"turn:127.0.0.1:{listening}?transport=tcp",
        "me",
        "secret",
    )
    assert tls.urls == f"turns:localhost:{listening}"


async def test_a_silent_ice_server_does_not_delay_the_offer(
    silent: int, answering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicechat.rtc.ice_servers._DEADLINE", 0.3)
    found = await resolved(
        (f"stun:127.0.0.1:{silent}", f"turn:me:pw@127.0.0.1:{silent}", f"turn:me:pw@127.0.0.1:{answering}")
    )
    assert [server.urls for server in found] == [f"turn:127.0.0.1:{answering}"]


async def test_what_is_no_address_or_nobody_listens_at_is_left_out() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        nobody = (f"turn:me:pw@127.0.0.1:{port}?transport=tcp", "stun:127.0.0.1:99999")
        wrong = ("", "http://localhost", "stun:", "stun:a b", "turn:x@y@z", "stun:localhost:port")
        assert await resolved((*nobody, *wrong)) == await resolved(()) == []


async def test_a_name_nobody_answers_for_is_left_out_after_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **named: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr("voicechat.rtc.ice_servers._DEADLINE", 0.01)
    assert await resolved(("stun:stun.example:3478",)) == []
