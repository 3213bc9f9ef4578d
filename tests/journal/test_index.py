"""A tape can be looked at in any order, and every moment is as it was."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.random_talk import POLICIES, SCENES
from tests.support.script import Moment, conversation
from tests.support.tapes import LENGTH, call_lines, call_tape, tape_of, write_lines
from voicechat.config.settings import Settings
from voicechat.core.state import State, Wishes
from voicechat.errors import TapeError
from voicechat.journal.index import EVERY, Film
from voicechat.journal.player import Playback, obey
from voicechat.journal.source import open_source
from voicechat.journal.speaker import PlayerProcess
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
