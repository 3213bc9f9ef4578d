"""How a line reports, and how it is doing: what transports, session and screen have in common."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class JitterStats(Struct, frozen=True):
    """What became of the packets of a line since it opened: the counters of the receive buffer."""

    played: int = 0
    """Packets decoded."""
    fec: int = 0
    """Holes repaired from what the next packet carried."""
    concealed: int = 0
    """Frames (20 ms) of sound that was invented."""
    stretched: int = 0
    """Times that the sound was made shorter or longer."""
    dropped: int = 0
    """Packets thrown away unplayed: by a flush, from a backlog of more than a second, of a sender that was replaced."""
    late: int = 0
    """Packets that came after their place had been played or filled."""
    repeated: int = 0
    """Packets that came once more."""
    silence: int = 0
    """Blocks without anything to play, comfort noise included."""
    invented: float = 0.0
    """Seconds of concealment."""
    heard: float = 0.0
    """Seconds of sound: received, repaired and invented."""
    expanded: float = 0.0
    """Seconds put in by stretching."""
    accelerated: float = 0.0
    """Seconds taken out by stretching."""
    depth: float = 0.0
    """Seconds that a sound stays in here now, its own 20 ms included; 0 while nothing plays."""
    target: float = 0.0
    """What `depth` should be."""


class LineStats(Struct, frozen=True):
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
    receive: JitterStats = JitterStats()
    """What the receive buffer did: played, fec, concealed, stretched, dropped, late, depth, target and more."""
    fallback_reason: str = ""
    """Why sound takes the stock path of aiortc, which is slower; empty when it does not."""


class LineListener(Protocol):
    """How a line reports. Called on the event loop."""

    def on_text(self, text: str, *, translated: bool = False) -> None:
        """An event of the service; `translated`: made of what another protocol said."""

    def on_received(self, text: str) -> None:
        """What really came, where that was translated."""

    def on_closed(self, reason: str, code: str = "") -> None:
        """`code`: what the failure table knows of it, such as `session_expired` or `close 1006`."""

    def on_emptied(self) -> None:
        """All sound that came as events was played."""

    def on_played(self, item_id: str, seconds: float, at: float, moving: bool) -> None:
        """By `at` so many seconds of this item had left for the loudspeaker; `moving`: and it went on."""

    def on_sent(self, text: str) -> None:
        """An event that the line made itself: one of many pieces of the microphone, to be shown."""

    def on_noted(self, text: str, code: str) -> None:
        """Something the user should know, in one sentence."""
