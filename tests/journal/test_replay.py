"""The tape behind the screen: what it delivers, and how it is moved about."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tapes import LENGTH, call_tape
from voicechat.config.settings import Settings
from voicechat.engine.link import Batch, EngineHello, FromEngine, Jumped, Playing, Snapshot, Turns
from voicechat.journal.replay import ReplayEngine
from voicechat.journal.source import open_source
from voicechat.journal.tape_sound import SoundFile

PATIENCE = 20.0


class Loudspeaker:
    """Writes down what it was told."""

    def __init__(self) -> None:
        self.problem = ""
        self.told: list[float | str] = []

    def play(self, at: float) -> None:
        self.told.append(round(at, 3))

    def stop(self) -> None:
        self.told.append("stop")

    def close(self) -> None:
        self.told.append("close")


class Watching:
    """Everything a replay has delivered, and the speaker it has."""

    def __init__(self, folder: Path, *, speed: float = 1.0, at: float = 0.0) -> None:
        source = open_source(call_tape(folder))
        assert source.audio_file is not None
        self.speaker = Loudspeaker()
        self.now = 0.0
        self.engine = ReplayEngine(
            source, Settings(), self.speaker, SoundFile(source.audio_file), speed=speed, at=at, clock=lambda: self.now
        )
        self.seen: list[FromEngine] = []
        self._new: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
        self.engine.start(self._new.put)

    def until(self, is_it: Callable[[FromEngine], bool]) -> list[FromEngine]:
        """What is delivered up to such a message."""
        came: list[FromEngine] = []
        while not came or not is_it(came[-1]):
            came.append(self._new.get(timeout=PATIENCE))
        self.seen += came
        return came

    def at(self, t: float) -> list[FromEngine]:
        """What is delivered until the replay says that it is there."""
        return self.until(lambda one: isinstance(one, Playing) and abs(one.at - t) < 0.006)


@contextmanager
def watching(folder: Path, *, speed: float = 1.0, at: float = 0.0) -> Iterator[Watching]:
    watched = Watching(folder, speed=speed, at=at)
    try:
        yield watched
    finally:
        watched.engine.close()


def texts(messages: list[FromEngine]) -> list[str]:
    return [turn.text + turn.rest for one in messages if isinstance(one, Turns) for turn in one.changed]


def rows(messages: list[FromEngine]) -> list[int]:
    return [row.seq for one in messages if isinstance(one, Batch) for row in one.rows]


def test_the_screen_is_told_what_an_engine_would_have_told_it(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        first = replay.at(0.0)
        assert isinstance(first[0], EngineHello)
        assert any(isinstance(one, Snapshot) for one in first)
        replay.now += 2.5
        came = replay.at(2.5)
        assert "Hello there, how are you?" in texts(came)
        assert rows(came) == list(range(len(rows(came)))) and rows(came)


def test_the_clock_goes_as_fast_as_is_wanted(tmp_path: Path) -> None:
    with watching(tmp_path, speed=4.0, at=1.0) as replay:
        replay.at(1.0)
        replay.now += 0.5
        replay.at(3.0)
        replay.engine.faster(-1)
        replay.until(lambda one: isinstance(one, Playing) and one.speed == 2.0)
        replay.now += 0.5
        replay.at(4.0)


def test_a_pause_holds_everything_and_the_end_is_one(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        replay.at(0.0)
        replay.engine.toggle()
        replay.until(lambda one: isinstance(one, Playing) and one.is_paused)
        replay.now += 100.0
        replay.engine.seek_to(math.inf)
        replay.at(LENGTH)
        replay.engine.toggle()
        again = replay.at(0.0)
        assert isinstance(again[-1], Playing) and not again[-1].is_paused


def test_a_seek_backwards_replaces_what_is_shown(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        replay.engine.toggle()
        replay.engine.seek_to(8.0)
        there = replay.at(8.0)
        replay.engine.seek_by(-4.0)
        back = replay.at(4.0)
        jumped = [one for one in back if isinstance(one, Jumped)]
        assert [one.anew for one in jumped] == [True]
        assert rows(back) == [seq for seq in rows(there) if seq < len(rows(back))]
        assert "It is half past nine." in texts(there) and "It is half past nine." not in texts(back)
        order = [one.order for one in back if isinstance(one, Turns)]
        assert order[0] == ()  # what is not said yet leaves the transcript


def test_a_jump_tells_the_timeline_what_lay_between(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        replay.at(0.0)
        replay.engine.seek_to(7.0)
        came = replay.at(7.0)
        jumped = next(one for one in came if isinstance(one, Jumped))
        assert (jumped.start, jumped.anew, len(jumped.you)) == (0.0, False, 140)
        you = [level - 256 if level > 127 else level for level in jumped.you]
        assert max(you[:100]) < -60 < -20 < min(you[102:118])


def test_one_event_at_a_time(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        replay.at(0.0)
        replay.engine.step(1)
        replay.at(0.5)
        replay.engine.step(1)
        stepped = replay.at(1.0)
        assert isinstance(stepped[-1], Playing) and stepped[-1].is_paused
        replay.engine.step(-1)
        replay.at(0.5)


def test_the_sound_goes_where_the_replay_goes_and_at_its_own_speed_only(tmp_path: Path) -> None:
    with watching(tmp_path) as replay:
        replay.at(0.0)
        replay.engine.seek_to(3.0)
        replay.at(3.0)
        replay.engine.toggle()
        replay.until(lambda one: isinstance(one, Playing) and one.is_paused)
        assert replay.speaker.told[-2:] == [3.0, "stop"]
        replay.engine.toggle()
        replay.until(lambda one: isinstance(one, Playing) and not one.is_paused)
        assert replay.speaker.told[-1:] == [3.0]
        replay.engine.faster(1)
        told = replay.until(lambda one: isinstance(one, Playing) and one.speed == 2.0)[-1]
        assert isinstance(told, Playing) and "silent" in told.remark
        assert replay.speaker.told[-1:] == ["stop"]
    assert replay.speaker.told[-1:] == ["close"]
