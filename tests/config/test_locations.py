"""Where our files lie, and where they go when that place cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.cli.doctor_steps import config_checks
from voicechat.config.locations import engine_log, state_dir


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which a file stands where the folder of our logs should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VOICECHAT_STATE_DIR", str(tmp_path / "file" / "voicechat"))
    monkeypatch.setenv("VOICECHAT_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("VOICECHAT_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path


def test_a_home_that_cannot_be_written_costs_the_memory_and_not_the_talk(places: Path) -> None:
    assert state_dir() == places / "run" / "state"
    assert engine_log().parent.is_dir() and state_dir().stat().st_mode & 0o077 == 0


def test_the_doctor_says_where_things_go_instead_and_how_to_change_that(places: Path) -> None:
    (memory,) = [check for check in config_checks(None, None) if check.name == "memory"]
    assert memory.mark == "care" and str(places / "run" / "state") in memory.text
    assert "VOICECHAT_STATE_DIR" in memory.cure


def test_where_nothing_can_be_written_at_all_the_doctor_says_that(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECHAT_RUNTIME_DIR", str(places / "file" / "run"))
    (memory,) = [check for check in config_checks(None, None) if check.name == "memory"]
    assert memory.mark == "bad" and str(places / "file" / "run") in memory.text


def test_a_healthy_folder_is_not_worth_a_word(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECHAT_STATE_DIR", str(places / "state"))
    assert not [check for check in config_checks(None, None) if check.name == "memory"]
    assert state_dir() == places / "state"
