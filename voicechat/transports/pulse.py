"""Whether the other end of a WebSocket is still there, and how far away it is: pings and the patience with their echo.

A dead network says nothing, and TCP alone would notice after a quarter of an hour. A ping leaves every 0.4 s; when one
waits for a second and nothing else came either, the line is dead: noticed after 1.4 s at most (R27 wants 1.5). A
service may be slow without being dead, so whoever once took long to answer is waited for twice as long, and who never
answered a ping cannot be judged by them. Pure: the time is passed in, in seconds.
"""

from __future__ import annotations

EVERY = 0.4
"""Seconds between pings: with the patience it makes R27's second and a half, and costs 20 bytes each."""
PATIENCE = 1.0
LARGEST_PATIENCE = 5.0
LOOK_EVERY = 0.1
_OWN_STALL = 0.25
"""Seconds by which a look may come late before our own machine counts as what stood still."""
_MOST_UNANSWERED = 32
_SMOOTHING = 0.25


class Pulse:
    """Facts about pings, and what follows from them."""

    def __init__(self, now: float) -> None:
        self.rtt: float | None = None
        """Seconds there and back, smoothed; None before the first answer."""
        self._patience = PATIENCE
        self._heard_at = now
        self._sent: dict[bytes, float] = {}
        self._count = 0
        self._next_at = now
        self._looked_at = now

    def heard(self, at: float) -> None:
        """Something came from the other end."""
        self._heard_at = max(self._heard_at, at)

    def pinged(self, now: float) -> bytes:
        """A ping leaves now; returns what it carries."""
        self._count += 1
        token = b"%d" % self._count
        if len(self._sent) < _MOST_UNANSWERED:
            self._sent[token] = now
        self._next_at = now + EVERY
        return token

    def ponged(self, token: bytes, now: float) -> None:
        """Its echo came. Answers to older pings are answered with it, as the standard allows."""
        self.heard(now)
        sent_at = self._sent.get(token)
        if sent_at is None:
            return
        for older in [one for one, at in self._sent.items() if at <= sent_at]:
            del self._sent[older]
        took = now - sent_at
        self.rtt = took if self.rtt is None else self.rtt + (took - self.rtt) * _SMOOTHING
        if took > self._patience / 2:
            self._patience = min(2.0 * took, LARGEST_PATIENCE)

    def look(self, now: float) -> None:
        """Call it every `LOOK_EVERY`.

        If this process itself stood still (a sleeping machine), that silence is not held against the other end:
        everything counts as sent now.
        """
        late = now - self._looked_at - LOOK_EVERY
        self._looked_at = now
        if late > _OWN_STALL:
            self._sent = dict.fromkeys(self._sent, now)

    def ping_is_due(self, now: float) -> bool:
        """Whether the next one should leave."""
        return now >= self._next_at

    def dead_since(self, now: float) -> float | None:
        """Seconds without a sign of life when that is too long; None while it is not."""
        if self.rtt is None or not self._sent:
            return None
        unanswered = next(iter(self._sent.values()))
        quiet = now - max(unanswered, self._heard_at)
        return now - self._heard_at if quiet >= self._patience else None
