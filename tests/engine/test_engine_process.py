"""The engine as a real child process: it speaks, obeys, refuses nonsense, and is gone when its client is."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.command import environ_for
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.config.load import load_settings
from voicechat.config.locations import engine_log
from voicechat.core.events import MuteChosen, TextEntered, TurnModeChosen
from voicechat.core.view import TurnView, View
from voicechat.engine.host import EngineProcess, Responses
from voicechat.engine.link import (
    Ack,
    EngineHello,
    Finding,
    FromEngine,
    Goodbye,
    Snapshot,
    Turns,
    Unresponsive,
    pack,
)

PATIENCE = 15.0
Said = TypeVar("Said", bound=FromEngine)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """Keeps what an engine says."""

    def __init__(self, tmp_path: Path) -> None:
        config = tmp_path / "config.toml"
        config.write_text("")
        flags = {"base_url": f"http://127.0.0.1:{closed_port()}/v1", "mic": "none", "speaker": "none"}
        environ = {**os.environ, "VOICECHAT_STATE_DIR": str(tmp_path), "VOICECHAT_API_KEY": "sk-secret-123456"}
        self.engine = EngineProcess(load_settings(flags, {}, config), environ, ping_every=0.3)
        self.heard: list[FromEngine] = []
        self._came: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
        self.engine.start(self._came.put)

    def until(self, kind: type[Said], is_it: Callable[[Said], bool] = lambda message: True, since: int = 0) -> Said:
        """The first such message behind the first `since` of all."""
        deadline = time.monotonic() + PATIENCE
        for place in count(since):
            while len(self.heard) <= place:
                assert time.monotonic() < deadline, f"the engine never said {kind}"
                with suppress(queue.Empty):
                    self.heard.append(self._came.get(timeout=0.5))
            message = self.heard[place]
            if isinstance(message, kind) and is_it(message):
                return message
        raise AssertionError

    def now(self) -> int:
        """How many messages have come, for `since`."""
        while True:
            try:
                self.heard.append(self._came.get_nowait())
            except queue.Empty:
                return len(self.heard)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One client for all tests that leave it with an engine that runs."""
    made = Client(tmp_path_factory.mktemp("engine"))
    try:
        made.until(Snapshot)
        yield made
    finally:
        made.engine.close()


