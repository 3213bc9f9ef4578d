"""A tape is written whole lines at a time, survives the death of its process, and gives way to a bad disk."""

from __future__ import annotations

import errno
import io
import json
import os
import queue
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.tapes import opening, told_tape, turn, write_lines
from voicechat.errors import ConfigError, TapeError
from voicechat.journal import writer
from voicechat.journal.bundle import Cleaner, Part, machine_parts, readme, talk_parts, write
from voicechat.journal.locks import is_locked
from voicechat.journal.secrets_scan import KEY, leaks, private_values, scrubbed
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE, read_lines, read_tape
from voicechat.journal.tapes import DAY, Limits, find_tape, is_in_use, listed, make_room, tapes_in
from voicechat.journal.writer import LineFile, Stopped, TapeThread

WRITES_FOR_EVER = """
import sys, time
from pathlib import Path
from voicechat.journal.writer import LineFile, TapeThread
lines = LineFile(Path(sys.argv[1]), most=10**9)
thread = TapeThread([lines], print)
for number in range(10**9):
    lines.write({"n": number, "at": time.time(), "text": "x" * 200})
    print(number, flush=True)
    time.sleep(0.002)
"""


def test_a_killed_process_leaves_a_tape_that_lacks_less_than_its_last_second(tmp_path: Path) -> None:
    file = tmp_path / EVENTS_FILE
    process = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, str(file)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 700:
        pass
    assert is_locked(file)
    killed_at = time.time()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    lines = [line for _, line in read_lines(file)]
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert killed_at - lines[-1]["at"] < 1.0
    assert not is_locked(file)


def test_a_tape_is_for_its_owner_alone_and_closed_with_everything_on_it(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a", most=10**6)
    thread = TapeThread([lines], pytest.fail)
    for number in range(1_000):
        lines.write({"n": number})
    assert thread.close()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "a").read_text().splitlines()) == 1_000


def stopped_by(folder: Path, lines: LineFile) -> str:
    reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
    thread = TapeThread([lines], reasons.put)
    for number in range(100):
        lines.write({"n": number})
    reason = reasons.get(timeout=10)
    lines.write({"n": "after"})
    assert thread.close()
    return reason


