"""A running talk as it is shown: its state, and the meters of its sound and its line."""

from __future__ import annotations

import msgspec

from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.engine.assemble import Talk
from voicechat.engine.figures import BitRate
from voicechat.engine.link import Devices, Meters, Received, SoundFacts
from voicechat.engine.ports import Line, ReceiveCounts

QUIET = -90.0
"""dBFS shown as no sound at all."""
REACTED_MARGIN = 12.0
"""dB above the noise that count as the server's threshold until it has reacted three times."""
FIGURES_EVERY = 0.5
"""Seconds between looks at the line's figures, which are shown once or twice a second; levels are drawn with each."""


class TalkScene:
    """The `Scene` of a talk that goes on."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._reactions: list[float] = []
        self._heard = 0
        self._rate_in, self._rate_out = BitRate(), BitRate()
        self._figures: tuple[Line | None, float, Meters] | None = None

    @property
    def started_at(self) -> float:
        return self._talk.started_at

    def clock(self) -> float:
        return self._talk.session.clock()

    @property
    def state(self) -> State:
        return self._talk.session.state

    @property
    def policy(self) -> TurnPolicy:
        return self._talk.session.policy

    @property
    def sound(self) -> SoundFacts:
        return self._talk.desk.facts

    @property
    def devices(self) -> Devices | None:
        return self._talk.desk.devices

    def meters(self, now: float) -> Meters:
        """Levels, and how the line is."""
        sound = self._talk.path.snapshot()
        has_mic = self._talk.path.mic_name != "none"
        return msgspec.structs.replace(
            self._figures_of(self._talk.session.performer.line, now),
            input=round(sound.in_db, 1) if has_mic else None,
            input_peak=round(sound.in_peak_db, 1) if has_mic else None,
            clipped=round(sound.in_clipped, 3),
            output=round(sound.out_db, 1) if sound.out_db > QUIET else None,
            threshold=round(self._threshold(sound.noise_db, sound.in_db), 1) if has_mic else None,
        )

    def _figures_of(self, line: Line | None, now: float) -> Meters:
        """Everything but the levels; anew every `FIGURES_EVERY`, and for another line at once."""
        known = self._figures
        if known is None or known[0] is not line or now - known[1] >= FIGURES_EVERY:
            known = self._figures = (line, now, self._line_figures(line, now))
        return known[2]

    def _line_figures(self, line: Line | None, now: float) -> Meters:
        stats = line.stats() if line is not None else None
        served = self._talk.counters().total
        return Meters(
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
