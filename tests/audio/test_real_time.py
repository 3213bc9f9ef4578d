"""What a device's callback may not do: wait, log, or keep memory. And what it counts."""

from __future__ import annotations

import gc
import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from types import FrameType

import numpy as np
import pytest

from tests.audio.sound_machine import FakeOpener, Machine
from tests.support.sources import SteadyTone
from voicechat.audio.stream_counters import GAP, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, StreamCounts

FORBIDDEN = frozenset({"acquire", "__enter__", "write", "print", "open", "sleep", "wait", "flush", "fsync", "join"})
"""Names of built-in functions that wait or talk to the outside."""


FILLED = 1_500
"""Callbacks until everything that remembers the last seconds is full (the longest keeps ten)."""
CALLS = int(os.environ.get("VOICECHAT_CALLS", "5000"))


@pytest.fixture
def talking() -> Machine:
    """Answering, with an open microphone that hears a voice's worth of noise."""
    machine = Machine()
    machine.stream.start()
    machine.path.set_source(SteadyTone(level=0.2))
    machine.path.open_mic(0.0)
    return machine


def call(machine: Machine, heard: np.ndarray[tuple[int, ...], np.dtype[np.float32]], times: int) -> None:
    for index in range(times):
        machine.now += 0.01
        machine.device.call(heard, flags=0)
        if index % 2:
            machine.path.pull()


def test_the_callback_keeps_no_memory(talking: Machine) -> None:
    heard = (np.random.default_rng(1).normal(size=(480, 1)) * 0.05).astype(np.float32)
    tracemalloc.start()  # before the first call, or what replaces older memory would look like growth
    call(talking, heard, FILLED)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    call(talking, heard, CALLS)
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    talking.facts.clear()
    assert after - before < 100_000
    assert peak - before < 1_000_000
    talking.stream.close()


def forbidden_calls(run: Callable[[], object]) -> tuple[int, set[str]]:
    """How many calls were made while this ran, and those that wait, write or log."""
    met: set[str] = set()
    calls = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1
        if event == "c_call" and getattr(argument, "__name__", "") in FORBIDDEN:
            met.add(f"{argument!r} in {frame.f_code.co_qualname}")
        if event == "call" and "logging" in frame.f_code.co_filename:
            met.add(frame.f_code.co_qualname)

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls, met


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_the_callback_neither_waits_for_a_lock_nor_writes_nor_logs(rate: int) -> None:
    machine = Machine(FakeOpener(rate))
    machine.stream.start()
    machine.path.set_source(SteadyTone(level=0.2))
    machine.path.open_mic(0.0)
    heard = np.full((rate // 100, 1), 0.05, dtype=np.float32)
    calls, met = forbidden_calls(lambda: call(machine, heard, 500))
    assert calls > 10_000 and met == set()
    machine.stream.close()
    _, met = forbidden_calls(threading.Lock().acquire)
    assert met, "this test is worth nothing if it cannot fail"


def test_gaps_late_calls_losses_and_restarts_are_counted_over_a_reopening(talking: Machine) -> None:
    for flags in (0, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, GAP):
        talking.now += 0.01
        talking.device.call(flags=flags)
    talking.now += 0.2
    talking.device.call()
    first = talking.stream.counters()
    assert first.total == first.since_reopen
    assert (first.total.callbacks, first.total.late) == (5, 1)
    assert (first.total.input_overflows, first.total.output_underflows) == (2, 2)
    talking.device.finished()
    talking.check(0.1)
    talking.check(0.1)
    talking.device.call(flags=INPUT_OVERFLOW)
    then = talking.stream.counters()
    assert then.since_reopen == StreamCounts(callbacks=1, input_overflows=1, restarts=1, callback_worst=0.0)
    assert then.total == StreamCounts(callbacks=6, late=1, input_overflows=3, output_underflows=2, restarts=1, lost=1)
    assert talking.path.snapshot().late == 4
    talking.stream.close()


def test_the_longest_callback_is_remembered(talking: Machine) -> None:
    class Slow(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
            talking.now += 0.007
            return super().pull(now, samples)

    talking.device.call()
    talking.path.set_source(Slow())
    talking.device.call()
    talking.device.call()
    assert talking.stream.counters().total.callback_worst == pytest.approx(0.007)
    talking.stream.close()
