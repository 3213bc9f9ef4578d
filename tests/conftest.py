"""One local server for all tests that talk with the real one: its models take a second to load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from voicechat.local_server.speech.engine import engine_is_missing


@pytest.fixture(scope="session")
def local_url() -> Iterator[str]:
    """Base URL of the real local server in a process of its own."""
    if reason := engine_is_missing():
        pytest.skip(reason)
    flags = ["--port", "0", "--until-stdin-closes", "--brain-url", "none"]
    command = [sys.executable, "-m", "voicechat.local_server", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["base_url"])
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=5)
