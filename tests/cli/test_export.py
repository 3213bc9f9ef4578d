"""`voicechat export` writes every format, whole or not at all, private, and never over somebody's file."""

from __future__ import annotations

import json
import stat
import wave
from pathlib import Path

import pytest

from tests.support.command import Ran, here
from tests.support.tapes import opening, told_tape, turn


def export(*arguments: str | Path) -> Ran:
    return here("export", *map(str, arguments))


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A talk of one turn, with sound."""
    told_tape(tmp_path / "tape", [*opening(), *turn(1, "Hello there", "Good day to you.", cut=True)], sound=True)
    return tmp_path / "tape"


@pytest.mark.parametrize(
    ("format", "holds"),
    [
        ("md", "**You** `0:00`"),
        ("txt", "You:       Hello there"),
        ("srt", "You: Hello there"),
        ("html", "<!doctype html>"),
        ("jsonl", '"type": "response.created"'),
    ],
)
def test_every_format_can_be_had_on_stdout(tape: Path, format: str, holds: str) -> None:
    result = export(tape, "--format", format, "--out", "-")
    assert result.code == 0
    assert holds in result.out


def test_jsonl_is_what_run_prints(tape: Path) -> None:
    lines = [json.loads(line) for line in export(tape, "--format", "jsonl", "-o", "-").out.splitlines()]
    assert all(set(line) == {"t", "dir", "event"} for line in lines[:-1])
    summary = lines[-1]["summary"]
    assert summary["transcript"][0] == {"who": "you", "text": "Hello there"}
    assert summary["transcript"][1]["cut_by"] == "barge-in"


def test_a_file_is_private_and_never_replaced_unasked(tape: Path, tmp_path: Path) -> None:
    file = tmp_path / "talk.txt"
    assert export(tape, "--format", "txt", "-o", file).out == f"{file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("mine")
    refused = export(tape, "--format", "txt", "-o", file)
    assert refused.code == 2 and "is there already" in refused.err
    assert file.read_text() == "mine"
    export(tape, "--format", "txt", "-o", file, "--force")
    assert "Hello there" in file.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.txt", "tape"]


def test_sound_can_be_had_whole_or_one_side_of_it(tape: Path, tmp_path: Path) -> None:
    for name, channels, side in (("both.wav", 2, []), ("you.wav", 1, ["--side", "you"])):
        export(tape, "--format", "wav", "-o", tmp_path / name, *side)
        with wave.open(str(tmp_path / name)) as made:
            assert made.getnchannels() == channels


def test_redacted_means_no_word_and_no_sound(tape: Path) -> None:
    for format in ("md", "txt", "srt", "html", "jsonl"):
        told = export(tape, "--format", format, "--redact", "-o", "-").out
        assert "Hello" not in told and "Good" not in told
        assert "data:audio" not in told


@pytest.mark.parametrize(
    "arguments",
    [["--format", "pdf"], ["--side", "you"], ["--format", "wav", "--redact"], ["--format", "wav", "--side", "x"]],
)
def test_what_cannot_be_is_refused_with_what_can(tape: Path, arguments: list[str]) -> None:
    refused = export(tape, *arguments)
    assert refused.code == 2 and len(refused.err.splitlines()) >= 2


def test_a_tape_without_sound_has_no_wav(tape: Path, tmp_path: Path) -> None:
    (tape / "audio.wav").unlink()
    refused = export(tape, "--format", "wav", "-o", tmp_path / "x.wav")
    assert refused.code == 2 and "has no sound" in refused.err
    assert not (tmp_path / "x.wav").exists()
