"""What the screen is told of the newest session; with the next client it begins anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from voicechat.core.policy import TurnPolicy
from voicechat.core.view import ConnectionView, Lamp, MicView, View
from voicechat.core.viewing import view
from voicechat.engine.eventlog import EventLog
from voicechat.engine.link import FromEngine, Jumped, Meters, Snapshot, Turns
from voicechat.engine.service import note_defect
from voicechat.engine.showing import Showing
from voicechat.tap.desk import Desk
from voicechat.tap.picture import nobody
from voicechat.tap.scene import TapScene
from voicechat.tap.session import Session

NOT_OURS = "the microphone is the client's"
ONLY_SHOWN = "this screen only shows what passes by"


class Show:
    """`tick` many times a second; what is said goes to `post`."""

    def __init__(self, desk: Desk, post: Callable[[FromEngine], None]) -> None:
        self._desk = desk
        self._post = post
        self._session: Session | None = None
        self._showing: Showing | None = None
        desk.on_session = self._begin

    def waiting(self) -> None:
        """Nobody has called yet."""
        state = nobody(self._desk.upstream.host)
        seen = view(state, self._desk.clock(), TurnPolicy())
        self._post(Snapshot(replace(seen, mic=clients_mic(seen.mic, False)), Meters()))

    def tick(self) -> None:
        """Time has passed."""
        now = self._desk.clock()
        for session in self._desk.sessions:
            session.tick(now)
        if self._showing is not None:
            self._showing.tick()

    def defect(self, context: Mapping[str, Any]) -> None:
        """An exception nobody expected: its traceback goes to the log, its sentence into the event list."""
        log = self._session.log if self._session is not None else EventLog()
        note_defect(log.watch, self._desk.clock(), context)

    def _begin(self, session: Session) -> None:
        if self._session is not None:
            self._session.post = lambda message: None
        self._session = session
        self._showing = Showing(TapScene(session, self._desk.clock), session.log, self._shown)
        self._post(Jumped(t=0.0, anew=True))
        self._post(Turns((), ()))
        session.post = self._post

    def _shown(self, message: FromEngine) -> None:
        if isinstance(message, Snapshot) and self._session is not None:
            message = msgspec.structs.replace(message, view=as_tapped(message.view, message.meters, self._session))
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
