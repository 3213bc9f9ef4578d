"""One client, one conversation: commands in, snapshots out, and the dead man's switch between them.

A reader thread takes frames off the pipe. Stop and mute are applied to the sound by that thread itself, before the
loop sees them, because the loop may be busy for some milliseconds and silence may not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from voicechat import __version__
from voicechat.config.private_values import with_private
from voicechat.config.settings import from_plain
from voicechat.core import events as on
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.user_events import RecordingToggled, SoundWish
from voicechat.core.view import View
from voicechat.core.viewing import view
from voicechat.engine.assemble import Talk
from voicechat.engine.audience import Audience
from voicechat.engine.commands import user_event
from voicechat.engine.control import Control
from voicechat.engine.eventlog import EventLog
from voicechat.engine.figures import METRICS, BitRate
from voicechat.engine.link import (
    LINK_VERSION,
    MAX_FRAME,
    Ack,
    Bye,
    ClientHello,
    Command,
    Devices,
    EngineHello,
    FromClient,
    Goodbye,
    Meters,
    Ping,
    Pong,
    Received,
    SoundFacts,
    unpack_from_client,
)
from voicechat.engine.outbox import Outbox
from voicechat.engine.ports import Line, ReceiveCounts
from voicechat.engine.problems import Problems
from voicechat.engine.showing import Showing
from voicechat.engine.taping import Taping
from voicechat.errors import AudioDeviceError, EngineError, VoiceChatError
from voicechat.exit_codes import ENGINE_DIED, exit_code
from voicechat.journal.entry import Happening, Watch
from voicechat.tasks import is_send_after_close

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


TICK = 0.05
"""Snapshots, transcript changes and event batches leave at most 20 times a second."""
DEAD_MAN = 3.0
"""So long without a ping closes the mic: the client was stopped (Ctrl+Z) or hangs."""
LAST_WORDS = 0.3
"""Seconds the last frames may take to leave."""
CLOSING = 1.5
"""Seconds a tidy end may take."""
CHECKS = "problem checks"
"""Two observers of a talk, as a notice names them: they also look at the time that passes."""


class Service:
    """The engine's side of the link."""

    def __init__(self, link_in: int, link_out: int) -> None:
        self._in = link_in
        self._outbox = Outbox(link_out)
        self._audience = Audience(self._outbox.post)
        self.post = self._audience.post
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        self._resting: asyncio.Future[None] | None = None
        self._hello: asyncio.Future[ClientHello | None] = self._loop.create_future()
        self._talk: Talk | None = None
        self._showing: Showing | None = None
        self._taping: Taping | None = None
        self._ticks: tuple[Callable[[], None], ...] = ()
        self._pinged_at = self._loop.time()
        self._attended = True
        self._parent = os.getppid()

    async def run(self) -> int:
        """Serve until the client leaves. Returns the process's exit status."""
        with contextlib.suppress(NotImplementedError):
            self._loop.add_signal_handler(signal.SIGTERM, self._end)
        threading.Thread(target=self._read, name="link-reader", daemon=True).start()
        self.post(EngineHello(LINK_VERSION, os.getpid(), __version__))
        try:
            hello = await self._hello
            return 0 if hello is None else await self._serve(hello)
        except VoiceChatError as error:
            code = exit_code(error)
            cause = " · ".join(part for part in (error.message, error.hint) if part)
            is_stuck = isinstance(error, AudioDeviceError) and error.retryable
            self.post(Goodbye(cause, exit_code=code, restart=is_stuck))
            return code

    def close(self) -> None:
        """Let what was said last reach the client, if it still listens."""
        self._outbox.close(LAST_WORDS)

    def _end(self) -> None:
        """The client is gone, or wants us to be."""
        self._has_ended = True
        if self._resting is not None:
            wake(self._resting)
        if not self._hello.done():
            self._hello.set_result(None)

    async def _serve(self, hello: ClientHello) -> int:
        if hello.version != LINK_VERSION:
            raise EngineError("the engine and the screen are of different versions", hint="start voicechat again")
        log = EventLog()
        self._audience.recent = lambda: log.recent
        problems = Problems(self.post)
        settings = with_private(from_plain(hello.settings), os.environ)
        talk = Talk(settings, os.environ, shown=hello.turns)
        if hello.muted:
            talk.session.tell(on.MuteChosen(True))
        for part in (log, problems):
            part.start_at(talk.started_at)
        talk.metrics.post = self.post
        self._talk = talk
        taping = self._taping = Taping(talk, self.post)
        observers = talk.observers
        observers.add("event list", log.watch)
        observers.add(CHECKS, lambda happening: problems.watch(happening, log.newest))
        observers.add("recording", taping.watch)
        self._ticks = (
            observers.guarded(METRICS, lambda: talk.metrics.tick(talk.clock(), last=self._has_ended)),
            observers.guarded(CHECKS, lambda: problems.tick(talk.clock())),
        )
        if settings.record:
            taping.begin()
        control = Control(lambda: self._seen(talk), talk.session.tell, self._audience)
        if why := await control.open():
            observers(Happening(talk.clock(), "local", {"type": "control.missing", "reason": why}))
        followers = observers.guarded("stream of `ctl events`", control.show)
        scene = TalkScene(talk)
        self._showing = Showing(scene, log, self.post, also=followers, suggested=lambda: problems.suggested)
        self._loop.set_exception_handler(lambda loop, context: note_defect(observers, talk.clock(), context))
        try:
            await self._go_on(talk, self._showing)
        finally:
            self._has_ended = True
            await _wind_up(talk, taping)
            self._showing.tick()
            self._tick_observers()
            await control.close()
        self.post(Goodbye("ended", exit_code=0))
        return 0

    async def _go_on(self, talk: Talk, showing: Showing) -> None:
        """Until the end is wanted. Raises what the start of the talk raised."""
        starting = self._loop.create_task(talk.start())
        try:
            while not self._has_ended:
                showing.tick()
                self._tick_observers()
                self._watch_client(talk)
                if starting.done() and (error := starting.exception()) is not None:
                    raise error
                if talk.is_sound_stuck:
                    raise AudioDeviceError("the sound library hangs", hint="start again", retryable=True)
                await self._rest()
        finally:
            starting.cancel()

    def _tick_observers(self) -> None:
        for tick in self._ticks:
            tick()

    async def _rest(self) -> None:
        """Until the next tick or the end. `asyncio.wait_for` would make a task each time, twenty times a second."""
        self._resting = self._loop.create_future()
        timer = self._loop.call_later(TICK, wake, self._resting)
        try:
            await self._resting
        finally:
            timer.cancel()

    def _seen(self, talk: Talk) -> tuple[State, View]:
        """The talk as it is now, for whoever asks at the door."""
        session = talk.session
        return session.state, view(session.state, session.clock(), session.policy)

    def _watch_client(self, talk: Talk) -> None:
        if os.getppid() != self._parent:  # it died, and somebody else holds the pipe open
            self._end()
        attended = self._loop.time() - self._pinged_at < DEAD_MAN
        if attended != self._attended:
            self._attended = attended
            talk.session.tell(on.AttendanceChanged(attended))

    def _read(self) -> None:
        """On the reader thread, until the pipe ends."""
        for message in frames(self._in):
            if isinstance(message, Command):
                self._apply_at_once(message)
            self._loop.call_soon_threadsafe(self._take, message)
        if self._talk is not None:
            self._talk.path.close_mic(drop=True)
        self._loop.call_soon_threadsafe(self._end)

    def _apply_at_once(self, command: Command) -> None:
        talk = self._talk
        if talk is None:
            return
        if command.name == "StopPressed":
            talk.path.flush()
        elif command.name == "MuteChosen" and command.args.get("muted"):
            talk.path.close_mic(drop=True, is_told=True)

    def _take(self, message: FromClient) -> None:
        self._pinged_at = self._loop.time()
        match message:
            case ClientHello() if not self._hello.done():
                self._hello.set_result(message)
            case Command(id=number):
                self.post(Ack(number, self._obey(message)))
            case Ping(id=number):
                self.post(Pong(number))
            case Bye():
                self._end()
            case _:
                pass

    def _obey(self, command: Command) -> str:
        if self._talk is None:
            return "the conversation has not started yet"
        event = user_event(command.name, command.args)
        if isinstance(event, str):
            return event
        if isinstance(event, RecordingToggled):
            return self._taping.toggle() if self._taping is not None else ""
        if isinstance(event, SoundWish):
            self._talk.desk.obey(event)
        else:
            self._talk.session.tell(event)
        return ""


