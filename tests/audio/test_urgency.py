"""The audio thread is urgent where the system allows it, and goes on where it does not."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from voicechat.audio.urgency import NICE, go_first

only_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems make their audio threads urgent themselves"
)


def niceness_of_an_urgent_thread() -> int:
    seen: list[int] = []

    def run() -> None:
        go_first()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen[0]


@only_linux
def test_only_the_thread_that_asks_becomes_urgent() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness_of_an_urgent_thread() in (NICE, before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@only_linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="allowed to root alone")
def test_root_gets_it() -> None:
    assert niceness_of_an_urgent_thread() == NICE


def test_a_system_that_refuses_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, who: int, priority: int) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "setpriority", refuse, raising=False)
    go_first()
