"""The private door of a real engine: worked from the shell, watched by a second client, closed to everybody else."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.engine.engine_client import EngineClient
from tests.support.command import Ran, environ_for, voicechat
from tests.support.peers import eventually
from tests.support.vaudio import until
from voicechat.cli.watch import place_of
from voicechat.engine.attach import CUT_OFF, GONE, WatchedEngine
from voicechat.engine.audience import Audience
from voicechat.engine.control import MOST_CONNECTIONS, Control
from voicechat.engine.door import knock
from voicechat.engine.link import Batch, FromEngine, Goodbye, Snapshot, TapeShown
from voicechat.errors import ConfigError, SignallingError
from voicechat.journal.entry import Entry

PATIENCE = 15.0


class Talk(EngineClient):
    """An engine without a service, and the shell beside it."""

    def __init__(self, folder: Path) -> None:
        self.runtime = Path(tempfile.mkdtemp(prefix="vc", dir="/tmp"))  # a socket's path may have 107 characters
        self.runtime.chmod(0o700)
        self.environ = environ_for(folder, VOICECHAT_RUNTIME_DIR=str(self.runtime))
        super().__init__(folder, self.environ)

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        shutil.rmtree(self.runtime, ignore_errors=True)

    def ctl(self, *words: str) -> Ran:
        return asyncio.run(voicechat("ctl", *words, environ=self.environ))

    def knock(self) -> socket.socket:
        return knock(str(self.runtime), self.engine.pid)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """One engine for all that leave it as it was."""
    with Talk(tmp_path_factory.mktemp("talk")) as made:
        made.until(Snapshot)
        yield made


@pytest.fixture
def open_talk(talk: Talk) -> Iterator[Talk]:
    """The same, with a runtime folder that others may enter."""
    door = talk.runtime / f"{talk.engine.pid}.sock"
    mode = door.stat().st_mode
    talk.runtime.chmod(0o755)
    yield talk
    talk.runtime.chmod(0o700)
    door.chmod(mode & 0o777)


def test_the_shell_mutes_the_talk_and_asks_how_it_is(talk: Talk) -> None:
    assert talk.ctl("mute", "on").out == "muted\n"
    talk.until(Snapshot, lambda shown: shown.view.mic.muted)
    facts = json.loads(talk.ctl("status", "--json").out)
    assert facts["muted"] is True
    assert "muted" in talk.ctl("status").out or facts["mic"]


def test_a_command_that_is_none_is_refused_with_a_sentence(talk: Talk) -> None:
    for words in (("launch",), ("ptt", "sideways"), ()):
        result = talk.ctl(*words)
        assert (result.code, result.out) == (2, "")
    assert "usage: ptt down|up|toggle [SECONDS]" in talk.ctl("ptt", "sideways").err
    assert "ctl has no command 'launch'\nUsage: voicechat ctl" in talk.ctl("launch").err


def test_ctl_says_what_the_talk_refused_and_that_nothing_was_to_stop(talk: Talk) -> None:
    refused = talk.ctl("say", "x" * 32_001)
    assert (refused.code, refused.err) == (1, "voicechat: a message may have 32000 characters\n")
    with talk.knock() as door:
        door.sendall(b"say " + b"y" * 300_000 + b"\n")
        assert door.makefile("r").readline() == "error a line may have 262144 bytes\n"
    assert talk.ctl("stop").out == "nothing to stop\n"


def test_ctl_with_two_talks_names_them_and_how_to_choose(talk: Talk, tmp_path: Path) -> None:
    with EngineClient(tmp_path, talk.environ) as other:
        other.until(Snapshot)
        result = talk.ctl("mute", "on")
        assert result.code == 2
        for number in (talk.engine.pid, other.engine.pid):
            assert f"\n  {number}  since " in result.err
        assert f"voicechat ctl --session {other.engine.pid} mute" in result.err
        assert talk.ctl("--session", str(other.engine.pid), "mute", "on").out == "muted\n"


def test_events_are_followed_as_lines_of_json(talk: Talk) -> None:
    with talk.knock() as door:
        door.sendall(b"mute off\nevents\nmute on\n")
        lines = door.makefile("r")
        said = [lines.readline() for _ in range(3)]
        assert "ok\n" in said
        event = next(json.loads(line) for line in lines if "mute.chosen" in line and "true" in line)
    assert event["dir"] == "local"
    assert event["event"]["muted"] is True


def test_without_a_talk_ctl_says_so(tmp_path: Path) -> None:
    result = asyncio.run(voicechat("ctl", "status", environ=environ_for(tmp_path)))
    assert result.code == 3
    assert "no talk is running" in result.err


def test_a_folder_that_others_may_enter_is_not_trusted(open_talk: Talk) -> None:
    result = open_talk.ctl("status")
    assert result.code == 3
    assert "private" in result.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python that every user may run")
def test_another_user_is_sent_away_even_if_the_folder_lets_him_in(open_talk: Talk) -> None:
    door = open_talk.runtime / f"{open_talk.engine.pid}.sock"
    door.chmod(0o666)
    knocks = f"s.connect({str(door)!r}); print(s.recv(200).decode())"
    command = ["/usr/bin/python3", "-I", "-c", f"import socket; s = socket.socket(socket.AF_UNIX); {knocks}"]
    result = subprocess.run(command, user=65534, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "not your talk" in result.stdout


def test_garbage_and_endless_lines_close_one_connection_and_nothing_else(talk: Talk) -> None:
    with talk.knock() as door:
        door.sendall(b"\xff\xfe\x00 nonsense\n")
        assert door.recv(200).startswith(b"error")
    with talk.knock() as door:
        try:
            door.sendall(b"x" * 300_000)
            assert door.recv(200).startswith(b"error a line")
            assert door.recv(200) == b""
        except OSError:
            pass  # closed while we were still shouting
    assert talk.ctl("mute", "off").code == 0


def test_many_connections_do_not_pile_up_and_leave_room_when_they_close(talk: Talk) -> None:
    doors = [talk.knock() for _ in range(MOST_CONNECTIONS)]
    for door in doors:
        door.sendall(b"status\n")
        assert door.recv(400).startswith(b"ok")
    with talk.knock() as one_more:
        assert b"too many" in one_more.recv(200)
    for door in doors:
        door.close()

    def is_served() -> bool:
        with talk.knock() as door:
            door.sendall(b"status\n")
            return door.recv(400).startswith(b"ok")

    until(is_served, PATIENCE, "there is no room again")


@contextmanager
def watching(folder: str, number: int) -> Iterator[list[FromEngine]]:
    """What a read-only viewer is sent."""
    watcher, heard = WatchedEngine(folder, number), list[FromEngine]()
    watcher.connect()
    watcher.start(heard.append)
    try:
        yield heard
    finally:
        watcher.close()


def test_a_second_client_gets_history_and_goodbye_at_a_private_socket(tmp_path: Path) -> None:
    with Talk(tmp_path) as own:
        own.until(Snapshot)
        left = own.runtime / "999999.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(left))
        own.engine.restart()
        since = own.now()
        own.until(Snapshot, since=since)
        assert not left.exists(), "what a killed engine left is removed by the next"
        door = own.runtime / f"{own.engine.pid}.sock"
        assert door.stat().st_mode & 0o077 == 0
        with watching(str(own.runtime), own.engine.pid) as heard:
            until(
                lambda: 0 in [row.seq for one in heard if isinstance(one, Batch) for row in one.rows],
                PATIENCE,
                "history",
            )
            own.ctl("mute", "on")
            until(lambda: any(isinstance(one, Snapshot) and one.view.mic.muted for one in heard), PATIENCE, "a mute")
            own.engine.close()
            until(lambda: Goodbye(GONE) in heard, PATIENCE, "the end")
        assert not door.exists()


def test_a_watcher_that_leaves_ends_nothing(talk: Talk) -> None:
    with watching(str(talk.runtime), talk.engine.pid):
        pass
    assert talk.ctl("status").code == 0


async def unasked(request: str) -> str:
    pytest.fail(f"nobody debugs: {request}")


@asynccontextmanager
async def control_in_this_process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Control, Audience, str]]:
    with tempfile.TemporaryDirectory(prefix="vc", dir="/tmp") as folder:
        monkeypatch.setenv("VOICECHAT_RUNTIME_DIR", folder)
        audience = Audience(lambda message: None)
        control = Control(lambda: pytest.fail("no command is sent"), lambda event: None, audience, unasked)
        assert await control.open() == ""
        yield control, audience, folder
        await control.close()


async def test_a_silent_viewer_stays_longer_than_the_idle_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.engine.control.IDLE", 0.05)
    loop = asyncio.get_running_loop()
    async with control_in_this_process(monkeypatch) as (control, audience, folder):
        watcher, heard = WatchedEngine(folder, os.getpid()), list[FromEngine]()
        await asyncio.to_thread(watcher.connect)
        watcher.start(heard.append)
        reader, writer = await asyncio.open_unix_connection(f"{folder}/{os.getpid()}.sock")
        writer.write(b"events\n")
        assert await reader.readline() == b"ok\n"
        began = loop.time()
        await eventually(lambda: loop.time() - began > 0.3)
        audience.post(TapeShown("later"))
        control.show((Entry(1, 0.5, "in", {"type": "later"}),))
        await eventually(lambda: TapeShown("later") in heard)
        assert json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))["t"] == 0.5
        writer.close()
        watcher.close()


async def test_a_viewer_that_was_cut_off_is_not_told_that_the_talk_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with control_in_this_process(monkeypatch) as (_, audience, folder):
        watcher, heard = WatchedEngine(folder, os.getpid()), list[FromEngine]()
        await asyncio.to_thread(watcher.connect)
        watcher.start(heard.append)
        await eventually(lambda: audience.watchers == 1)
        next(iter(audience._watchers)).transport.abort()
        await eventually(lambda: any(isinstance(message, Goodbye) for message in heard))
        assert heard[-1] == Goodbye(CUT_OFF, exit_code=0)
        watcher.close()


def test_watch_picks_the_talk_that_lives_and_removes_the_socket_of_a_killed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECHAT_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    with pytest.raises(SignallingError, match="no talk is running"):
        place_of(0)
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as killed:
        live.bind(str(tmp_path / "111.sock"))
        live.listen()
        killed.bind(str(tmp_path / "333.sock"))  # the newest, and nothing listens
        assert place_of(0) == (str(tmp_path), 111)
        assert not (tmp_path / "333.sock").exists()
        with socket.socket(socket.AF_UNIX) as second:
            second.bind(str(tmp_path / "222.sock"))
            second.listen()
            monkeypatch.setattr("voicechat.engine.door.PATIENCE", 0.05)
            with pytest.raises(ConfigError) as refused:
                place_of(0)
    assert refused.value.message.startswith("2 talks are running, newest first:\n  222  since ")
    assert "\n  111  since " in refused.value.message
    assert refused.value.hint == "voicechat watch --session 222"


def test_watch_into_a_pipe_writes_a_sentence_and_no_escape_codes(tmp_path: Path) -> None:
    environ = {**os.environ, "VOICECHAT_STATE_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-m", "voicechat", "watch"], env=environ, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert b"watch shows a talk on a terminal" in ran.stderr and b"\x1b" not in ran.stderr
