"""`voicechat serve`: prints where it is, explains itself on stderr, ends cleanly on Ctrl+C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.forked import Forked
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
ENVIRON = {**os.environ, "PYTHONPATH": os.getcwd()}


def serve(*flags: str, made: type[subprocess.Popen[str]] = Forked) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "voicechat", "serve", "--brain-url", "none", *flags]
    return made(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON)


def test_serve_prints_its_address_and_ends_cleanly_on_ctrl_c() -> None:
    process = serve("--port", "0", made=subprocess.Popen)
    assert process.stdout
    address = process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, narration = process.communicate(timeout=20)
    assert address.startswith("http://127.0.0.1:") and address.endswith("/v1")
    assert address in narration and "Ctrl+C" in narration
    assert process.returncode == 0 and "Traceback" not in narration


def test_a_taken_port_is_one_sentence_with_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, said = (process := serve("--port", str(taken.getsockname()[1]))).communicate(timeout=20)
    assert process.returncode == 3
    assert "cannot be used" in said and "--port 0" in said and "Traceback" not in said


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    _, said = (process := serve("--port", "0", "--fault", "meteor")).communicate(timeout=20)
    assert process.returncode == 2 and "closes-after" in said
