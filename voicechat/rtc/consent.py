"""Asks the other end of an ICE path whether it is still there: one STUN binding request, as consent checks do.

aioice asks every five seconds and gives up after six questions. Its way of asking is not public, so its shape is looked
at first; where it has changed, questions cannot be put and `can_ask` says so.
"""

from __future__ import annotations

import inspect
from typing import Protocol, cast

from aioice.stun import TransactionFailed, TransactionTimeout
from aiortc import RTCIceTransport


class _Protocol(Protocol):
    async def request(
        self, request: object, addr: tuple[str, int], integrity_key: bytes, retransmissions: int
    ) -> object: ...


class _Pair(Protocol):
    protocol: _Protocol
    remote_addr: tuple[str, int]


class _Ice(Protocol):
    _nominated: dict[int, _Pair]
    remote_password: str | None

    def build_request(self, pair: _Pair, nominate: bool) -> object: ...


def can_ask(transport: RTCIceTransport) -> bool:
    """Whether this aioice is built as expected."""
    ice = getattr(transport, "_connection", None)
    build = getattr(ice, "build_request", None)
    if build is None or not isinstance(getattr(ice, "_nominated", None), dict):
        return False
    return list(inspect.signature(build).parameters) == ["pair", "nominate"]


async def is_there(transport: RTCIceTransport) -> bool:
    """Whether one question, put twice, is answered in 1.5 s over the path in use; False where there is no path."""
    ice = cast(_Ice, transport._connection)  # can_ask() has looked
    for pair in tuple(ice._nominated.values()):
        key = (ice.remote_password or "").encode()
        try:
            await pair.protocol.request(ice.build_request(pair, False), pair.remote_addr, key, 1)
        except (TransactionTimeout, OSError):
            continue
        except TransactionFailed:
            return True  # a refusal is an answer
        return True
    return False
