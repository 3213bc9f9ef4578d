"""The process that looks for devices: it tells what changed, and it never outlives whoever asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio.device_watch import DeviceWatch, ServerReports
from voicechat.audio.devices import decoded
from voicechat.audio.sound_server import ask_server

__all__ = ["virtual_audio"]


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as told:
        return [int(word) for word in told.read().split()]


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as told:
            return told.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.audio
def test_whoever_dies_takes_the_watching_process_and_its_helper_with_them(virtual_audio: VirtualAudio) -> None:
    watching = subprocess.Popen(
        (sys.executable, "-P", "-m", "voicechat.audio.device_watch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert watching.stdin is not None and watching.stdout is not None
    listed = decoded(watching.stdout.readline())
    assert listed.default_input == "pulse"
    until(lambda: bool(children_of(watching.pid)), 5.0, "it does not listen to the server")
    (helper,) = children_of(watching.pid)
    watching.stdin.close()
    assert watching.wait(timeout=5.0) == 0
    watching.stdout.close()
    until(lambda: not is_running(helper), 2.0, "its helper lives on")


@pytest.mark.audio
def test_a_server_that_dies_and_returns_is_seen(virtual_audio: VirtualAudio) -> None:
    watch = DeviceWatch()
    watch.start()
    until(lambda: watch.latest is not None and bool(watch.latest.inputs), 5.0, "nothing was listed")
    virtual_audio.stop()
    until(lambda: watch.latest is not None and not watch.latest.inputs, 8.0, "the loss was not seen")
    virtual_audio.start()
    until(lambda: watch.latest is not None and bool(watch.latest.inputs), 8.0, "the return was not seen")
    watch.close()
    watch.close()


def test_programs_that_look_for_devices_get_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pactl").write_text(f"#!/bin/sh\nenv > {tmp_path}/seen.$1\n")
    (tmp_path / "pactl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-here")
    ask_server()
    reports = ServerReports()
    reports.wait(0.5)
    reports.close()
    seen = [(tmp_path / f"seen.{verb}").read_text() for verb in ("info", "list", "subscribe")]
    assert all("PATH=" in text and "sk-never-here" not in text for text in seen)
    DeviceWatch().close()  # one that never started
    watch = DeviceWatch()
    watch.start()
    until(lambda: watch.latest is not None, 8.0, "nothing was listed")
    assert watch._process is not None
    with open(f"/proc/{watch._process.pid}/environ", "rb") as environ:
        assert b"sk-never-here" not in environ.read()
    watch.close()
