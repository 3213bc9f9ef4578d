"""Whether the other side is still there, from the times at which something came of it (R27). Pure.

aiortc notices after half a minute. Sooner, three things tell: sound that streams also through silence and stops; the
answers to questions that every ICE agent must answer (a STUN binding request, the check that keeps consent, RFC 7675);
and messages. A sender that pauses between answers, or saves packets in silence (DTX), is therefore no loss: it is
asked, and it answers. One packet or one answer is enough, so that a bad line is never taken for a dead one.
"""

from __future__ import annotations

ASK_AFTER = 0.4
"""Seconds without anything after which the other side is asked."""
ASK_EVERY = 0.1
"""Seconds between questions: at 10 % loss each way a fifth of them fail, and ten in a row practically never do."""
STREAM_LOST = 1.0
"""R27: seconds; who streamed through silence and stopped is gone when it does not answer either."""
LINE_LOST = 1.2
"""Seconds for everybody else: nothing came, and no question was answered."""
STREAM_PAUSE = 0.25
"""Seconds between packets that end a stretch of streaming."""
STREAM_PROVED = 2.0
"""Seconds of streaming without a sound in it that show a sender which never pauses."""
LONGEST_REST = 0.1
"""Seconds between two looks while everything flows."""
LATE_LOOK = 0.3
"""Seconds by which a look may be late; beyond that we were away ourselves (a busy machine, a lid that was shut), and
what came meanwhile waits to be read."""
SLOWEST = 1.0
"""Seconds of round trip that are waited for on top; an answer that takes longer belongs to no conversation."""


class Liveness:
    """Told of arrivals, asked in between. All times on one clock."""

    def __init__(self, now: float) -> None:
        self._came_at = now
        self._sound_at: float | None = None
        self._stretch_since = now
        self._loud_at = now
        self._asked_at = now
        self._looked_at = now
        self._round_trip = 0.0
        self.can_ask = False
        """A question was answered once, so silence means something. Before, only a stream can be missed."""
        self.streams = False
        """The other side sends sound all the time, silence included."""

    def came(self, now: float) -> None:
        """A message, a report or an answer."""
        self._came_at = max(self._came_at, now)

    def answered(self, asked_at: float, now: float) -> None:
        """A question of `asked_at` was answered."""
        self.can_ask = True
        self._round_trip = min(SLOWEST, max(0.0, now - asked_at))
        self.came(now)

    def sound_came(self, now: float, loud_at: float | None) -> None:
        """A packet of sound; `loud_at`: when the loudspeaker last got anything but silence."""
        pause = now - (self._sound_at if self._sound_at is not None else now)
        if self._sound_at is None or pause > STREAM_PAUSE:
            self._stretch_since = now
            if self._came_at > (self._sound_at or 0.0) + STREAM_PAUSE:
                self.streams = False  # it was there and sent nothing: it pauses
        if loud_at is not None:
            self._loud_at = max(self._loud_at, loud_at)
        self._sound_at = now
        self.came(now)
        if now - max(self._stretch_since, self._loud_at) >= STREAM_PROVED:
            self.streams = True

    def is_question_due(self, now: float) -> bool:
        """Whether to ask now; true at most every `ASK_EVERY` while nothing comes."""
        if now - self._came_at < ASK_AFTER or now - self._asked_at < ASK_EVERY:
            return False
        self._asked_at = now
        return True

    def rest(self, now: float) -> float:
        """Seconds in which nothing can become due, 0.1 at most; below zero when something came too long ago."""
        return min(LONGEST_REST, self._came_at + ASK_AFTER - now)

    def why_lost(self, now: float) -> str:
        """Why the line counts as dead at `now`; empty while it does not. To be asked every 50 to 100 ms."""
        late, self._looked_at = now - self._looked_at, now
        if late > LATE_LOOK:
            self._came_at = max(self._came_at, now - ASK_AFTER)
        quiet = now - self._came_at
        if self.streams and quiet >= STREAM_LOST + self._round_trip / 2:
            return f"nothing has come from the service for {quiet:.1f} s"
        if self.can_ask and quiet >= LINE_LOST + self._round_trip / 2:
            return f"the service has not answered for {quiet:.1f} s"
        return ""