def test_engine_of_another_version_is_named_and_ended(tmp_path: Path) -> None:
    class Newer(EngineProcess):
        def _spawn(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
            says = f"import sys,time; sys.stdout.buffer.write({pack(EngineHello(99, 1, '9.0'))!r}); "
            command = [sys.executable, "-c", says + "sys.stdout.flush(); time.sleep(60)"]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
    engine = Newer(load_settings({}, {}, None), {**os.environ, "VOICECHAT_STATE_DIR": str(tmp_path)})
    engine.start(heard.put)
    goodbye = heard.get(timeout=PATIENCE)
    assert isinstance(goodbye, Goodbye)
    assert "runs voicechat 9.0" in goodbye.cause and "same version" in goodbye.cause
    engine.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        os.sched_yield()
    return False


def test_engine_introduces_itself_and_says_what_is_wrong_with_the_connection(client: Client) -> None:
    assert client.until(Snapshot, lambda shown: "nothing listens" in shown.view.connection.reason)
    finding = client.until(Finding)
    assert finding.code == "connection-lost" and "nothing listens" in finding.title
    assert finding.cure and finding.evidence[0].ref == "line.failed"
    assert client.engine.pid in [message.pid for message in client.heard if isinstance(message, EngineHello)]


def test_nonsense_on_its_stdin_is_ignored_and_the_next_command_obeyed(client: Client) -> None:
    since, process = client.now(), client.engine._process
    assert process is not None and process.stdin is not None
    process.stdin.write(struct.pack("<I", 5) + b"\xff\x00abc")
    client.engine.send(MuteChosen(True))
    assert client.until(Ack, since=since) == Ack(client.engine._count, "")
    client.until(Snapshot, lambda shown: shown.view.mic.muted, since)


def test_a_tidy_end_says_goodbye_and_leaves_no_process_and_no_key(tmp_path: Path) -> None:
    client = Client(tmp_path)
    try:
        client.until(Snapshot)
        pid = client.engine.pid
        client.engine.close()
        assert client.until(Goodbye) == Goodbye("ended", exit_code=0)
        assert gone_within(pid, 2.0)
    finally:
        client.engine.close()
    logs = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*.log"))
    assert client.now() and "sk-secret" not in repr(client.heard) + logs


def test_engine_that_was_killed_is_told_with_a_cause_and_can_be_restarted(client: Client) -> None:
    since = client.now()
    os.kill(client.engine.pid, signal.SIGKILL)
    goodbye = client.until(Goodbye, since=since)
    assert f"was killed by SIGKILL (signal 9); its log: {engine_log()}" in goodbye.cause
    assert goodbye.exit_code == 5
    client.engine.restart()
    client.until(EngineHello, since=since)


def test_engine_that_hangs_is_reported_and_so_is_its_return(client: Client) -> None:
    since = client.now()
    os.kill(client.engine.pid, signal.SIGSTOP)
    try:
        client.until(Unresponsive, lambda told: told.seconds > 0, since)
    finally:
        os.kill(client.engine.pid, signal.SIGCONT)
    client.until(Unresponsive, lambda told: told.seconds == 0, since)


def test_engine_that_hangs_is_replaced_on_restart(client: Client) -> None:
    hung, since = client.engine.pid, client.now()
    os.kill(hung, signal.SIGSTOP)
    client.until(Unresponsive, lambda told: told.seconds > 0, since)
    client.engine.restart()
    assert client.engine.pid != hung
    assert gone_within(hung, 1.0)
    client.until(EngineHello, since=since)


class Talking:
    """An engine that talks with a server, and what it shows."""

    def __init__(self, folder: Path, base_url: str) -> None:
        config = folder / "empty.toml"
        config.write_text("")
        flags = {"provider": "custom", "base_url": base_url, "transport": "websocket", "mic": "none", "speaker": "none"}
        self.engine = EngineProcess(load_settings(flags, {}, config), environ_for(folder))
        self.view = View()
        self.turns: dict[str, TurnView] = {}
        self.has_ended = False
        self.engine.start(self._take)

    def _take(self, message: FromEngine) -> None:
        match message:
            case Snapshot(view=view):
                self.view = view
            case Turns(changed=changed, order=order):
                turns = self.turns | {turn.key: turn for turn in changed}
                self.turns = {key: turns[key] for key in order or self.turns}
            case Goodbye():
                self.has_ended = True
            case _:
                pass

    def said(self) -> list[tuple[str, str]]:
        return [(turn.who, turn.text) for turn in self.turns.values() if turn.who != "note" and not turn.partial]

    async def ask(self, text: str) -> str:
        """The answer to a typed text."""
        await eventually(lambda: self.view.connection.phase == "open", 4 * PATIENCE)
        before = len(self.said())
        self.engine.send(TextEntered(text))
        await eventually(lambda: [who for who, _ in self.said()[before:]] == ["you", "assistant"], 4 * PATIENCE)
        return self.said()[-1][1]


async def test_a_new_engine_continues_the_conversation_of_one_that_was_killed(tmp_path: Path) -> None:
    async with local_server() as server:
        talk = Talking(tmp_path, server.base_url)
        try:
            assert "Otto" in await talk.ask("My name is Otto.")
            talk.engine.send(MuteChosen(True))
            talk.engine.send(TurnModeChosen("push-to-talk"))
            await eventually(lambda: talk.view.mic.muted and talk.view.mic.turn_mode == "push-to-talk", PATIENCE)
            said = talk.said()
            os.kill(talk.engine.pid, signal.SIGKILL)
            await eventually(lambda: talk.has_ended, PATIENCE)
            talk.turns, talk.view = {}, View()
            await asyncio.to_thread(talk.engine.restart)
            await eventually(lambda: talk.turns, 4 * PATIENCE)
            assert talk.said() == said
            assert "Otto" in await talk.ask("What did I say?")
            assert talk.said()[: len(said)] == said
            assert talk.view.mic.muted and talk.view.mic.turn_mode == "push-to-talk"
        finally:
            await asyncio.to_thread(talk.engine.close)


HOLDER = """
import os, subprocess
os.set_inheritable(client.engine._process.stdin.fileno(), True)
holder = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, close_fds=False).pid
"""
"""Somebody else holds the engine's stdin open, so that its end alone would not tell of the client's death."""


@pytest.mark.parametrize("more", ["holder = 0", HOLDER], ids=["its pipe ends", "its pipe stays open"])
def test_r29_it_is_gone_when_its_client_was_killed(tmp_path: Path, more: str) -> None:
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from tests.engine.test_engine_process import Client
from voicechat.engine.link import Snapshot
client = Client(Path({str(tmp_path)!r}))
client.until(Snapshot)
{more}
print(client.engine.pid, holder, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, holder = (int(word) for word in parent.stdout.readline().split())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert gone_within(pid, 2.0)
    finally:
        if holder:
            os.kill(holder, signal.SIGKILL)


def test_silence_is_noticed_within_three_seconds() -> None:
    for last_frame in (0.0, 0.4, 0.99):
        responses = Responses(0.0)
        responses.heard(last_frame)
        noticed = next(now for now in (1.0, 2.0, 3.0, 4.0) if responses.silence(now))
        assert noticed - last_frame <= 3.0
        assert responses.heard(noticed + 0.1)
        assert responses.silence(noticed + 1.0) == 0


def test_a_client_that_was_itself_stopped_reports_no_silence() -> None:
    responses = Responses(0.0)
    responses.heard(0.9)
    assert [responses.silence(now) for now in (1.0, 61.0, 62.0, 63.0)] == [0, 0, 0, 0]
    assert responses.silence(64.0) > 0
