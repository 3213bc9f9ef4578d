"""A folder of tapes keeps within its limits, and loses nothing that is not ours or still in use."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.tapes import write_lines
from voicechat.errors import TapeError
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE
from voicechat.journal.tapes import DAY, Limits, find_tape, is_in_use, listed, make_room, tapes_in
from voicechat.journal.writer import LineFile

HEAD = {"tape": 1, "started_at": "2026-11-21T10:00:00+00:00", "start": {"wishes": {"model": "m", "provider": "p"}}}


def tape(root: Path, day: int, *, size: int = 1_000, name: str = "") -> Path:
    """Made on the `day`-th of a month, as its name and its age say."""
    folder = root / (name or f"2026-11-{day:02}_10-00-00_abcd")
    write_lines(folder / EVENTS_FILE, [HEAD])
    (folder / AUDIO_FILE).write_bytes(b"x" * size)
    made = time.time() - (30 - day) * DAY
    os.utime(folder / EVENTS_FILE, (made, made))
    return folder


def test_the_oldest_go_until_the_folder_is_small_enough(tmp_path: Path) -> None:
    tapes = [tape(tmp_path, day, size=10_000) for day in (1, 2, 3, 4)]
    assert tapes_in(tmp_path) == tapes[::-1]
    assert make_room(tmp_path, Limits(folder=25_000)) == (tapes[0], tapes[1])
    assert tapes_in(tmp_path) == [tapes[3], tapes[2]] and not tapes[0].exists()


def test_what_is_older_than_the_limit_goes(tmp_path: Path) -> None:
    old, young = tape(tmp_path, 1), tape(tmp_path, 29)
    assert make_room(tmp_path, Limits(age=7 * DAY)) == (old,)
    assert young.exists()


def test_nothing_goes_without_a_limit(tmp_path: Path) -> None:
    tape(tmp_path, 1)
    assert make_room(tmp_path, Limits()) == ()


def test_a_tape_in_use_a_renamed_one_and_foreign_files_stay(tmp_path: Path) -> None:
    busy, kept = tape(tmp_path, 1), tape(tmp_path, 2, name="the one with Anna")
    other = tape(tmp_path, 3)
    (other / "notes.txt").write_text("mine")
    (busy / EVENTS_FILE).unlink()
    lines = LineFile(busy / EVENTS_FILE, most=10_000)
    lines.write(HEAD)
    lines.flush(last=True)
    os.utime(busy / EVENTS_FILE, (1.0, 1.0))
    assert is_in_use(busy)
    assert make_room(tmp_path, Limits(folder=1, age=1.0)) == (other,)
    assert (other / "notes.txt").read_text() == "mine" and busy.exists() and kept.exists()
    lines.close()
    assert not is_in_use(busy)


def test_a_list_says_what_a_tape_is_about(tmp_path: Path) -> None:
    folder = tape(tmp_path, 1)
    heard = "conversation.item.input_audio_transcription.completed"
    write_lines(
        folder / EVENTS_FILE,
        [
            HEAD,
            {"t": 1.0, "dir": "in", "event": {"type": heard, "transcript": " Good\nmorning "}},
            {"t": 2.0, "dir": "in", "event": {"type": "response.done"}},
            {"t": 3.0, "at": 9.0, "input": {"type": "TextEntered", "text": heard}},
            {"t": 4.5, "dir": "local", "event": {"type": "tape.ended"}},
        ],
    )
    told = listed(folder)
    assert (told.turns, told.answers, told.first_words, told.length) == (2, 1, "Good morning", 4.5)
    assert (told.model, told.provider, told.state, told.has_sound, told.can_run) == ("m", "p", "whole", True, True)
    with (folder / EVENTS_FILE).open("ab") as stream:
        stream.write(b'{"t": 5.0, "dir": "in", "eve')
    assert listed(folder).state == "whole"
    write_lines(folder / EVENTS_FILE, [HEAD, {"t": 7.0, "dir": "in", "event": {"type": "x"}}])
    assert (listed(folder).state, listed(folder).length) == ("cut off", 7.0)


def test_a_tape_is_found_by_its_path_its_name_and_as_the_last(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no tape yet"):
        find_tape("last", (tmp_path,))
    first, second = tape(tmp_path, 1), tape(tmp_path, 2)
    assert find_tape(first.name, (tmp_path / "none", tmp_path)) == first
    assert find_tape(str(first), ()) == first
    assert find_tape("last", (tmp_path,)) == second
    with pytest.raises(TapeError, match="there is no tape elsewhere"):
        find_tape("elsewhere", (tmp_path,))