def test_a_full_disk_ends_the_tape_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LineFile(tmp_path / "a", most=10**6)
    real = os.write
    room = [50]

    def write(descriptor: int, raw: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = real(descriptor, raw[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr("voicechat.journal.writer.os.write", write)
    assert "No space left" in stopped_by(tmp_path, lines)
    monkeypatch.undo()
    assert [line["n"] for _, line in read_lines(tmp_path / "a")] == list(range(6))


def test_a_tape_whose_folder_was_removed_ends(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a", most=10**6)
    (tmp_path / "a").unlink()
    assert stopped_by(tmp_path, lines) == "its folder is gone"


def test_a_tape_of_its_full_size_ends_in_a_whole_line(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a", most=500)
    assert stopped_by(tmp_path, lines) == "it has reached its full size"
    assert (tmp_path / "a").stat().st_size <= 500


def test_a_disk_that_hangs_costs_a_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 50)
    lines = LineFile(tmp_path / "a", most=10**6)
    for number in range(500):
        lines.write({"n": number})
    with pytest.raises(Stopped, match="too slow"):
        lines.flush(last=False)
    lines.close()


def test_what_has_no_form_in_json_leaves_a_line_and_not_a_crash(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a", most=10**6)
    lines.write({"t": 1.0, "event": {"huge": 2**80, "lone": "\ud800"}})
    lines.write({"t": 2.0, "event": {"object": Path("x")}})
    lines.flush(last=True)
    lines.close()
    first, second = map(json.loads, (tmp_path / "a").read_text().splitlines())
    assert first["t"] == 1.0 and "lost" in first
    assert second["event"] == {"object": "x"}


# A folder of tapes keeps within its limits, and loses nothing that is not ours or still in use


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


# A report for a bug holds what explains it, and nothing that is nobody's business


SECRET = "correct-horse-battery-staple"
CLEANER = Cleaner(lambda text: text.replace("/home/anna", "~"), (SECRET,))
LOOKS = [
    "sk-proj-0123456789abcdef",
    "ek_0123456789abcdef",
    "AIza0123456789abcdef0123456789abcdef",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "Bearer 0123456789abcdef",
    "https://anna:hunter2hunter2@example.org",
]


def test_the_tape_in_it_can_be_read_and_tells_no_word(tmp_path: Path) -> None:
    tape = told_tape(tmp_path / "a", [*opening(), *turn(1, "Zebras", "They gallop.")], sound=True)
    parts = list(talk_parts(tape.folder, CLEANER, words=False, audio=False))
    assert [part.name for part in parts] == ["findings.json", "tape/session.jsonl"]
    assert not any(word in part.raw for part in parts for word in (b"Zebras", b"gallop"))
    (tmp_path / "session.jsonl").write_bytes(parts[1].raw)
    assert read_tape(tmp_path / "session.jsonl").head["redacted"] is True


def test_words_and_sound_come_only_when_asked_for(tmp_path: Path) -> None:
    tape = told_tape(tmp_path, [*opening(), *turn(1, f"My key is {SECRET}", "Do not tell.")], sound=True)
    parts = {part.name: part.raw for part in talk_parts(tape.folder, CLEANER, words=True, audio=True)}
    assert b"Do not tell." in parts["transcript.txt"] and b"Do not tell." in parts["tape/session.jsonl"]
    assert parts["tape/audio.wav"][:4] == b"RIFF"
    assert not any(SECRET.encode() in raw for raw in parts.values())
    assert KEY.encode() in parts["transcript.txt"]


def test_the_log_is_cleaned_of_names_and_keys(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"opened /home/anna/x\nAuthorization: Bearer {'a' * 20}\n{SECRET}\n")
    parts = {part.name: part.raw.decode() for part in machine_parts([], {}, log, CLEANER)}
    assert parts["engine.log"] == f"opened ~/x\nAuthorization: {KEY}\n{KEY}\n"
    assert "aiortc" in json.loads(parts["versions.json"])


def test_the_archive_lists_itself(tmp_path: Path) -> None:
    out = io.BytesIO()
    parts = [Part("a.txt", "something", b"x")]
    write([*parts, readme(parts, words=False)], out, (SECRET,))
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["a.txt", "README.txt"]
        assert b"a.txt" in archive.read("README.txt") and b"is not in it" in archive.read("README.txt")


@each("left", [SECRET, *LOOKS])
def test_nothing_is_written_while_a_key_is_left(left: str) -> None:
    out = io.BytesIO()
    with pytest.raises(ConfigError, match=r"x\.json still held"):
        write([Part("x.json", "", json.dumps({"a": left}).encode())], out, (SECRET,))
    assert not out.getvalue()


@given(st.lists(st.sampled_from([SECRET, *LOOKS]) | st.text(max_size=20)))
def test_what_was_scrubbed_never_leaks(pieces: list[str]) -> None:
    assert not leaks(scrubbed(" ".join(pieces), (SECRET,)).encode("utf-8", "replace"), (SECRET,))


def test_ids_of_the_protocol_are_no_keys() -> None:
    told = '{"item_id": "item_85be3725e21457b7a211", "id": "resp_402cdb329ea6c3a0a7cd", "event_id": "event_000001"}'
    assert scrubbed(told, ()) == told


def test_only_private_variables_are_secrets() -> None:
    found = private_values(
        {"OPENAI_API_KEY": "sk-12345678", "MY_TOKEN": "abcdefgh", "HOME": "/home/anna", "X_TOKEN": "a"}
    )
    assert found == ("sk-12345678", "abcdefgh")
