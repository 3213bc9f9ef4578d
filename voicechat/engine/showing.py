"""What a client sees of a conversation: a snapshot on change, changed turns, and the events that flowed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from voicechat.core.view import TurnView
from voicechat.core.viewing import turn_views, view
from voicechat.engine.assemble import Talk
from voicechat.engine.eventlog import EventLog
from voicechat.engine.figures import BitRate
from voicechat.engine.link import Devices, EventRow, FromEngine, Meters, Received, SessionShown, Snapshot, Turns
from voicechat.engine.session_showing import SessionShowing
from voicechat.session.ports import ReceiveCounts

QUIET = -90.0
"""dBFS shown as no sound at all."""
REACTED_MARGIN = 12.0
"""dB above the noise that count as the server's threshold until it has reacted three times."""
PACE = 0.075
"""Seconds between snapshots in which only levels and clocks moved; meters are drawn 12 times a second."""


class Showing:
    """Sends what changed since the last tick."""

    def __init__(
        self,
        talk: Talk,
        log: EventLog,
        post: Callable[[FromEngine], None],
        *,
        also: Callable[[tuple[EventRow, ...]], None] = lambda rows: None,
    ) -> None:
        """`also` gets the events of each tick, for whoever follows them without a screen."""
        self._also = also
        self._talk = talk
        self._log = log
        self._post = post
        self._last: Snapshot | None = None
        self._shown_at = -PACE
        self._devices: Devices | None = None
        self._session = SessionShowing()
        self._session_told: SessionShown | None = None
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._reactions: list[float] = []
        self._heard = 0
        self._rate_in, self._rate_out = BitRate(), BitRate()

    def tick(self) -> None:
        """Events, then turns, then the snapshot: whoever reads that an answer is complete has its words already."""
        session = self._talk.session
        now = session.clock()
        if (batch := self._log.take()) is not None:
            self._post(batch)
            self._also(batch.rows)
        self._send_turns(now)
        meters = self._meters(now)
        shown = view(session.state, now, session.policy, meters.clipped)
        snapshot = Snapshot(shown, meters, self._talk.desk.facts)
        if snapshot != self._last and (self._is_news(snapshot) or now - self._shown_at >= PACE):
            self._last, self._shown_at = snapshot, now
            self._post(msgspec.structs.replace(snapshot, t=round(now - self._talk.started_at, 3)))
        devices = self._talk.desk.devices
        if devices is not None and devices != self._devices:
            self._post(devices)
        self._devices = devices
        configured = self._session.now(session.state, session.policy)
        if configured is not self._session_told:
            self._session_told = configured
            self._post(configured)

    def _is_news(self, snapshot: Snapshot) -> bool:
        """A state, not merely a level or a clock: it is shown at the next tick."""
        return self._last is None or _states(snapshot) != _states(self._last)

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

    def _meters(self, now: float) -> Meters:
        sound = self._talk.path.snapshot()
        line = self._talk.session.performer.line
        stats = line.stats() if line is not None else None
        served = self._talk.counters().total
        has_mic = self._talk.path.mic_name != "none"
        return Meters(
            input=round(sound.in_db, 1) if has_mic else None,
            input_peak=round(sound.in_peak_db, 1) if has_mic else None,
            clipped=round(sound.in_clipped, 3),
            output=round(sound.out_db, 1) if sound.out_db > QUIET else None,
            threshold=round(self._threshold(sound.noise_db, sound.in_db), 1) if has_mic else None,
            rtt=stats.rtt if stats else None,
            underruns=served.output_underflows,
            overruns=served.input_overflows,
            late=served.late,
            restarts=served.restarts,
            lost=served.lost,
            buffer=stats.buffer if stats else None,
            loss=stats.loss if stats else None,
            concealed=stats.concealed if stats else None,
            jitter=round(stats.jitter, 3) if stats and stats.jitter is not None else None,
            codec=stats.codec if stats else "",
            kbit_in=self._rate_in.of(stats.bytes_received if stats else None, now),
            kbit_out=self._rate_out.of(stats.bytes_sent if stats else None, now),
            received=received(stats.receive) if stats else None,
        )

    def _threshold(self, noise: float, level: float) -> float:
        """The lowest level that made the server react so far; an estimate before three turns."""
        heard = sum(turn.speech_began_ms is not None for turn in self._talk.session.state.conversation.turns[-50:])
        if heard > self._heard:
            self._reactions.append(level)
            del self._reactions[:-20]
        self._heard = heard
        return min(self._reactions) if len(self._reactions) >= 3 else noise + REACTED_MARGIN


def received(counts: ReceiveCounts) -> Received:
    """The receive path's counts for the link."""
    return Received(
        counts.played,
        counts.fec,
        counts.concealed,
        counts.stretched,
        counts.dropped,
        counts.late,
        round(counts.depth, 3),
        round(counts.target, 3),
    )


def _states(snapshot: Snapshot) -> tuple[object, ...]:
    mic, reply, connection = snapshot.view.mic, snapshot.view.reply, snapshot.view.connection
    asked = snapshot.view.asked
    switches = (mic.turn_mode, mic.barge_in, mic.muted, mic.volume, mic.deafened, mic.lamps)
    return (
        mic.state,
        mic.is_on_air,
        mic.name,
        mic.detail,
        switches,
        reply.state,
        connection.phase,
        snapshot.sound,
        asked,
    )
