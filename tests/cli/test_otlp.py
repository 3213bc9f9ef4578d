"""`--otlp` for real: a talk through a tap to the local server, each of which sends its own trace of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.collector import collecting, facts, problems_of
from tests.support.command import environ_for, voicechat
from tests.support.forked import Forked
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "voicechat", *arguments]
    environ = {**ENVIRON, "PYTHONPATH": os.getcwd(), "VOICECHAT_API_KEY": "none"}
    return Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def test_talk_tap_and_server_send_a_valid_trace_each_without_a_word() -> None:
    with collecting() as collector:
        server = start("serve", "--brain-url", "none", "--port", "0", "--otlp", collector.url)
        assert server.stdout
        upstream = server.stdout.readline().strip()
        tap = start("tap", "--json", "--upstream", upstream, "--port", "0", "--otlp", collector.url)
        assert tap.stderr
        tap.stderr.readline()
        address = tap.stderr.readline().split()[-1]
        talk = start(
            *("run", "--text", "What is twelve times seven?", "--speaker", "none", "--transport", "websocket"),
            *("--base-url", address, "--otlp", collector.url, "--timeout", "50"),
        )
        said, told = talk.communicate(timeout=60)
        for process in (tap, server):
            process.send_signal(signal.SIGINT)
            _, more = process.communicate(timeout=20)
            told += more
    assert "84" in said and "Traceback" not in told and "traces" not in told, told
    assert problems_of(collector.spans) == []
    roots = [facts(span)["voicechat.via"] for span in collector.spans if not span.parent_span_id]
    assert sorted(roots) == ["serve", "talk", "tap"]
    turns = [facts(span) for span in collector.spans if span.name == "voicechat.turn"]
    assert len(turns) == 3 and len({one["voicechat.turn_id"] for one in turns}) == 1
    assert all(one["gen_ai.usage.output_tokens"] > 0 for one in turns)
    assert b"twelve" not in collector.raw and b"times" not in collector.raw


async def test_a_talk_with_a_dead_collector_is_answered_and_told_of_it_once(tmp_path: Path, local_url: str) -> None:
    texts = ("--text", "What is twelve times seven?", "--text", "Hello")
    flags = ("--speaker", "none", "--base-url", local_url, "--otlp", "http://127.0.0.1:9")
    ran = await voicechat("run", *texts, *flags, environ=environ_for(tmp_path))
    assert ran.code == 0 and "84" in ran.out, ran.err
    assert ran.err.count("does not take the traces") == 1
