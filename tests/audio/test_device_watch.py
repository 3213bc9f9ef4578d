"""The process that looks for devices: it tells what changed, and it never outlives whoever asked for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio.device_watch import DeviceWatch
from voicechat.audio.devices import decoded

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


def test_a_watch_that_never_started_can_be_closed() -> None:
    watch = DeviceWatch()
    watch.close()
    assert watch.latest is None
