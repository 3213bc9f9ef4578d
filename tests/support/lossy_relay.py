"""A bad network between two peers of one process: a UDP relay that delays and loses, with a seed.

Both descriptions are rewritten so that the peers know each other only through the relay. Only media is impaired: ICE,
DTLS and SCTP pass, because a benchmark of sound should not wait for SCTP's one-second retransmissions.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from typing import cast

_CANDIDATE = re.compile(
    r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host.*\r\n", re.MULTILINE | re.IGNORECASE
)
_ANY_CANDIDATE = re.compile(r"^a=(candidate:.*|end-of-candidates)\r\n", re.MULTILINE)

Address = tuple[str, int]


@dataclass(frozen=True)
class Network:
    """Each way: mean delay and its two-sigma jitter in seconds, share of packets lost, and how many are lost in a row
    on average. Order is kept."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    seed: int = 7
    burst: float = 1.0
    everything: bool = False
    """ICE, DTLS and SCTP too are delayed and lost."""


class Gilbert:
    """Says of one packet after another whether it is lost: a line is good or bad, and loses packets while it is bad.

    `loss` is the share lost in the long run, `burst` how many are lost in a row on average; with 1 the line is good
    again after every loss, so that never two in a row go missing. The random source is shared with whoever draws
    delays from it: one seed, one network.
    """

    def __init__(self, loss: float, burst: float, source: random.Random) -> None:
        self._source = source
        self._recovers = 1.0 / max(1.0, burst)
        self._fails = loss * self._recovers / (1.0 - loss) if loss < 1.0 else 1.0
        self._is_bad = False

    def loses(self) -> bool:
        chance = self._source.random()
        self._is_bad = chance > self._recovers if self._is_bad else chance < self._fails
        return self._is_bad


class _Leg(asyncio.DatagramProtocol):
    """One side of the relay; what comes in leaves through `other`."""

    def __init__(self, network: Network, seed: int) -> None:
        self.network = network
        self.random = random.Random(seed)
        self.weather = Gilbert(network.loss, network.burst, self.random)
        self.peer: Address | None = None
        self.other: _Leg = self
        self.latest = 0.0
        self.is_dark = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own datagram transport does not derive from DatagramTransport.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer = addr
        out = self.other
        if out.peer is None or self.is_dark:
            return
        if not 128 <= data[0] < 192 and not self.network.everything:
            out.forward(data)
        elif not self.weather.loses():
            loop = asyncio.get_running_loop()
            wait = max(0.0, self.random.gauss(self.network.delay, self.network.jitter / 2))
            self.latest = max(self.latest, loop.time() + wait)
            loop.call_at(self.latest, out.forward, data)

    def forward(self, data: bytes) -> None:
        """Out of this leg, unless the relay was closed while the packet was under way."""
        if not self.transport.is_closing():
            self.transport.sendto(data, self.peer)


class LossyRelay:
    """`through_a(sdp)` is what B is to be told of A; `through_b` the other way round."""

    def __init__(self, a: _Leg, b: _Leg) -> None:
        self._a, self._b = a, b
        a.other, b.other = b, a

    @classmethod
    async def start(cls, network: Network) -> LossyRelay:
        loop = asyncio.get_running_loop()
        legs = []
        for seed in (2 * network.seed + 1, 2 * network.seed + 2):
            _, leg = await loop.create_datagram_endpoint(
                lambda seed=seed: _Leg(network, seed),  # type: ignore[misc]  # a lambda's default has no type
                local_addr=("0.0.0.0", 0),
            )
            legs.append(leg)
        return cls(*legs)

    def through_a(self, sdp: str) -> str:
        """A's description, with its addresses replaced by the relay's leg that faces B."""
        return self._replaced(sdp, faces=self._a, exits=self._b)

    def through_b(self, sdp: str) -> str:
        """B's description, with its addresses replaced by the relay's leg that faces A."""
        return self._replaced(sdp, faces=self._b, exits=self._a)

    def black_out(self, dark: bool = True) -> None:
        """Nothing passes any more, ICE and DTLS included; or all of it again."""
        self._a.is_dark = self._b.is_dark = dark

    def close(self) -> None:
        self._a.transport.close()
        self._b.transport.close()

    def _replaced(self, sdp: str, *, faces: _Leg, exits: _Leg) -> str:
        found = _CANDIDATE.search(sdp)
        assert found is not None, "the relay speaks IPv4"
        faces.peer = (found[1], int(found[2]))
        port = exits.transport.get_extra_info("sockname")[1]
        line = f"a=candidate:1 1 udp 2130706431 {found[1]} {port} typ host\r\n"
        without = _ANY_CANDIDATE.sub("", sdp)
        return re.sub(r"^(a=ice-ufrag:)", line + r"\1", without, flags=re.MULTILINE)
