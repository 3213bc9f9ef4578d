"""`voicechat --plain` as a program: in a pipe with the real local server, and in a terminal."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.command import LIMIT, Ran, environ_for, started
from tests.support.processes import left_after, needs_proc
from tests.support.terminal import Terminal
from voicechat.exit_codes import CONNECTION, DONE, INTERRUPTED, USAGE
from voicechat.local_server.speech import engine_is_missing

needs_local = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")


async def piped(words: str, *flags: str, environ: Mapping[str, str]) -> Ran:
    """`echo WORDS | voicechat FLAGS | cat`."""
    async with asyncio.timeout(LIMIT), started(*flags, environ=environ, forked=True, stdin=PIPE) as process:
        out, err = await process.communicate(words.encode())
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@needs_local
async def test_echo_into_voicechat_is_answered_and_ends(tmp_path: Path, local_url: str) -> None:
    flags = ("--plain", "--speaker", "none", "--base-url", local_url)
    ran = await piped("What is twelve times seven?\n", *flags, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    *_, you, answer = ran.out.splitlines()
    assert you == "[you] What is twelve times seven?"
    assert "84" in answer or "eighty" in answer
    assert "\x1b" not in ran.out and ran.err == ""


@needs_local
async def test_without_a_terminal_a_chat_is_plain_and_says_so(tmp_path: Path, local_url: str) -> None:
    flags = ("--output", "text", "--speaker", "none", "--base-url", local_url)
    ran = await piped("What is five plus four?\nWhat is two plus two?\n", *flags, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert ran.err == "voicechat: the output is not a terminal: using plain lines (--plain)\n"
    assert [line[:5] for line in ran.out.splitlines()[-4:]][::2] == ["[you]", "[you]"]


async def test_a_pipe_that_says_nothing_is_told_so(tmp_path: Path) -> None:
    flags = ("--plain", "--provider", "custom", "--base-url", "http://127.0.0.1:9", "--speaker", "none")
    ran = await piped("", *flags, environ=environ_for(tmp_path))
    assert ran.code == USAGE
    assert "nothing was said" in ran.out


async def test_a_service_that_is_not_there_has_its_own_status(tmp_path: Path) -> None:
    flags = ("--plain", "--provider", "custom", "--base-url", "http://127.0.0.1:9", "--speaker", "none")
    ran = await piped("hello\n", *flags, environ=environ_for(tmp_path))
    assert ran.code == CONNECTION, ran
    assert "[line] " in ran.out


@needs_proc
@needs_local
@pytest.mark.pty
@pytest.mark.parametrize("ending", [b"\x03", b"\x04", b"quit\n"], ids=["ctrl-c", "ctrl-d", "quit"])
def test_in_a_terminal_it_talks_in_lines_and_leaves_nothing(
    tmp_path: Path, local_url: str, monkeypatch: pytest.MonkeyPatch, ending: bytes
) -> None:
    for name, value in environ_for(tmp_path).items():
        monkeypatch.setenv(name, value)
    flags = ["--plain", "--mic", "none", "--speaker", "none", "--output", "text", "--base-url", local_url]
    with Terminal([sys.executable, "-m", "voicechat", *flags], kitty=False) as terminal:
        terminal.until_written("connected")
        terminal.type(b"What is five plus four?\n")
        terminal.until(lambda: b"9" in terminal.written.split(b"four?")[-1], "the answer")
        terminal.type(ending)
        assert terminal.wait() == (INTERRUPTED if ending == b"\x03" else DONE)
        written = terminal.written
    assert written.count(b"What is five plus four?") == 1, "typed words are on the screen already"
    assert b"\x1b[?" not in written and b"\x1b[36m[" in written
    assert left_after(str(tmp_path)) == {}
