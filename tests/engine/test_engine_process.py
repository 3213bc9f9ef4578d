"""The engine as a real child process: it speaks, obeys, refuses nonsense, and is gone when its client is."""

from __future__ import annotations

import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicechat.config.load import load_settings
from voicechat.core.events import MuteChosen
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Ack, EngineHello, Finding, FromEngine, Goodbye, Snapshot

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
        self.engine = EngineProcess(load_settings(flags, {}, config), environ)
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
    assert "signal 9" in goodbye.cause
    assert goodbye.exit_code == 5
    client.engine.restart()
    assert isinstance(client.until(EngineHello), EngineHello)


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
