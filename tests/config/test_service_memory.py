"""What worked is kept privately, within bounds, and a broken file means that nothing is known."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from voicechat.config.service_memory import MOST, Known, ServiceMemory, place

WORKED = Known("sdp", "webrtc", "ga")


def test_what_worked_is_known_to_the_next_talk(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    assert ServiceMemory(path).remember("http://127.0.0.1:8000/v1/", WORKED) == ""
    assert ServiceMemory(path).known("http://127.0.0.1:8000/v1") == WORKED
    assert ServiceMemory(path).known("http://127.0.0.1:8001/v1") == Known()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_refused_is_forgotten(tmp_path: Path) -> None:
    memory = ServiceMemory(tmp_path / "services.json")
    memory.remember("http://a.example", WORKED)
    memory.forget("http://a.example")
    assert ServiceMemory(tmp_path / "services.json").known("http://a.example") == Known()


def test_the_file_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    memory = ServiceMemory(tmp_path / "services.json")
    for number in range(MOST + 10):
        memory.remember(f"http://h{number}.example", WORKED)
    again = ServiceMemory(tmp_path / "services.json")
    assert again.known("http://h9.example") == Known()
    assert again.known("http://h10.example") == again.known(f"http://h{MOST + 9}.example") == WORKED


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"http://a.example": 4}', '{"http://a.example": {"x": 1}'])
def test_a_file_that_is_not_ours_means_that_nothing_is_known(tmp_path: Path, text: str) -> None:
    path = tmp_path / "services.json"
    path.write_text(text)
    memory = ServiceMemory(path)
    assert memory.known("http://a.example") == Known()
    assert memory.remember("http://a.example", WORKED) == ""
    assert ServiceMemory(path).known("http://a.example") == WORKED


def test_one_bad_entry_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    path.write_text('{"http://a.example": {"handshake": "dance"}, "http://b.example": {"handshake": "sdp"}}')
    assert ServiceMemory(path).known("http://b.example") == Known("sdp")


def test_a_folder_that_cannot_be_written_is_said_and_harms_nobody(tmp_path: Path) -> None:
    memory = ServiceMemory(tmp_path / "gone" / "services.json")
    assert memory.remember("http://a.example", WORKED) != ""
    assert memory.known("http://a.example") == WORKED


def test_secrets_of_an_address_are_not_kept(tmp_path: Path) -> None:
    assert place("https://me:s3cret@Host.example:8443/v1/?code=s3cret#x") == "https://host.example:8443/v1"
    assert place("127.0.0.1:8000") == "://127.0.0.1:8000"
    assert place("http://[bad") == place("") == ""
