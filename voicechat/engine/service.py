"""One client, one conversation: commands in, snapshots out, and the dead man's switch between them.

A reader thread takes frames off the pipe. Stop and mute are applied to the sound by that thread itself, before the
loop sees them, because the loop may be busy for some milliseconds and silence may not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

import msgspec

from voicechat.config.secrets import with_private
from voicechat.config.settings import from_plain
from voicechat.core import events as on
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.user_events import RecordingToggled, SoundWish
from voicechat.core.view import View
from voicechat.core.viewing import view
from voicechat.engine.assemble import Talk
from voicechat.engine.audience import Audience
from voicechat.engine.control import Control, too_large
from voicechat.engine.debugging import Debugger
from voicechat.engine.eventlog import EventLog
from voicechat.engine.figures import METRICS, BitRate
from voicechat.engine.link import (
    ClientHello,
    Command,
    Devices,
    Goodbye,
    Meters,
    SoundFacts,
)
from voicechat.engine.pipe import TICK, PipeServer, defect_of
from voicechat.engine.ports import Line
from voicechat.engine.problems import Problems
from voicechat.engine.showing import Showing
from voicechat.engine.taping import Taping
from voicechat.errors import AudioDeviceError

QUIET = -90.0
"""dBFS shown as no sound at all."""
REACTED_MARGIN = 12.0
"""dB above the noise that count as the server's threshold until it has reacted three times."""
FIGURES_EVERY = 0.5
"""Seconds between looks at the line's figures, which are shown once or twice a second; levels are drawn with each."""


class TalkScene:
    """The `Scene` of a talk that goes on.

    A running talk as it is shown: its state, and the meters of its sound and its line.
    """

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
        plays = sound.out_db > QUIET and self.state.microphone.lost_at is None  # of a lost device it is the last level
        return msgspec.structs.replace(
            self._figures_of(self._talk.session.performer.line, now),
            input=round(sound.in_db, 1) if has_mic else None,
            input_peak=round(sound.in_peak_db, 1) if has_mic else None,
            clipped=round(sound.in_clipped, 3),
            output=round(sound.out_db, 1) if plays else None,
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
            received=stats.receive if stats else None,
        )

    def _threshold(self, noise: float, level: float) -> float:
        """The lowest level that made the server react so far; an estimate before three turns."""
        heard = sum(turn.speech_began_ms is not None for turn in self._talk.session.state.conversation.turns[-50:])
        if heard > self._heard:
            self._reactions.append(level)
            del self._reactions[:-20]
        self._heard = heard
        return min(self._reactions) if len(self._reactions) >= 3 else noise + REACTED_MARGIN


DEAD_MAN = 3.0
"""So long without a ping closes the mic: the client was stopped (Ctrl+Z) or hangs."""
CLOSING = 1.5
"""Seconds a tidy end may take."""
CHECKS = "problem checks"
"""Two observers of a talk, as a notice names them: they also look at the time that passes."""


