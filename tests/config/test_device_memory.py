"""What was chosen on the screen is there again in the next talk, and never in the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from voicechat.config.device_memory import LONGEST_NAME, DeviceMemory, read_memory, write_memory


def test_a_choice_is_read_again_by_name(tmp_path: Path) -> None:
    kept = DeviceMemory("Blue Yeti “stage”\\left", "Lautsprecher \U0001f50a")
    assert write_memory(tmp_path / "devices.json", kept) == ""
    assert read_memory(tmp_path / "devices.json") == kept
    assert os.listdir(tmp_path) == ["devices.json"]


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    write_memory(tmp_path / "devices.json", DeviceMemory("x"))
    assert stat.S_IMODE((tmp_path / "devices.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"mic": 3}', b"\xff\xfe", b"x" * 100_000])
def test_a_file_that_is_not_ours_means_nothing_is_remembered(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "devices.json").write_bytes(content)
    assert read_memory(tmp_path / "devices.json") == DeviceMemory()
    assert read_memory(tmp_path / "nowhere") == DeviceMemory()


@pytest.mark.parametrize(
    ("mic", "kept"),
    [("Yeti", "Yeti"), ("", "before"), ("default", ""), ("none", "before"), ("x" * (LONGEST_NAME + 1), "before")],
)
def test_following_the_system_forgets_and_switching_off_is_not_kept(mic: str, kept: str) -> None:
    assert DeviceMemory("before", "loud").with_choice(mic, "") == DeviceMemory(kept, "loud")


def test_a_folder_that_cannot_be_written_is_a_reason_and_no_exception(tmp_path: Path) -> None:
    assert write_memory(tmp_path / "missing" / "devices.json", DeviceMemory("x")) != ""
