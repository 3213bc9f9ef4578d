"""The engine as a real child process: it speaks, obeys, refuses nonsense, and is gone when its client is."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.engine.engine_client import EngineClient
from tests.support.command import KEY, logs_of
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.config.load import load_settings
from voicechat.config.locations import engine_log
from voicechat.core.events import MuteChosen, TextEntered, TurnModeChosen
from voicechat.core.view import TurnView
from voicechat.engine.host import EngineProcess, Responses
from voicechat.engine.link import Ack, Batch, EngineHello, FromEngine, Goodbye, Snapshot, Turns, Unresponsive, pack
from voicechat.insight.records import Finding

PATIENCE = 15.0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    """One client for all tests that leave it with an engine that runs."""
    with EngineClient(tmp_path_factory.mktemp("engine"), ping_every=0.3, fresh=True) as made:
        made.until(Snapshot)
        yield made


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


def test_engine_introduces_itself_and_says_what_is_wrong_with_the_connection(client: EngineClient) -> None:
    assert client.until(Snapshot, lambda shown: "nothing listens" in shown.view.connection.reason)
    finding = client.until(Finding)
    assert finding.code == "connection-lost" and "nothing listens" in finding.title
    assert finding.cure and finding.evidence[0].ref == "line.failed"
    assert client.engine.pid in [message.pid for message in client.heard if isinstance(message, EngineHello)]


def test_nonsense_on_its_stdin_is_ignored_and_the_next_command_obeyed(client: EngineClient) -> None:
    since, process = client.now(), client.engine._process
    assert process is not None and process.stdin is not None
    process.stdin.write(struct.pack("<I", 5) + b"\xff\x00abc")
    client.engine.send(MuteChosen(True))
    assert client.until(Ack, since=since) == Ack(client.engine._count, "")
    client.until(Snapshot, lambda shown: shown.view.mic.muted, since)


def test_a_tidy_end_says_goodbye_and_leaves_no_process_and_no_key(tmp_path: Path) -> None:
    with EngineClient(tmp_path) as client:
        client.until(Snapshot)
        pid = client.engine.pid
    assert client.until(Goodbye) == Goodbye("ended", exit_code=0)
    assert gone_within(pid, 2.0)
    assert KEY not in repr(client.heard) + logs_of(tmp_path)


def test_engine_that_was_killed_is_told_with_a_cause_and_can_be_restarted(client: EngineClient) -> None:
    since = client.now()
    os.kill(client.engine.pid, signal.SIGKILL)
    goodbye = client.until(Goodbye, since=since)
    assert f"was killed by SIGKILL (signal 9); its log: {engine_log()}" in goodbye.cause
    assert goodbye.exit_code == 5
    client.engine.restart()
    client.until(EngineHello, since=since)


def test_engine_that_hangs_is_reported_and_so_is_its_return(client: EngineClient) -> None:
    since = client.now()
    os.kill(client.engine.pid, signal.SIGSTOP)
    try:
        client.until(Unresponsive, lambda told: told.seconds > 0, since)
    finally:
        os.kill(client.engine.pid, signal.SIGCONT)
    client.until(Unresponsive, lambda told: told.seconds == 0, since)


def test_engine_that_hangs_is_replaced_on_restart(client: EngineClient) -> None:
    hung, since = client.engine.pid, client.now()
    os.kill(hung, signal.SIGSTOP)
    client.until(Unresponsive, lambda told: told.seconds > 0, since)
    client.engine.restart()
    assert client.engine.pid != hung
    assert gone_within(hung, 1.0)
    client.until(EngineHello, since=since)


def said(client: EngineClient, since: int = 0) -> list[tuple[str, str]]:
    """The transcript by the messages after the first `since`, without notes and what is not finished."""
    turns: dict[str, TurnView] = {}
    for message in client.heard[since : client.now()]:
        if isinstance(message, Turns):
            shown = turns | {turn.key: turn for turn in message.changed}
            turns = {key: shown[key] for key in message.order or turns}
    return [(turn.who, turn.text) for turn in turns.values() if turn.who != "note" and not turn.partial]


async def ask(client: EngineClient, text: str, since: int = 0) -> str:
    """The answer to a typed text."""
    await asyncio.to_thread(client.until, Snapshot, lambda shown: shown.view.connection.phase == "open", since)
    before = len(said(client, since))
    client.engine.send(TextEntered(text))
    await eventually(lambda: [who for who, _ in said(client, since)[before:]] == ["you", "assistant"], 4 * PATIENCE)
    return said(client, since)[-1][1]


async def test_a_new_engine_continues_the_conversation_of_one_that_was_killed(tmp_path: Path) -> None:
    def is_kept(shown: Snapshot) -> bool:
        return shown.view.mic.muted and shown.view.mic.turn_mode == "push-to-talk"

    async with local_server() as server:
        with EngineClient(tmp_path, provider="custom", base_url=server.base_url, transport="websocket") as client:
            assert "Otto" in await ask(client, "My name is Otto.")
            client.engine.send(MuteChosen(True))
            client.engine.send(TurnModeChosen("push-to-talk"))
            await asyncio.to_thread(client.until, Snapshot, is_kept)
            before = said(client)
            os.kill(client.engine.pid, signal.SIGKILL)
            await asyncio.to_thread(client.until, Goodbye)
            since = client.now()
            await asyncio.to_thread(client.engine.restart)
            await asyncio.to_thread(client.until, Turns, lambda turns: True, since)
            assert said(client, since) == before
            assert "Otto" in await ask(client, "What did I say?", since)
            assert said(client, since)[: len(before)] == before
            assert is_kept(client.until(Snapshot, since=client.now()))


HOLDER = """import os, subprocess
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
from tests.engine.engine_client import EngineClient
from voicechat.engine.link import Snapshot
with EngineClient(Path({str(tmp_path)!r}), fresh=True) as client:
    client.until(Snapshot)
{textwrap.indent(more, "    ")}
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


# The real engine process against a real server that misbehaves: the cause arrives as a finding, and no other


def talked(client: EngineClient, expects: bool) -> tuple[list[str], set[int], set[int]]:
    """A typed message, until a finding or the end of its response: codes, the events they name, and those that came."""
    if expects:
        client.until(Snapshot, lambda shown: shown.view.connection.phase in ("open", "refused"))
        client.engine.send(TextEntered("Hello"))
        client.until(Finding)
    else:
        client.until(Snapshot, lambda shown: shown.view.connection.phase == "open")
        client.engine.send(TextEntered("Hello"))
        client.until(Snapshot, lambda shown: shown.view.completed > 0)
    found = [message for message in client.heard if isinstance(message, Finding)]
    rows = [row.seq for message in client.heard if isinstance(message, Batch) for row in message.rows]
    return [one.code for one in found], {mark.seq for one in found for mark in one.evidence}, set(rows)


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("unauthorised", ["auth-failed"]),
        ("quota", ["quota-or-billing"]),
        ("fails-responses", ["response-failed"]),
        ("error=session_limit_reached", ["session-limit"]),
        ("", []),
    ],
)
async def test_the_cause_of_a_fault_arrives_after_its_events(fault: str, codes: list[str], tmp_path: Path) -> None:
    async with local_server(fault=fault) as server:
        with EngineClient(tmp_path, base_url=server.base_url) as client:
            found, named, came = await asyncio.to_thread(talked, client, bool(codes))
    assert found == codes
    assert named <= came, "evidence comes after the events it names"
