"""A tape can be looked at in any order, and every moment is as it was."""

from __future__ import annotations

import json
import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.random_talk import POLICIES, SCENES
from tests.support.script import Moment, Recipe, conversation, created, done, transcribed
from tests.support.tapes import LENGTH, call_lines, call_tape, tape_of, write_lines
from voicechat.config.settings import Settings
from voicechat.core import events as on
from voicechat.core.state import State, Wishes
from voicechat.engine.link import Batch, EngineHello, FromEngine, Jumped, Playing, Snapshot, Turns
from voicechat.errors import TapeError
from voicechat.journal.index import EVERY, Film
from voicechat.journal.player import Playback, obey
from voicechat.journal.replay import ReplayEngine
from voicechat.journal.rerun import last_state, rerun
from voicechat.journal.source import open_source
from voicechat.journal.speaker import PlayerProcess
from voicechat.journal.tape import Tape, read_tape
from voicechat.journal.tape_sound import SoundFile

FOREVER = 1e9


def long_talk(folder: Path) -> list[Moment]:
    """A tape of some hundred inputs, and what each of them led to."""
    begin = State(wishes=Wishes(dialect="ga"))
    recipes = [event for _ in range(12) for scene in SCENES for event in scene]
    moments = list(conversation(recipes, POLICIES[0], begin))
    tape_of(moments, begin, POLICIES[0], folder)
    return moments


def film_of(path: Path) -> Film:
    film = Film(open_source(path), Settings())
    film.develop(FOREVER)
    return film


def test_every_moment_is_as_it_was_in_whatever_order_it_is_looked_at(tmp_path: Path) -> None:
    moments = long_talk(tmp_path)
    assert len(moments) > 4 * EVERY
    film = film_of(tmp_path)
    assert not film.problem
    last_at = {round(moment.now, 6): moment.after for moment in moments}  # as times are on a tape
    times = sorted(last_at)
    for t in [*times[::7], *reversed(times[::5]), *times[::11]]:
        assert film.shot(t).state == last_at[t]


def test_what_was_shown_before_a_jump_back_is_shown_again(tmp_path: Path) -> None:
    long_talk(tmp_path)
    film = film_of(tmp_path)
    middle = film.length / 2
    first = film.shot(middle)
    film.shot(film.length)
    film.shot(0.0)
    assert film.shot(middle) == first


def test_events_are_stepped_through_one_by_one(tmp_path: Path) -> None:
    film = film_of(call_tape(tmp_path))
    assert film.event_after(0.0) == 0.5
    assert film.event_after(5.0) == 6.0
    assert film.event_before(5.0) == pytest.approx(3.4)
    assert film.event_before(0.5) is None and film.event_after(LENGTH) is None


def test_a_tape_without_its_start_shows_what_the_wire_tells(tmp_path: Path) -> None:
    film = film_of(call_tape(tmp_path))
    turns = film.shot(LENGTH).state.conversation.turns
    texts = [turn.text for turn in turns if turn.who != "note"]
    assert "What time is it?" in texts and "It is half past nine." in texts
    assert not any(turn.text == "It is half past nine." for turn in film.shot(6.0).state.conversation.turns)
    assert [row.type for row in film.rows][:2] == ["session.created", "conversation.item.create"]


def test_a_log_of_another_client_is_shown_with_its_times(tmp_path: Path) -> None:
    lines = [
        {"timestamp": line["t"] + 1_700_000_000, "direction": "sent" if line["dir"] == "out" else "received",
         "event": line["event"]}
        for line in call_lines()[1:-1]
    ]  # fmt: skip
    log = tmp_path / "client.log"
    log.write_text("\n".join(json.dumps(line) for line in lines))
    film = film_of(log)
    assert film.length == pytest.approx(8.6)
    assert "Hello there, how are you?" in [turn.text for turn in film.shot(film.length).state.conversation.turns]


def test_what_is_neither_tape_nor_log_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Shall I compare thee\nto a summer's day?\n")
    with pytest.raises(TapeError) as refused:
        open_source(tmp_path / "poem.txt")
    assert refused.value.hint
    with pytest.raises(TapeError):
        open_source(tmp_path / "nowhere")


def test_a_tape_that_breaks_off_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    long_talk(tmp_path)
    file = tmp_path / "session.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    place = next(n for n, line in enumerate(lines) if n > len(lines) // 2 and "input" in line)
    lines[place]["input"]["type"] = "FromTheFuture"
    write_lines(file, lines)
    with file.open("ab") as stream:
        stream.write(b'{"t": 99, "dir": "in", "ev')
    film = film_of(tmp_path)
    assert "FromTheFuture" in film.problem and f"line {place + 1}" in film.problem
    assert film.rows and film.shot(film.length).state.conversation.turns


