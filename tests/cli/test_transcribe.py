"""The command as a shell sees it: stdout, stderr, files and exit statuses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.service import Event
from tests.transcription.scribe import Scribe, encoded, hum, words_of
from voicechat import exit_codes
from voicechat.cli.transcribe import TranscribeOptions, transcribe_command
from voicechat.errors import ConfigError


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp3"
    path.write_bytes(encoded(hum(1.0, 1.0, 1.0, 1.0), "mp3", "libmp3lame", 44_100))
    return path


def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOICECHAT_", "OPENAI_"))}
    return {**kept, "XDG_CONFIG_HOME": str(tmp_path / "config"), "VOICECHAT_API_KEY": "sk-test-0123456789"}


async def command(
    url: str, tmp_path: Path, arguments: Sequence[object], stdin: bytes = b"", interrupt: asyncio.Event | None = None
) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `voicechat transcribe`."""
    service = ("--provider", "custom", "--base-url", url, "--commit", "vad")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicechat", "transcribe", *service, *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(tmp_path),
    )
    async with asyncio.timeout(40):
        if interrupt is not None:
            await interrupt.wait()
            process.send_signal(signal.SIGINT)
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_file_becomes_text_on_stdout_and_a_pipe_sees_nothing_else(talk: Path, tmp_path: Path) -> None:
    async with Scribe().serving() as url:
        assert await command(url, tmp_path, [talk]) == (exit_codes.DONE, "Item 1.\nItem 2.\n", "")


async def test_standard_input_becomes_json(talk: Path, tmp_path: Path) -> None:
    async with Scribe().serving() as url:
        code, out, _ = await command(url, tmp_path, ["-", "--format", "json"], stdin=talk.read_bytes())
    read = json.loads(out)
    assert code == exit_codes.DONE and read["text"] == "Item 1. Item 2." and read["file"] == "standard input"


async def test_of_many_files_into_a_folder_a_failing_one_is_told_and_the_rest_done(talk: Path, tmp_path: Path) -> None:
    bad, other, out = tmp_path / "bad.ogg", tmp_path / "sub" / "talk.wav", tmp_path / "out"
    bad.write_text("no sound")
    other.parent.mkdir()
    other.write_bytes(encoded(hum(1.0, 1.0), "wav", "pcm_s16le"))
    async with Scribe(on_commit=lambda scribe, number: words_of(number, "Words.")).serving() as url:
        files = [talk, bad, tmp_path / "none.wav", other]
        code, said, told = await command(url, tmp_path, [*files, "-f", "srt", "--out", out])
    assert (code, said) == (exit_codes.FAILED_TURN, ""), told
    assert sorted(one.name for one in out.iterdir()) == ["talk-2.srt", "talk.srt"]
    assert (out / "talk.srt").read_text().startswith("1\n00:00:00,000 --> ")
    assert f"voicechat: cannot read {bad} as sound" in told and "none.wav: no such file" in told
    assert told.count("bad.ogg") == 1, "its name once"


async def test_no_connection_is_one_sentence_and_its_own_status(talk: Path, tmp_path: Path) -> None:
    async with Scribe(refuses=401).serving() as url:
        code, out, err = await command(url, tmp_path, [talk, talk])
    assert code == exit_codes.CONNECTION and out == ""
    assert "sk-test" not in err and err.count("Traceback") == 0 and err.count("voicechat:") == 1


async def test_an_interruption_keeps_what_is_done_and_says_so(talk: Path, tmp_path: Path) -> None:
    reached = asyncio.Event()

    def commit(scribe: Scribe, number: int) -> list[Event]:
        if number == 1:
            return words_of(1, "First.")
        reached.set()
        return []

    async with Scribe(on_commit=commit).serving() as url:
        code, out, err = await command(url, tmp_path, [talk], interrupt=reached)
    assert (code, out) == (exit_codes.INTERRUPTED, "First.\n"), err
    assert "interrupted" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (TranscribeOptions(), "nothing to write down"),
        (TranscribeOptions(files=("a.wav",), mic=True), "exclude each other"),
        (TranscribeOptions(files=("a.wav",), commit="never"), "--commit never"),
        (TranscribeOptions(files=("a.wav", "b.wav"), format="vtt"), "several files"),
        (TranscribeOptions(files=("-", "-")), "read once"),
        (TranscribeOptions(files=("a.wav",), out="a.wav"), "overwrite"),
    ],
)
def test_wishes_that_cannot_be_fulfilled_are_told_before_anybody_is_called(
    options: TranscribeOptions, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        transcribe_command({}, None, options)
