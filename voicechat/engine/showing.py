"""What a client sees of a conversation: a snapshot on change, changed turns, and the events that flowed."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.core.view import TurnView
from voicechat.core.viewing import turn_views, view
from voicechat.engine.assemble import Talk
from voicechat.engine.eventlog import EventLog
from voicechat.engine.link import FromEngine, Meters, Snapshot, Turns

QUIET = -90.0
"""dBFS shown as no sound at all."""
REACTED_MARGIN = 12.0
"""dB above the noise that count as the server's threshold until it has reacted three times."""


class Showing:
    """Sends what changed since the last tick."""

    def __init__(self, talk: Talk, log: EventLog, post: Callable[[FromEngine], None]) -> None:
        self._talk = talk
        self._log = log
        self._post = post
        self._last: Snapshot | None = None
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._reactions: list[float] = []
        self._heard = 0

    def tick(self) -> None:
        """Events, then turns, then the snapshot: whoever reads that an answer is complete has its words already."""
        session = self._talk.session
        now = session.clock()
        if (batch := self._log.take()) is not None:
            self._post(batch)
        self._send_turns(now)
        meters = self._meters()
        snapshot = Snapshot(view(session.state, now, session.policy, meters.clipped), meters)
        if snapshot != self._last:
            self._last = snapshot
            self._post(snapshot)

    def _send_turns(self, now: float) -> None:
        views = turn_views(self._talk.session.state, now)
        # Unchanged views are the same object: a long talk must not be compared field by field 20 times a second.
        changed = tuple(turn for turn in views if self._turns.get(turn.key) is not turn)
        order = tuple(turn.key for turn in views)
        if not changed and order == self._order:
            return
        self._post(Turns(changed, order if order != self._order else None))
        self._turns = {turn.key: turn for turn in views}
        self._order = order

    def _meters(self) -> Meters:
        sound = self._talk.path.snapshot()
        line = self._talk.session.performer.line
        stats = line.stats() if line is not None else None
        has_mic = self._talk.path.mic_name != "none"
        return Meters(
            input=round(sound.in_db, 1) if has_mic else None,
            input_peak=round(sound.in_peak_db, 1) if has_mic else None,
            clipped=round(sound.in_clipped, 3),
            output=round(sound.out_db, 1) if sound.out_db > QUIET else None,
            threshold=round(self._threshold(sound.noise_db, sound.in_db), 1) if has_mic else None,
            rtt=stats.rtt if stats else None,
            underruns=sound.underruns,
            late=sound.late,
            restarts=sound.restarts,
            buffer=stats.buffer if stats else None,
            loss=stats.loss if stats else None,
            concealed=stats.concealed if stats else None,
        )

    def _threshold(self, noise: float, level: float) -> float:
        """The lowest level that made the server react so far; an estimate before three turns."""
        heard = sum(turn.speech_began_ms is not None for turn in self._talk.session.state.conversation.turns[-50:])
        if heard > self._heard:
            self._reactions.append(level)
            del self._reactions[:-20]
        self._heard = heard
        return min(self._reactions) if len(self._reactions) >= 3 else noise + REACTED_MARGIN
