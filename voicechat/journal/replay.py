"""A tape in place of an engine: the screen starts it, gets the same messages, and moves it about.

One thread runs everything: the tape is read a little ahead of need, the clock moves, and with each tick the screen is
told what changed - by the engine's own `Showing`, over states that the core comes to again.

The session on a tape at one moment, as the screen is shown it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable

from voicechat import __version__
from voicechat.config.locations import engine_log
from voicechat.config.settings import Settings
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.core.user_events import UserAct
from voicechat.engine.link import (
    LINK_VERSION,
    Batch,
    Devices,
    EngineHello,
    FromEngine,
    Goodbye,
    Jumped,
    Meters,
    Numbers,
    Playing,
    SoundFacts,
    Turns,
)
from voicechat.engine.showing import Showing
from voicechat.exit_codes import ENGINE_DIED
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry
from voicechat.journal.index import Film
from voicechat.journal.source import Source
from voicechat.journal.speaker import Speaker
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
        rows: list[Entry] = self._film.rows[self._told : min(self.until, self._told + MOST_ROWS)]
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


TICK = 0.05
"""Seconds between two looks, as the engine has it."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
AHEAD = 0.018
"""Seconds of each tick in which the tape is read ahead; the screen wants the rest."""
STRETCH = 0.25
"""Seconds of tape in one tick from which the timeline is told what lay between."""
LINES = 200
"""Lines read at once before anything else is looked at."""
TELL_EVERY = 0.1
"""Seconds between two words on how far the tape has been read, while somebody waits for it."""


