"""What can honestly be shown of a line, and the counting behind it.

aiortc's statistics lack what a listener feels (buffer, concealment) and count packets that came too late as received,
so arrivals are counted here, packet by packet. Only the round trip comes from aiortc, out of RTCP.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voicechat.audio.jitter_buffer import JitterStats

_CLOCK_RATE = 48_000
_LOSS_OVER = 5.0
"""Loss is shown as a share of the last five seconds: a total forgives a bad line more the longer one talks."""
_JITTER_GAIN = 1 / 16
"""RFC 3550 6.4.1."""


@dataclass(frozen=True, slots=True)
class LineStats:
    """One look at a line. Seconds and shares from 0 to 1; None where unknown."""

    rtt: float | None = None
    """Round trip by RTCP, smoothed; unknown for the first seconds."""
    jitter: float | None = None
    """Variation of arrival, RFC 3550."""
    loss: float | None = None
    """Share of packets from the other side that did not come, last five seconds."""
    buffer: float | None = None
    """How long a sound stays in the receive buffer."""
    concealed: float | None = None
    """Share of the sound that was invented."""
    uplink_loss: float | None = None
    """Share of our packets that the other side says it lost, smoothed."""
    expected_loss: float = 0.0
    """Share for which our encoder is prepared."""
    codec: str = ""
    packets_sent: int = 0
    packets_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    last_packet_at: float | None = None
    """On the clock that was given to the peer."""
    receive: JitterStats = field(default_factory=JitterStats)
    """What the receive buffer did: played, fec, concealed, stretched, dropped, late, depth, target and more."""
    fallback_reason: str = ""
    """Why sound takes the stock path of aiortc, which is slower; empty when it does not."""


class Arrivals:
    """Counts RTP packets of one direction. Fed on the event loop."""

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.last_at: float | None = None
        self._ssrc: int | None = None
        self._highest = 0
        self._expected = 0
        self._last_transit: float | None = None
        self._jitter = 0.0
        self._past: deque[tuple[float, int, int]] = deque(maxlen=16)

    @property
    def jitter(self) -> float | None:
        """Seconds; None before the second packet."""
        return self._jitter if self.packets > 1 else None

    def add(self, sequence: int, timestamp: int, size: int, ssrc: int, now: float) -> None:
        """One packet of `size` payload bytes came at `now`."""
        transit = now - timestamp / _CLOCK_RATE
        step = _step(sequence, self._highest)
        if ssrc != self._ssrc or abs(step) > 1_000:
            self._ssrc, step, self._last_transit = ssrc, 1, None
            self._highest = sequence
        elif step > 0:
            self._highest = sequence
        self._expected += max(0, step)
        self.packets += 1
        self.bytes += size
        self.last_at = now
        # Beyond a second it is no jitter: the timestamp wrapped or the sender paused its clock.
        if self._last_transit is not None and abs(transit - self._last_transit) < 1.0:
            self._jitter += (abs(transit - self._last_transit) - self._jitter) * _JITTER_GAIN
        self._last_transit = transit
        if not self._past or now >= self._past[-1][0] + 0.5:
            self._past.append((now, self._expected, self.packets))

    def loss(self, now: float) -> float | None:
        """Share lost of what was sent in the last five seconds; None when nothing was."""
        since = next((row for row in self._past if row[0] >= now - _LOSS_OVER), None)
        if since is None or self._expected == since[1]:
            return None
        expected, received = self._expected - since[1], self.packets - since[2]
        return min(1.0, max(0.0, 1.0 - received / expected))


def _step(sequence: int, highest: int) -> int:
    """Signed distance of two 16-bit sequence numbers."""
    return (sequence - highest + 0x8000) % 0x10000 - 0x8000
