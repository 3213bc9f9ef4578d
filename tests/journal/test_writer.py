"""A tape is written whole lines at a time, survives the death of its process, and gives way to a bad disk."""

from __future__ import annotations

import errno
import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from voicechat.journal import writer
from voicechat.journal.locks import is_locked
from voicechat.journal.tape import EVENTS_FILE, read_lines
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
