"""The tape's sound: where it is, how loud it was, and what the player makes of it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.tapes import LENGTH, call_tape
from voicechat.errors import TapeError
from voicechat.replaying.player import Playback, obey
from voicechat.replaying.sound_file import SoundFile
from voicechat.replaying.speaker import PlayerProcess


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