class ReplayEngine:
    """Fits the screen's `Engine` and its `Player`. Commands come from any thread; `deliver` is called from ours."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        speaker: Speaker,
        sound: SoundFile | None = None,
        *,
        speed: float = 1.0,
        at: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`speed` 0.25 to 16; `at`: seconds of session time to begin at."""
        self._film = Film(source, settings)
        self._speaker = speaker
        self._sound = sound
        self._clock = clock
        self._scene = TapeScene(self._film, sound)
        self._rows = TapeRows(self._film)
        self._deliver: Callable[[FromEngine], None] = lambda message: None
        self._showing = Showing(self._scene, self._rows, self._post)
        self._at = 0.0
        self._begin = at
        self._speed = min(max(speed, SPEEDS[0]), SPEEDS[-1])
        self._is_paused = False
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._findings: dict[str, Finding] = {}
        self._numbers: Numbers | None = None
        self._told: Playing | None = None

    # the screen's Engine
    def start(self, deliver: Callable[[FromEngine], None]) -> None:
        """Begin to play."""
        self._deliver = deliver
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
        self._thread.start()

    def send(self, event: UserAct) -> None:
        """What was said is said: nothing can be told to a tape."""

    def restart(self) -> None:
        """After its death: from where it was."""
        self.close()  # one thread at a time walks along the tape
        self._begin = self._at
        self.start(self._deliver)

    def close(self) -> None:
        """Stop. May be called twice."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)
        self._speaker.close()

    # the screen's Player
    def toggle(self) -> None:
        """Pause, or go on; at the end, from the start."""
        self._wishes.put(self._toggle)

    def seek_by(self, seconds: float) -> None:
        """So much forward, or back."""
        self._wishes.put(lambda: self._jump(self._at + seconds))

    def seek_to(self, t: float) -> None:
        """To a moment; infinity is the end."""
        self._wishes.put(lambda: self._jump(t))

    def step(self, by: int) -> None:
        """To the next (1) or previous (-1) event, and stay there."""
        self._wishes.put(lambda: self._step(by))

    def faster(self, by: int) -> None:
        """The next speed up (1) or down (-1)."""
        self._wishes.put(lambda: self._change_speed(by))

    # the thread
    def _run(self) -> None:
        self._post(EngineHello(LINK_VERSION, os.getpid(), __version__))
        try:
            self._play()
        except Exception as error:  # the edge of a thread: the screen is told, the log keeps the rest
            with contextlib.suppress(OSError), engine_log().open("a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
            self._post(Goodbye(f"the replay failed: {type(error).__name__}: {error}", exit_code=ENGINE_DIED))

    def _play(self) -> None:
        self._jump(self._begin)
        before = self._clock()
        while not self._ended.is_set():
            self._obey(TICK)
            now = self._clock()
            passed, before = now - before, now
            self._read_ahead()
            if not self._is_paused:
                self._advance(passed * self._speed)
            self._show()

    def _obey(self, within: float) -> None:
        """Wait for wishes so long, and fulfil all that are there."""
        try:
            self._wishes.get(timeout=within)()
            while True:
                self._wishes.get_nowait()()
        except queue.Empty:
            return

    def _read_ahead(self) -> None:
        until = self._clock() + AHEAD
        while not self._film.is_whole and self._clock() < until:
            self._film.develop(self._film.length + 1.0, LINES)

    def _advance(self, seconds: float) -> None:
        start = self._at
        self._at = min(start + seconds, self._film.length)
        self._film.develop(self._at)
        if self._at - start > STRETCH:
            self._post(self._stretch(start, anew=False))
        if self._at >= self._film.length and self._film.is_whole:
            self._pause(True)

    def _jump(self, t: float) -> None:
        start, anew = self._at, False
        if t >= self._film.developed and not self._film.is_whole:
            self._speaker.stop()  # reading on may take seconds, and the sound must not run ahead
        self._read_to(t)
        self._at = min(max(0.0, t), self._film.length)
        if self._at < start:
            anew, start = True, 0.0
            self._rows.back_to_start()
            self._showing = Showing(self._scene, self._rows, self._post)
            self._findings, self._numbers = {}, None
        self._post(self._stretch(start, anew=anew))
        if anew:
            self._post(Turns((), ()))
        self._show()
        self._sound_follows()

    def _read_to(self, t: float) -> None:
        """Read on to a moment, and say how far that is; somebody who leaves is not kept."""
        told_at = self._clock()
        while not self._film.is_whole and self._film.developed <= t and not self._ended.is_set():
            self._film.develop(t, LINES)
            if self._clock() - told_at >= TELL_EVERY:
                told_at = self._clock()
                self._tell("reading the tape")

    def _stretch(self, start: float, *, anew: bool) -> Jumped:
        end = self._at
        first = int(start / LEVEL_EVERY) * LEVEL_EVERY
        levels = self._sound.levels(first, end) if self._sound is not None else (b"", b"")
        return Jumped(end, anew, first, self._film.mic_between(-1.0 if anew else start, end), *levels)

    def _show(self) -> None:
        self._scene.show(self._at)
        self._rows.until = self._film.count_until(self._at)
        self._showing.tick()
        while self._rows.waits and (batch := self._rows.take()) is not None:
            self._post(batch)
        findings = self._film.findings_at(self._at)
        for id, finding in findings.items():
            if self._findings.get(id) is not finding:
                self._post(finding)
        self._findings = findings
        numbers = self._film.numbers_at(self._at)
        if numbers is not None and numbers is not self._numbers:
            self._post(numbers)
        self._numbers = numbers
        self._tell(self._remark())

    def _toggle(self) -> None:
        if self._is_paused and self._at >= self._film.length and self._film.is_whole:
            self._is_paused = False
            self._jump(0.0)
        else:
            self._pause(not self._is_paused)

    def _pause(self, wanted: bool) -> None:
        if wanted != self._is_paused:
            self._is_paused = wanted
            self._sound_follows()

    def _step(self, by: int) -> None:
        self._pause(True)
        if by < 0:
            self._jump(self._film.event_before(self._at) or 0.0)
            return
        while self._film.event_after(self._at) is None and not self._film.is_whole and not self._ended.is_set():
            self._film.develop(self._film.length + 1.0, LINES)
        if (after := self._film.event_after(self._at)) is not None:
            self._jump(after)

    def _change_speed(self, by: int) -> None:
        faster = [speed for speed in SPEEDS if speed > self._speed]
        slower = [speed for speed in SPEEDS if speed < self._speed]
        self._speed = min(faster, default=self._speed) if by > 0 else max(slower, default=self._speed)
        self._sound_follows()

    def _sound_follows(self) -> None:
        if self._is_paused or self._speed != 1.0:
            self._speaker.stop()
        else:
            self._speaker.play(self._at)

    def _remark(self) -> str:
        if self._film.problem:
            return self._film.problem
        if self._speaker.problem:
            return self._speaker.problem
        return "" if self._speed == 1.0 else "silent: sound at ×1 only"

    def _tell(self, remark: str) -> None:
        film = self._film
        known = 1.0 if film.is_whole or not film.length else min(1.0, film.developed / film.length)
        told = Playing(round(self._at, 2), film.length, self._speed, self._is_paused, remark, round(known, 2))
        if told != self._told:
            self._told = told
            self._post(told)

    def _post(self, message: FromEngine) -> None:
        if not self._ended.is_set():
            self._deliver(message)