async def _wind_up(talk: Talk, taping: Taping) -> None:
    """The microphone first; the tape in any case (R29)."""
    talk.path.close_mic(drop=True)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(talk.close(), CLOSING)
    finally:
        taping.end()


def wake(resting: asyncio.Future[None]) -> None:
    """Let whoever rests go on, once."""
    if not resting.done():
        resting.set_result(None)


def note_defect(watch: Watch, now: float, context: Mapping[str, Any]) -> None:
    """An exception nobody expected: the log keeps its traceback, the event list its sentence, and the talk goes on.

    No traceback for what a library still sent to a peer that is gone: the lost line is told by itself.
    """
    error = context.get("exception")
    if isinstance(error, BaseException) and not is_send_after_close(error):
        traceback.print_exception(error, file=sys.stderr)
    told = f"{type(error).__name__}: {error}" if error else str(context.get("message", ""))
    watch(Happening(now, "local", {"type": "engine.defect", "message": told}))


def frames(descriptor: int) -> Iterator[FromClient]:
    """Every message until the pipe ends; what is no message of a client is skipped."""
    with os.fdopen(descriptor, "rb") as stream:
        while len(header := stream.read(4)) == 4:
            (length,) = struct.unpack("<I", header)
            body = stream.read(length) if length <= MAX_FRAME else b""
            if len(body) != length:
                return
            with contextlib.suppress(msgspec.DecodeError):
                yield unpack_from_client(body)


async def serve(link_in: int, link_out: int) -> int:
    """The process edge: whatever goes wrong is told to the client and written to the log."""
    service = Service(link_in, link_out)
    try:
        return await service.run()
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        service.post(Goodbye(f"the engine failed: {type(error).__name__}: {error}", exit_code=ENGINE_DIED))
        return ENGINE_DIED
    finally:
        service.close()
