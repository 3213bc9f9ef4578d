"""The tapped session as the screen is shown it."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.engine.link import Devices, Meters, SoundFacts
from voicechat.tap.session import Session


class TapScene:
    """A `Scene` of one session."""

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
        return self._session.picture.state

    @property
    def policy(self) -> TurnPolicy:
        return self._session.picture.policy

    def meters(self, now: float) -> Meters:
        """How loud the client's and the service's sound is."""
        you = self._session.you.look(now)
        return Meters(input=you, input_peak=you, output=self._session.assistant.look(now))
