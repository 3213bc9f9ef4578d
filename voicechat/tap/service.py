"""The tap's process: the engine's side of the link, with a tap in the place of a talk.

What the screen is told of the newest session; with the next client it begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from voicechat.config.settings import Settings, from_plain
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.user_events import RawEventEntered
from voicechat.core.view import ConnectionView, Lamp, MicView, View
from voicechat.core.viewing import view
from voicechat.engine.link import (
    ClientHello,
    Command,
    Devices,
    FromEngine,
    Goodbye,
    Jumped,
    Meters,
    Snapshot,
    SoundFacts,
    Turns,
)
from voicechat.engine.pipe import TICK, PipeServer, defect_of
from voicechat.engine.showing import Showing
from voicechat.tap.host import TapSettings
from voicechat.tap.model import idle_state
from voicechat.tap.registry import SessionRegistry
from voicechat.tap.server import TapServer
from voicechat.tap.session import Session
from voicechat.tap.sideband import Sideband, sideband_target
from voicechat.tap.upstream import Upstream


def tap_of(
    settings: Settings, wish: TapSettings, environ: Mapping[str, str]
) -> tuple[SessionRegistry, Sideband | TapServer]:
    """What is wished for, to be started. Raises ConfigError, SignallingError."""
    target = sideband_target(settings, environ, wish.attach) if wish.attach else None
    record = Path(wish.record).expanduser() if wish.record else None
    registry = SessionRegistry(Upstream(target.base_url if target else wish.upstream), settings, record=record)
    return registry, Sideband(registry, target, wish.to_send) if target else TapServer(registry, wish.port)


class TapScene:
    """A `Scene` of one session.

    The tapped session as the screen is shown it.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self.clock = clock
        self.sound = SoundFacts()
        self.devices: Devices | None = None
        """The client's devices are its own."""

    @property
    def started_at(self) -> float:
        return self._session.started_at

    @property
    def state(self) -> State:
        return self._session.model.state

    @property
    def policy(self) -> TurnPolicy:
        return self._session.model.policy

    def meters(self, now: float) -> Meters:
        """How loud the client's and the service's sound is."""
        you = self._session.you.look(now)
        return Meters(input=you, input_peak=you, output=self._session.assistant.look(now))


NOT_OURS = "the microphone is the client's"
ONLY_SHOWN = "this screen only shows what passes by"


class ScreenFeed:
    """`tick` many times a second; what is said goes to `post`."""

    def __init__(self, registry: SessionRegistry, post: Callable[[FromEngine], None]) -> None:
        self._registry = registry
        self._post = post
        self._session: Session | None = None
        self._showing: Showing | None = None
        registry.on_session = self._begin

    def waiting(self) -> None:
        """Nobody has called yet."""
        state = idle_state(self._registry.upstream.host)
        seen = view(state, self._registry.clock(), TurnPolicy())
        self._post(Snapshot(replace(seen, mic=clients_mic(seen.mic, False)), Meters()))

    def tick(self) -> None:
        """Time has passed."""
        now = self._registry.clock()
        for session in self._registry.sessions:
            session.tick(now)
        if self._showing is not None:
            self._showing.tick()

    def defect(self, context: Mapping[str, Any]) -> None:
        """An exception nobody expected: its traceback goes to the log, its sentence into the event list."""
        event = defect_of(context)
        if self._session is not None:
            self._session.noted(event["type"], message=event["message"])

    def _begin(self, session: Session) -> None:
        if self._session is not None:
            self._session.post = lambda message: None
        self._session = session
        self._showing = Showing(TapScene(session, self._registry.clock), session.log, self._shown)
        self._post(Jumped(t=0.0, anew=True))
        self._post(Turns((), ()))
        session.post = self._post

    def _shown(self, message: FromEngine) -> None:
        if isinstance(message, Snapshot) and self._session is not None:
            message = replace(message, view=as_tapped(message.view, message.meters, self._session))
        self._post(message)


def as_tapped(seen: View, meters: Meters, session: Session) -> View:
    """The view of a session that is another's: its microphone, and what the tap adds beside its transport."""
    line = replace(with_delays(seen.connection, session), transport=session.caller.transport)
    return replace(seen, mic=clients_mic(seen.mic, meters.input is not None), connection=line)


def clients_mic(mic: MicView, sounds: bool) -> MicView:
    """Nothing of this machine is on the air; the lamps tell of the client's sound."""
    sent: Lamp = "yes" if sounds else "no"
    return MicView(
        state="ended", reason=NOT_OURS, hint=ONLY_SHOWN, turn_mode=mic.turn_mode, lamps=(sent, sent, mic.lamps[2])
    )


def with_delays(line: ConnectionView, session: Session) -> ConnectionView:
    """The connection, with what the tap adds to events and sound."""
    events, audio = session.event_delays.words(), session.audio_delays.words()
    told = [f"events +{events}"] if events else []
    told += [f"sound +{audio}"] if audio else []
    return replace(line, why=", ".join(told))


ONLY_A_TAP = "this is a tap: the client that calls through it acts, not this screen"
ONLY_ATTACHED = "this screen only looks into the call; events of your own can be sent"


class TapService(PipeServer):
    """One screen, one tap."""

    name = "tap"
    _sideband: Sideband | None = None

    async def _serve(self, hello: ClientHello) -> int:
        options = msgspec.convert(hello.settings.get("tap", {}), TapSettings)
        registry, server = tap_of(from_plain(hello.settings), options, os.environ)
        self._sideband = server if isinstance(server, Sideband) else None
        show = ScreenFeed(registry, self.post)
        await server.start()
        self._loop.set_exception_handler(lambda loop, context: show.defect(context))
        show.waiting()
        try:
            while not self._has_ended:
                show.tick()
                await self._rest(TICK)
        finally:
            await server.stop()
            show.tick()
        self.post(Goodbye("ended", exit_code=0))
        return 0

    def _obey(self, command: Command) -> str:
        if self._sideband is None:
            return ONLY_A_TAP
        if not isinstance(command.act, RawEventEntered):
            return ONLY_ATTACHED
        return self._sideband.send(command.act.text)
