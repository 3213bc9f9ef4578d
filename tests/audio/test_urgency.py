"""The sound's threads are urgent where the system allows it, and go on where it does not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.vaudio import VirtualAudio, virtual_audio
from voicechat.audio.buffering import BALANCED
from voicechat.audio.portaudio import PortAudioOpener, Samples, urgent_threads

__all__ = ["virtual_audio"]

if sys.platform != "linux":
    pytest.skip("other systems make their audio threads urgent themselves", allow_module_level=True)


BEFORE = os.sched_getscheduler(0)
"""The scheduling policy of this thread, which is to be the same after each use."""


def is_allowed() -> bool:
    """Root in a container may lack the right."""
    with urgent_threads() as is_urgent:
        return is_urgent


only_where_allowed = pytest.mark.skipif(not is_allowed(), reason="this system refuses the real-time class")


def policy_of_a_thread_that_begins_here() -> int:
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))
    thread.start()
    thread.join()
    return seen[0]


def threads() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    yield
    assert os.sched_getscheduler(0) == BEFORE


@only_where_allowed
def test_only_threads_that_begin_inside_are_urgent() -> None:
    with pytest.raises(ValueError, match="refused"), urgent_threads() as is_urgent:
        assert is_urgent
        assert policy_of_a_thread_that_begins_here() == os.SCHED_RR
        raise ValueError("refused")
    assert policy_of_a_thread_that_begins_here() == BEFORE


def test_a_system_that_refuses_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(who: int, policy: int, parameters: os.sched_param) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with urgent_threads() as is_urgent:
        assert not is_urgent
        assert policy_of_a_thread_that_begins_here() == BEFORE


@only_where_allowed
@pytest.mark.audio
def test_every_thread_that_carries_the_sound_is_urgent(virtual_audio: VirtualAudio) -> None:
    policies: list[int] = []
    has_run = threading.Event()

    def note(heard: Samples | None, fill: Samples | None, flags: int) -> None:
        if not has_run.is_set():
            policies.append(os.sched_getscheduler(0))
            has_run.set()

    before = threads()
    opened = PortAudioOpener().open("default", "default", BALANCED, callback=note, finished=lambda: None, refresh=True)
    opened.stream.start()
    try:
        assert has_run.wait(5.0)
        begun = {os.sched_getscheduler(thread) for thread in threads() - before}
    finally:
        opened.stream.abort()
        opened.stream.close()
    assert policies == [os.SCHED_RR]
    assert begun == {os.SCHED_RR}
