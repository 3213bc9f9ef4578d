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
from collections.abc import Iterator, Mapping
from pathlib import Path

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


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """Reads what an engine says, one message at a time."""

    def __init__(self, tmp_path: Path) -> None:
        config = tmp_path / "config.toml"
        config.write_text("")
        flags = {"base_url": f"http://127.0.0.1:{closed_port()}/v1", "mic": "none", "speaker": "none"}
        environ = {**os.environ, "VOICECHAT_STATE_DIR": str(tmp_path), "VOICECHAT_API_KEY": "sk-secret-123456"}
        self.engine = EngineProcess(load_settings(flags, {}, config), environ, ping_every=0.3)
        self.heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
        self.engine.start(self.heard.put)

    def until(self, kind: type[FromEngine] | object) -> FromEngine:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = self.heard.get(timeout=PATIENCE)
            if isinstance(message, kind):  # type: ignore[arg-type]  # a class, or a union of classes
                return message
        raise AssertionError(f"the engine never said {kind}")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    made = Client(tmp_path)
    yield made
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


def test_it_introduces_itself_and_shows_a_refused_line(client: Client) -> None:
    hello = client.until(EngineHello)
    assert isinstance(hello, EngineHello)
    assert hello.pid == client.engine.pid
    while True:
        shown = client.until(Snapshot)
        assert isinstance(shown, Snapshot)
        if shown.view.connection.phase in ("lost", "refused"):
            break
    assert "nothing listens" in shown.view.connection.reason


def test_a_refused_line_is_also_a_finding_with_its_cure(client: Client) -> None:
    finding = client.until(Finding)
    assert isinstance(finding, Finding)
    assert finding.code == "connection-lost" and "nothing listens" in finding.title
    assert finding.cure and finding.evidence[0].ref == "line.failed"


def test_a_command_is_acknowledged(client: Client) -> None:
    client.until(Snapshot)
    client.engine.send(MuteChosen(True))
    assert client.until(Ack) == Ack(client.engine._count, "")
    while True:
        shown = client.until(Snapshot)
        assert isinstance(shown, Snapshot)
        if shown.view.mic.muted:
            break


def test_a_tidy_end_says_goodbye_and_leaves_no_process(client: Client) -> None:
    client.until(Snapshot)
    pid = client.engine.pid
    client.engine.close()
    assert client.until(Goodbye) == Goodbye("ended", exit_code=0)
    assert gone_within(pid, 2.0)


def test_its_death_is_told_with_a_cause_and_it_can_be_restarted(client: Client) -> None:
    client.until(Snapshot)
    os.kill(client.engine.pid, signal.SIGKILL)
    goodbye = client.until(Goodbye)
    assert isinstance(goodbye, Goodbye)
    assert f"was killed by SIGKILL (signal 9); its log: {engine_log()}" in goodbye.cause
    assert goodbye.exit_code == 5
    client.engine.restart()
    assert isinstance(client.until(EngineHello), EngineHello)


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
            assert "Otto" in await talk.ask("What is my name?")
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


def test_nonsense_on_its_stdin_does_not_end_it(client: Client) -> None:
    client.until(Snapshot)
    process = client.engine._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.write(struct.pack("<I", 5) + b"\xff\x00abc")
    client.engine.send(MuteChosen(True))
    assert isinstance(client.until(Ack), Ack)


def test_the_key_is_in_nothing_it_says_or_logs(tmp_path: Path) -> None:
    client = Client(tmp_path)
    said = []
    try:
        client.until(Snapshot)
        client.engine.close()
        while not client.heard.empty():
            said.append(repr(client.heard.get()))
    finally:
        client.engine.close()
    logs = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*.log"))
    assert "sk-secret" not in "".join(said) + logs


def test_an_engine_that_hangs_is_reported_and_so_is_its_return(client: Client) -> None:
    client.until(Snapshot)
    os.kill(client.engine.pid, signal.SIGSTOP)
    try:
        silent = client.until(Unresponsive)
        assert isinstance(silent, Unresponsive) and silent.seconds > 0
    finally:
        os.kill(client.engine.pid, signal.SIGCONT)
    while True:
        again = client.until(Unresponsive)
        if isinstance(again, Unresponsive) and again.seconds == 0:
            return


def test_a_hung_engine_is_replaced_on_restart(client: Client) -> None:
    client.until(Snapshot)
    hung = client.engine.pid
    os.kill(hung, signal.SIGSTOP)
    client.until(Unresponsive)
    client.engine.restart()
    assert client.engine.pid != hung
    assert gone_within(hung, 1.0)
    client.until(EngineHello)


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
