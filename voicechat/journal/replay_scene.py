"""The session on a tape at one moment, as the screen is shown it."""

from __future__ import annotations

from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.engine.link import Batch, Devices, EventRow, Meters, SoundFacts
from voicechat.journal.index import Film
from voicechat.journal.tape_sound import LEVEL_EVERY, SILENT, SoundFile

MOST_ROWS = 2_000
"""Rows of one batch."""


class TapeScene:
    """A `Scene` that is wherever `show` has put it."""

    def __init__(self, film: Film, sound: SoundFile | None) -> None:
        self._film = film
        self._sound = sound
        self._shot = film.shot(0.0)
        self.sound = SoundFacts()
        self.devices: Devices | None = None
        """A tape has none to choose from."""

    @property
    def started_at(self) -> float:
        """The clock at session time 0; it is not known before the first line was read."""
        return self._film.zero

    def show(self, t: float) -> None:
        """Be at this moment, which must be developed."""
        self._shot = self._film.shot(t)

    def clock(self) -> float:
        return self._shot.now

    @property
    def state(self) -> State:
        return self._shot.state

    @property
    def policy(self) -> TurnPolicy:
        return self._shot.policy

    def meters(self, now: float) -> Meters:
        """Levels out of the recorded sound; what the line was like is not on a tape."""
        if self._sound is None:
            return Meters()
        t = now - self._film.zero
        you, assistant = self._sound.levels(max(0.0, t - LEVEL_EVERY), max(LEVEL_EVERY, t))
        return Meters(input=_level(you), input_peak=_level(you), output=_level(assistant))


class TapeRows:
    """The rows up to where the replay is, each handed out once."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._told = 0
        self.until = 0

    def back_to_start(self) -> None:
        """Every row is to be told again."""
        self._told = 0

    def take(self) -> Batch | None:
        """The next rows; None when all are told."""
        rows: list[EventRow] = self._film.rows[self._told : min(self.until, self._told + MOST_ROWS)]
        self._told += len(rows)
        return Batch(tuple(rows)) if rows else None

    @property
    def waits(self) -> bool:
        """There is more to take."""
        return self._told < self.until


def _level(levels: bytes) -> float | None:
    """The newest level, dBFS; None for silence."""
    if not levels:
        return None
    level = int.from_bytes(levels[-1:], "little", signed=True)
    return float(level) if level > SILENT else None
