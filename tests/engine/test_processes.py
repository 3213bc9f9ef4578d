"""R29 for the whole tree: screen, engine and local server. Whatever ends the talk, nothing is left 2 s later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.engine.engine_client import EngineClient
from tests.support.command import environ_for
from tests.support.processes import left_after, marked, needs_proc
from tests.support.terminal import Terminal
from tests.support.vaudio import until
from voicechat.core.events import MuteChosen
from voicechat.engine.link import Batch
from voicechat.local_server.speech import engine_is_missing

PATIENCE = 15.0


class Talk:
    """A talk on a screen, with its three processes."""

    def __init__(self, terminal: Terminal, mark: str) -> None:
        self.terminal, self.mark = terminal, mark

    def find(self, module: str) -> int:
        """The process that runs a module; 0 while none does."""
        return next((pid for pid, command in marked(self.mark).items() if f"-m {module}" in command + " "), 0)

    def engine(self) -> int:
        return self.find("voicechat.engine")

    def until_whole(self) -> None:
        self.terminal.until(lambda: len(marked(self.mark)) == 3, f"three processes, there are {marked(self.mark)}")


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    if reason := engine_is_missing():
        pytest.skip(reason)
    for name, value in environ_for(tmp_path).items():
        monkeypatch.setenv(name, value)
    with Terminal([sys.executable, "-m", "voicechat", "--mic=none", "--speaker=none"], kitty=True) as terminal:
        found = Talk(terminal, str(tmp_path))
        found.until_whole()
        yield found


@needs_proc
@pytest.mark.pty
@pytest.mark.parametrize(
    "end",
    [
        lambda terminal: terminal.kill(signal.SIGTERM),
        lambda terminal: terminal.kill(signal.SIGKILL),
        Terminal.hang_up,  # SIGHUP, and the terminal is gone
    ],
    ids=["SIGTERM", "SIGKILL", "closed window"],
)
def test_r29_whatever_ends_the_screen_nothing_is_left(talk: Talk, end: Callable[[Terminal], None]) -> None:
    end(talk.terminal)
    talk.terminal.wait()
    assert left_after(talk.mark) == {}


@needs_proc
@pytest.mark.pty
def test_the_engine_s_death_takes_the_server_along_and_enter_starts_both_again(talk: Talk) -> None:
    dead = talk.engine()
    os.kill(dead, signal.SIGKILL)
    talk.terminal.until_written("signal 9")
    talk.terminal.until(lambda: len(marked(talk.mark)) == 1, "the end of the local server")
    talk.terminal.type(b"\r")
    talk.until_whole()
    assert talk.engine() != dead


@needs_proc
def test_a_sound_probe_that_hangs_ends_with_the_engine_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("import time\nprint('hangs', flush=True)\ntime.sleep(600)\n")
    code = "import asyncio, voicechat.engine.assemble as a; asyncio.run(a.sound_answers())"
    environ = environ_for(tmp_path, PYTHONPATH=str(tmp_path))
    engine = subprocess.Popen([sys.executable, "-P", "-c", code], env=environ)
    try:
        until(lambda: len(marked(str(tmp_path))) == 2, PATIENCE, "the probe never began")
    finally:
        engine.kill()
        engine.wait()
    assert left_after(str(tmp_path)) == {}


def test_a_client_that_stops_pinging_is_unattended_until_it_pings_again(tmp_path: Path) -> None:
    def until(said: str) -> None:
        client.until(Batch, lambda batch: any(said in msgspec.json.encode(row.event).decode() for row in batch.rows))

    with EngineClient(tmp_path) as client:
        until("line.failed")
        client.engine._stop_pings.set()
        until('"attended":false')
        client.engine.send(MuteChosen(False))  # anything it says is a sign of life
        until('"attended":true')