class Service(PipeServer):
    """The engine's side of the link."""

    name = "engine"

    def __init__(self, link_in: int, link_out: int) -> None:
        super().__init__(link_in, link_out)
        self._audience = Audience(self.post)
        self.post = self._audience.post
        self._talk: Talk | None = None
        self._showing: Showing | None = None
        self._taping: Taping | None = None
        self._ticks: tuple[Callable[[], None], ...] = ()
        self._attended = True

    async def _serve(self, hello: ClientHello) -> int:
        log = EventLog()
        self._audience.recent = lambda: log.recent
        settings = with_private(from_plain(hello.settings), os.environ)
        talk = Talk(settings, os.environ, shown=hello.turns)
        problems, trace, exporter = Problems(self.post, talk.started_at), None, None
        if settings.otlp:
            from voicechat.engine.otlp import OtlpExporter  # most talks have none

            tell = talk.session.tell
            exporter = OtlpExporter(settings, lambda text: tell(on.SoundNoted(text, "warning", "otlp_failed")))
            trace = exporter.trace(talk.observers, problems, "talk", settings.provider, talk.started_at)
        if hello.muted:
            talk.session.tell(on.MuteChosen(True))
        talk.metrics.post = self.post
        self._talk = talk
        taping = self._taping = Taping(talk, self.post)
        observers = talk.observers
        observers.add("event list", log.watch)
        observers.add(CHECKS, problems.watch)
        observers.add("recording", taping.watch)
        self._ticks = (
            observers.guarded(METRICS, lambda: talk.metrics.tick(talk.clock(), last=self._has_ended)),
            observers.guarded(CHECKS, lambda: problems.tick(talk.clock())),
            *(() if trace is None else (lambda: trace.tick(talk.clock()),)),
        )
        if settings.record:
            taping.begin()

        def end() -> None:
            """Without a client the process ends too; a client is shown that it is over."""
            if self._outlives:
                self._end()
            else:
                talk.session.tell(on.EndAsked())

        debugger = Debugger(talk, log, problems, self._tick_observers, end, is_detached=self._outlives)
        talk.session.on_change = debugger.changed
        observers.add("debug requests", debugger.watch)
        control = Control(lambda: self._seen(talk), talk.session.tell, self._audience, debugger.answer)
        if why := await control.open():
            observers(talk.clock(), "local", {"type": "control.missing", "reason": why})
        followers = observers.guarded("stream of `ctl events`", control.show)
        scene = TalkScene(talk)
        self._showing = Showing(scene, log, self.post, also=followers, suggested=lambda: problems.suggested)
        self._loop.set_exception_handler(lambda loop, context: observers(talk.clock(), "local", defect_of(context)))
        try:
            await self._go_on(talk, self._showing, lambda: self._outlives and debugger.idle_for() > hello.outlives)
        finally:
            self._has_ended = True
            await _wind_up(talk, taping)
            self._showing.tick()
            self._tick_observers()
            if trace is not None and exporter is not None:
                trace.end(talk.clock())
                await asyncio.to_thread(exporter.close)
            await control.close()
        self.post(Goodbye("ended", exit_code=0))
        return 0

    async def _go_on(self, talk: Talk, showing: Showing, is_forgotten: Callable[[], bool]) -> None:
        """Until the end is wanted, or nobody will ever want it. Raises what the start of the talk raised."""
        starting = self._loop.create_task(talk.start())
        try:
            while not (self._has_ended or is_forgotten()):
                showing.tick()
                self._tick_observers()
                self._watch_client(talk)
                if starting.done() and (error := starting.exception()) is not None:
                    raise error
                if talk.is_sound_stuck:
                    raise AudioDeviceError("the sound library hangs", hint="start again", retryable=True)
                await self._rest(TICK)
        finally:
            starting.cancel()

    def _tick_observers(self) -> None:
        for tick in self._ticks:
            tick()

    def _seen(self, talk: Talk) -> tuple[State, View]:
        """The talk as it is now, for whoever asks at the door."""
        session = talk.session
        return session.state, view(session.state, session.clock(), session.policy)

    def _watch_client(self, talk: Talk) -> None:
        attended = self._outlives or self._loop.time() - self._pinged_at < DEAD_MAN
        if attended != self._attended:
            self._attended = attended
            talk.session.tell(on.AttendanceChanged(attended))

    def _pipe_closed(self) -> None:
        if self._talk is not None:
            self._talk.path.close_mic(drop=True)

    def _apply_at_once(self, command: Command) -> None:
        talk = self._talk
        if talk is None:
            return
        match command.act:
            case on.StopPressed():
                talk.path.flush()
            case on.MuteChosen(muted=True):
                talk.path.close_mic(drop=True, is_told=True)

    def _obey(self, command: Command) -> str:
        if self._talk is None:
            return "the conversation has not started yet"
        act = command.act
        if reason := too_large(act):
            return reason
        if isinstance(act, RecordingToggled):
            return self._taping.toggle() if self._taping is not None else ""
        if isinstance(act, SoundWish):
            self._talk.desk.obey(act)
        else:
            self._talk.session.tell(act)
        return ""


async def _wind_up(talk: Talk, taping: Taping) -> None:
    """The microphone first; the tape in any case (R29)."""
    talk.path.close_mic(drop=True)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(talk.close(), CLOSING)
    finally:
        taping.end()