def test_findings_and_figures_stand_as_they_stood_then(tmp_path: Path) -> None:
    lines = call_lines()
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "Unknown parameter: 'session.x'.",
             "param": "session.x", "event_id": "e-3"}  # fmt: skip
    lines.insert(-1, {"t": 9.2, "dir": "in", "event": {"type": "error", "event_id": "event_9", "error": error}})
    write_lines(tmp_path / "session.jsonl", lines)
    film = film_of(tmp_path)
    assert not film.findings_at(9.0)
    assert "unknown-session-field" in {finding.code for finding in film.findings_at(LENGTH).values()}
    assert film.numbers_at(0.2) is None


# The tape's sound: where it is, how loud it was, and what the player makes of it


def sound_of(folder: Path) -> SoundFile:
    return SoundFile(call_tape(folder) / "audio.wav")


def test_samples_are_found_by_session_time(tmp_path: Path) -> None:
    sound = sound_of(tmp_path)
    assert sound.length == pytest.approx(LENGTH)
    assert np.abs(sound.assistant(1.5, 1.6)).max() > 5000 and not np.abs(sound.assistant(4.0, 4.9)).any()
    assert len(sound.between(LENGTH - 0.1, LENGTH + 5.0)) == 2400


def test_a_header_that_was_never_finished_costs_nothing(tmp_path: Path) -> None:
    file = call_tape(tmp_path) / "audio.wav"
    raw = bytearray(file.read_bytes())
    raw[4:8] = raw[40:44] = b"\0\0\0\0"  # the sizes, as a killed recorder leaves them
    file.write_bytes(raw[:-1])
    assert SoundFile(file).length == pytest.approx(LENGTH, abs=0.001)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audio.wav").write_bytes(b"RIFF\0\0\0\0WAVEno sound at all")
    with pytest.raises(TapeError):
        SoundFile(tmp_path / "audio.wav")


def test_both_sides_are_heard_from_the_wanted_moment_until_stopped(tmp_path: Path) -> None:
    playback = Playback(sound_of(tmp_path), 48_000)
    out = np.zeros((960, 2), np.float32)
    obey("play 5.5\n", playback.play, playback.stop)
    playback.fill(None, out, 0)
    assert 0.2 < np.abs(out).max() < 0.4 and np.array_equal(out[:, 0], out[:, 1])
    first = out.copy()
    playback.fill(None, out, 0)
    expected = 10_000 / 32_768 * np.sin(2 * np.pi * 220.0 * (5.52 + np.arange(960) / 48_000))
    assert not np.array_equal(out, first) and np.allclose(out[:, 0], expected, atol=0.01)
    obey("stop", playback.play, playback.stop)
    playback.fill(None, out, 0)
    assert not out.any()


def test_a_player_without_sound_says_why_and_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECHAT_STATE_DIR", str(tmp_path))
    (tmp_path / "audio.wav").write_bytes(b"nothing")
    player = PlayerProcess(tmp_path / "audio.wav")
    player.play(0.0)
    assert player._process is not None and player._process.wait(timeout=20) == 4
    for thread in threading.enumerate():
        if thread.name == "player-reader":
            thread.join(timeout=20)
    assert "no sound" in player.problem and "WAV" in player.problem
    player.close()


# The tape behind the screen: what it delivers, and how it is moved about


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


# What was said can be told again from a tape, with its start or without it


TALK: list[tuple[float, Recipe]] = [
    (0.0, lambda state, now: on.ConnectWanted()),
    (0.1, lambda state, now: on.LineOpened(1, configured=True)),
    (0.5, lambda state, now: on.TextEntered("Is it raining?")),
    (0.2, lambda state, now: created("r1")),
    (0.2, lambda state, now: transcribed("u1", "Hello there")),
    (0.5, lambda state, now: done("r1")),
]


def recorded(folder: Path) -> Tape:
    begin = State(wishes=Wishes(dialect="ga"))
    return tape_of(conversation(TALK, POLICIES[0], begin), begin, POLICIES[0], folder)


def words_of(tape: Tape) -> list[str]:
    past = last_state(tape)
    assert past is not None
    return [turn.text for turn in past.state.conversation.turns if turn.text]


def test_a_tape_tells_what_was_typed_and_said(tmp_path: Path) -> None:
    assert words_of(recorded(tmp_path)) == ["Is it raining?", "Hello there"]


def test_times_grow_and_states_are_those_of_the_talk(tmp_path: Path) -> None:
    pasts = list(rerun(recorded(tmp_path)))
    assert [past.t for past in pasts] == sorted(past.t for past in pasts)
    assert pasts[0].state.connection.phase == "connecting"


def test_without_its_start_the_wire_tells_the_story(tmp_path: Path) -> None:
    tape = recorded(tmp_path)
    lines = [json.loads(line) for line in tape.events_file.read_text().splitlines()]
    del lines[0]["start"]
    write_lines(tape.events_file, [line for line in lines if "input" not in line])
    assert words_of(read_tape(tmp_path)) == ["Hello there"]
