"""A sound device that is lost, hangs, spins or comes back, and what the talk notices of it."""

from __future__ import annotations

import gc
import os
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np
import pytest

from tests.support.sources import SteadyTone
from tests.support.speech import Sound
from tests.support.vaudio import until
from voicechat.audio.blocks import Frame
from voicechat.audio.buffering import Buffering
from voicechat.audio.devices import BLUETOOTH_NOTE, Device, DeviceList
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.open import BACK_OFF, DuplexStream
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import Callback, OpenStream, StreamTimes
from voicechat.audio.stream_counters import GAP, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, StreamCounts
from voicechat.audio.stream_watchdog import Stutter
from voicechat.core import events as on
from voicechat.errors import AudioDeviceError


class FakeStream:
    """A device that calls only when the test says so."""

    def __init__(self, callback: Callback, finished: Callable[[], None], rate: int) -> None:
        self.calls: list[str] = []
        self.refuses_to_start = False
        self.times = StreamTimes()
        self.finished = finished
        self._callback = callback
        self._rate = rate

    def start(self) -> None:
        self.calls.append("start")
        if self.refuses_to_start:
            raise RuntimeError("busy")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    def call(self, heard: Sound | None = None, *, flags: int = 0) -> Sound:
        size = self._rate // 100 if heard is None else len(heard)
        fill = np.full((size, 2), 9.0, dtype=np.float32)
        mic = np.zeros((size, 1), dtype=np.float32) if heard is None else heard
        self._callback(mic, fill, flags)
        return fill


class FakeOpener:
    """Opens fake devices, except those it was told to refuse."""

    def __init__(self, rate: int = 48_000) -> None:
        self.rate = rate
        self.streams: list[FakeStream] = []
        self.wishes: list[tuple[str | None, str | None]] = []
        self.refused: set[str | None] = set()
        self.is_hopeless = False

    def open(
        self,
        mic: str | None,
        speaker: str | None,
        buffering: Buffering,
        *,
        callback: Callback,
        finished: Callable[[], None],
        refresh: bool,
    ) -> OpenStream:
        self.wishes.append((mic, speaker))
        for wish in (mic, speaker):
            if wish in self.refused:
                raise AudioDeviceError(f"no {wish}", hint="plug it in", retryable=not self.is_hopeless)
        stream = FakeStream(callback, finished, self.rate)
        self.streams.append(stream)
        return OpenStream(stream, fake_device(mic), fake_device(speaker), self.rate, stream.times)


def fake_device(wish: str | None) -> Device | None:
    """A device of that name; None where none was wished for."""
    return Device(1, wish, "Core Audio", 2, 48_000, wish == "default") if wish is not None else None


class Seen:
    """A watcher that sees what the test puts there."""

    def __init__(self) -> None:
        self.latest: DeviceList | None = None
        self.is_closed = False

    def start(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class Machine:
    """A stream on a fake device and a fake clock."""

    def __init__(self, opener: FakeOpener | None = None, mic: str | None = "usb", speaker: str | None = "box") -> None:
        self.now = 100.0
        self.seen = Seen()
        self.events: list[on.AudioEvent] = []
        self.opener = opener or FakeOpener()
        self.path = AudioPath(self.events.append, processor=PassThroughProcessor())
        self.stream = DuplexStream(self.path, mic=mic, speaker=speaker, opener=self.opener, clock=lambda: self.now)

    @property
    def device(self) -> FakeStream:
        return self.opener.streams[-1]

    def check(self, after: float = 0.0) -> None:
        self.now += after
        self.stream.check(self.now)
        self.stream.settle(5.0)

    def of(self, kind: type) -> list[on.AudioEvent]:
        return [posted for posted in self.events if isinstance(posted, kind)]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A stream that has started."""
    machine = Machine()
    machine.stream.start()
    yield machine
    machine.stream.close()


def listed(*names: str, default: str = "default", note: str = "") -> DeviceList:
    """What the system has, on both sides."""
    ends = tuple(Device(1, name, "Core Audio", 2, 48_000, name == default, note) for name in names)
    return DeviceList(ends, ends, default, default)


@pytest.fixture
def watched() -> Iterator[Machine]:
    """The same where somebody watches which devices there are."""
    machine = Machine()
    machine.stream = DuplexStream(
        machine.path, mic="usb", speaker="box", opener=machine.opener, clock=lambda: machine.now, watcher=machine.seen
    )
    machine.seen.latest = listed("default", "usb", "box")
    machine.stream.start()
    yield machine
    machine.stream.close()
    assert machine.seen.is_closed


def run(machine: Machine, seconds: float, *, calls: int = 10) -> None:
    """The device calls, all of its blocks of 10 ms or fewer, and ten looks a second are taken at it."""
    for _ in range(round(seconds * 10)):
        for _ in range(calls if machine.stream._stream is not None else 0):
            machine.device.call()
        machine.check(0.1)


# A sound device that is lost, hangs, spins or comes back, and what the talk notices of it


__all__ = ["machine", "watched"]


def test_no_callback_for_half_a_second_is_a_lost_device_that_is_reopened_at_once(machine: Machine) -> None:
    machine.device.call()
    machine.check(0.4)
    assert machine.of(on.DeviceLost) == []
    machine.check(0.1)
    assert machine.of(on.DeviceLost) == [on.DeviceLost("box", "the sound device stopped asking for sound")]
    assert "close" in machine.opener.streams[0].calls
    machine.check(0.1)
    assert machine.of(on.DeviceOpened) == [on.DeviceOpened("usb", "box")]
    assert (len(machine.opener.streams), machine.path.snapshot().restarts) == (2, 1)
    machine.check(0.9)
    assert len(machine.of(on.DeviceLost)) == 1, "a device that never called has one second"
    machine.check(0.1)
    assert len(machine.of(on.DeviceLost)) == 2


def test_a_stream_that_ended_by_itself_is_noticed_at_the_next_look(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    dead = machine.device
    dead.call()
    dead.finished()
    machine.check(0.05)
    assert machine.of(on.DeviceLost) == [on.DeviceLost("box", "the sound device ended the stream")]
    assert not dead.call().any(), "a late callback of it plays nothing"


def test_the_wished_device_is_awaited_with_growing_pauses_before_another_is_taken(machine: Machine) -> None:
    machine.opener.refused = {"usb"}
    machine.device.finished()
    machine.check()
    tried = []
    for _ in range(40):
        before = len(machine.opener.wishes)
        machine.check(0.1)
        if len(machine.opener.wishes) > before:
            tried.append(machine.now)
        if machine.of(on.DeviceOpened):
            break
    assert np.diff(tried) == pytest.approx([BACK_OFF[1]], abs=0.11)
    assert machine.opener.wishes[-1] == ("default", "box")
    assert machine.of(on.DeviceOpened) == [on.DeviceOpened("default", "box")]
    assert "no usb" in machine.stream.problem


def test_who_keeps_waiting_gets_no_other_device_and_the_lost_one_when_it_returns(machine: Machine) -> None:
    machine.opener.refused = {"usb"}
    machine.device.finished()
    machine.check()
    machine.stream.keep_waiting()
    for _ in range(150):
        machine.check(0.1)
    assert not machine.of(on.DeviceOpened)
    machine.opener.refused = set()
    for _ in range(round(BACK_OFF[-1] / 0.1) + 1):
        machine.check(0.1)
    assert machine.opener.wishes[-1] == ("usb", "box")
    assert len(machine.of(on.DeviceOpened)) == 1


def test_after_several_attempts_one_side_alone_is_better_than_none(machine: Machine) -> None:
    machine.opener.refused = {"usb", "default"}
    machine.device.finished()
    for _ in range(120):
        machine.check(0.1)
        if machine.of(on.DeviceOpened):
            break
    assert machine.opener.wishes[-1] == (None, "box")
    assert machine.path.snapshot().mic_name == "none"


def test_while_a_device_is_lost_requests_are_carried_out_and_the_line_goes_on(machine: Machine) -> None:
    machine.opener.refused = {"usb", "default", "box"}
    machine.path.open_mic(0.0)
    machine.device.call()
    machine.device.finished()
    machine.check()
    machine.path.close_mic()

    def has_drained() -> bool:
        machine.path.pull()
        return bool(machine.of(on.UplinkDrained))

    until(has_drained, 5.0, "nobody carried the request out")
    assert not machine.path.snapshot().gate_open


@pytest.mark.parametrize(("busy", "calls"), [(0.009, ["start", "abort", "start"]), (0.004, ["start"])])
def test_a_thread_that_spins_is_cured_by_abort_and_start_and_a_busy_one_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, busy: float, calls: list[str]
) -> None:
    """Seconds of CPU between two callbacks, which come every 10 ms."""
    cpu = iter(np.arange(0.0, 100.0, busy))
    monkeypatch.setattr("voicechat.audio.stream_watchdog.time.thread_time", lambda: float(next(cpu)))
    for _ in range(250):
        machine.now += 0.01
        machine.device.call()
        machine.check()
    assert machine.device.calls[:3] == calls
    assert (len(machine.opener.streams), machine.of(on.DeviceLost)) == (1, [])
    assert (machine.path.snapshot().restarts >= 1) is (len(calls) > 1)


def test_a_stream_with_a_tenth_of_its_sound_restarts_once_then_is_lost(machine: Machine) -> None:
    run(machine, 3.0)
    run(machine, 2.5, calls=1)
    assert machine.device.calls == ["start", "abort", "start"]
    assert machine.of(on.DeviceLost) == []
    run(machine, 2.2, calls=1)
    reasons = [lost.reason for lost in machine.events if isinstance(lost, on.DeviceLost)]
    assert reasons == ["the sound device delivers only 10 % of its sound"]
    run(machine, 5.0)
    assert len(machine.opener.streams) == 2 and machine.of(on.DeviceOpened)
    assert machine.device.calls == ["start"]


@pytest.mark.parametrize(("figure", "right", "wrong"), [("mic_lag", 0.01, 0.06), ("speaker_lead", 0.0248, 0.0148)])
def test_a_stream_out_of_step_begins_again_but_not_in_the_middle_of_a_response(
    machine: Machine, figure: str, right: float, wrong: float
) -> None:
    """Sound that waits on its way from the microphone; too little that waits for the loudspeaker."""
    setattr(machine.device.times, figure, right)
    run(machine, 3.0)
    machine.path.set_source(SteadyTone())
    setattr(machine.device.times, figure, wrong)
    run(machine, 5.0)
    assert machine.device.calls == ["start"]
    machine.path.flush()
    run(machine, 1.2)
    setattr(machine.device.times, figure, right)
    run(machine, 5.0)
    assert machine.device.calls == ["start", "abort", "start"]


def test_a_microphone_that_is_late_by_itself_is_left_alone_after_two_attempts(machine: Machine) -> None:
    machine.device.times.mic_lag = 0.15
    run(machine, 10.0)
    assert machine.device.calls.count("abort") == 2
    machine.device.times.mic_lag = 0.2
    run(machine, 1.2)
    assert machine.device.calls.count("abort") == 3, "it became worse"


def test_a_loudspeaker_that_never_has_more_is_left_alone_after_two_attempts(machine: Machine) -> None:
    for machine.device.times.speaker_lead in (0.012, 0.011) * 5:
        run(machine, 1.7)
    assert machine.device.calls.count("abort") == 2


def test_a_figure_that_wanders_is_no_reason(machine: Machine) -> None:
    for seconds in (0.06, 0.03) * 10:
        machine.device.times.mic_lag = seconds
        run(machine, 0.7)
    assert machine.device.calls == ["start"]


def test_a_defect_in_the_path_is_told_and_survived(machine: Machine) -> None:
    class Broken(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> Frame:
            raise ZeroDivisionError("defect")

    machine.path.set_source(Broken())
    machine.device.call()
    machine.path.set_source(None)
    machine.check(0.1)
    (lost,) = machine.of(on.DeviceLost)
    assert isinstance(lost, on.DeviceLost)
    assert "ZeroDivisionError" in lost.reason
    machine.check(0.1)
    assert machine.of(on.DeviceOpened)


def test_a_lost_microphone_is_taken_again_within_5_s_of_its_return(watched: Machine) -> None:
    run(watched, 6.0)
    watched.opener.refused = {"usb"}
    watched.seen.latest = listed("default", "box")
    watched.device.finished()
    run(watched, 6.0)
    assert watched.opener.wishes[-1] == ("default", "box")
    assert watched.stream.mic_name == "default"
    watched.opener.refused = set()
    watched.seen.latest = listed("default", "usb", "box")
    run(watched, 0.5)
    back = watched.of(on.DeviceOpened)[-1]
    assert isinstance(back, on.DeviceOpened)
    assert (back.mic, back.why) == ("usb", "usb is there again")
    assert watched.opener.wishes[-1] == ("usb", "box")
    assert watched.stream.problem == ""


def stutter_hints(machine: Machine, times: int, every: float) -> list[str]:
    """What is told after so many more underruns, one every so many seconds."""
    for _ in range(times):
        run(machine, every)
        machine.device.call(flags=OUTPUT_UNDERFLOW)
        machine.check()
    return [told.text for told in machine.events if isinstance(told, on.SoundNoted) and "dropouts" in told.text]


def test_only_a_response_that_stutters_is_reported_once_with_its_cure(machine: Machine) -> None:
    assert not stutter_hints(machine, times=12, every=0.5), "in silence nobody hears it"
    machine.path.set_source(SteadyTone())
    assert not stutter_hints(machine, times=6, every=3.0), "single ones are no stutter"
    machine.now += 10.0
    (hint,) = stutter_hints(machine, times=13, every=1.0)
    assert "--latency high" in hint


def test_many_underruns_between_two_looks_are_one_pause() -> None:
    stutter = Stutter()
    told = [stutter.is_news(50 + more, 1.0 + more, is_quiet=False) for more in range(6)]
    assert told == [False, False, False, False, True, False]


# What the stream does with the devices it has, gets, or does not get


def test_each_callback_is_one_step_of_the_path_and_reaches_both_ears(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    machine.device.call()
    fill = machine.device.call(flags=OUTPUT_UNDERFLOW)
    assert fill[:, 0].any()
    assert np.array_equal(fill[:, 0], fill[:, 1])
    assert machine.path.snapshot().late == 1
    assert machine.path.snapshot().mic_name == "usb"


def test_without_a_sound_server_the_systems_new_default_is_opened_by_us(watched: Machine) -> None:
    watched.stream.change("default", None)
    run(watched, 3.0)
    opened = len(watched.opener.wishes)
    watched.seen.latest = listed("default", "usb", "box", default="usb")
    run(watched, 0.5)
    told = watched.of(on.DeviceOpened)[-1]
    assert isinstance(told, on.DeviceOpened)
    assert told.why == "the system's default is now usb"
    assert len(watched.opener.wishes) == opened + 1


def test_devices_are_changed_while_talking_and_the_old_ones_given_back(watched: Machine) -> None:
    old = watched.device
    watched.stream.change("headset", "")
    assert old.calls == ["start"]
    watched.check(0.1)
    assert old.calls == ["start", "close"]
    assert watched.opener.wishes[-1] == ("headset", "box")
    assert watched.events[-1] == on.DeviceOpened("headset", "box", why="as you chose")
    assert watched.of(on.DeviceLost) == []
    assert watched.path.snapshot().mic_name == "headset"


def test_a_choice_that_cannot_be_had_keeps_the_devices_and_both_sides_can_be_given_up(watched: Machine) -> None:
    watched.opener.refused = {"headset"}
    watched.stream.change("headset", None)
    watched.check(0.1)
    refused = on.SoundNoted("no headset; nothing was changed · plug it in", code="device_note")
    assert watched.of(on.SoundNoted) == [refused]
    assert watched.stream.mic_name == "usb"
    run(watched, 1.0)
    assert watched.of(on.DeviceMissing) == watched.of(on.DeviceLost) == []
    watched.stream.change("none", "none")
    watched.check(0.1)
    assert (watched.stream.mic_name, watched.stream.speaker_name) == ("none", "none")
    watched.path.set_source(SteadyTone())
    until(lambda: bool(watched.of(on.AssistantHeard)), 5.0, "nothing runs")
    watched.stream.change("default", "default")
    watched.check(0.1)
    assert watched.stream.mic_name == "default"
    assert watched.device.call() is not None


def test_a_bluetooth_microphone_is_warned_of_once() -> None:
    class Headset(FakeOpener):
        def open(self, mic: str | None, speaker: str | None, buffering: Buffering, **more: Any) -> OpenStream:
            opened = super().open(mic, speaker, buffering, **more)
            assert opened.mic is not None
            return replace(opened, mic=replace(opened.mic, name="AirPods", note=BLUETOOTH_NOTE))

    machine = Machine(Headset())
    machine.stream.start()
    machine.device.finished()
    run(machine, 2.0)
    (hint,) = machine.of(on.SoundNoted)
    assert isinstance(hint, on.SoundNoted)
    assert hint.text.startswith("AirPods is the microphone. Bluetooth")
    machine.stream.close()


def test_closing_gives_the_devices_back_and_later_looks_do_nothing(machine: Machine) -> None:
    machine.stream.close()
    machine.stream.close()
    assert machine.device.calls == ["start", "close"]
    machine.check(10.0)
    assert machine.events == []


def test_a_repair_that_never_returns_is_measured_and_blocks_nothing(machine: Machine) -> None:
    hangs, begun = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> OpenStream:
        begun.set()
        hangs.wait(10.0)
        raise AudioDeviceError("gone")

    assert machine.stream.stuck_for(machine.now) == 0.0
    machine.opener.open = hang  # type: ignore[method-assign]
    machine.stream.change("other", None)
    machine.stream.check(machine.now)
    assert begun.wait(5.0)
    assert machine.stream.stuck_for(machine.now + 7.0) == 7.0
    machine.stream.check(machine.now + 7.0)  # returns at once
    hangs.set()
    machine.stream.settle(5.0)
    assert machine.stream.stuck_for(machine.now + 7.0) == 0.0


@contextmanager
def refusing(*refused: str, is_hopeless: bool = False) -> Iterator[Machine]:
    """A stream that starts while these devices cannot be had."""
    machine = Machine()
    machine.opener.refused, machine.opener.is_hopeless = set(refused), is_hopeless
    machine.stream.start()
    yield machine
    machine.stream.close()


def test_a_missing_microphone_gives_way_to_the_default_and_without_one_answers_are_still_heard() -> None:
    with refusing("usb") as machine:
        assert machine.opener.wishes[-1] == ("default", "box")
        (told,) = machine.events
        assert isinstance(told, on.SoundNoted)
        assert told.text == "no usb; microphone default, loudspeaker box meanwhile · plug it in"
    with refusing("usb", "default") as machine:
        assert machine.opener.wishes[-1] == (None, "box")
        assert machine.events == [on.DeviceMissing("no usb", "plug it in")]
        assert (machine.stream.problem, machine.stream.mic_name) == ("no usb\n  plug it in", "none")


def test_without_any_device_one_that_appears_is_taken_and_without_the_library_nothing_is_tried() -> None:
    with refusing("usb", "box", "default") as machine:
        assert len(machine.of(on.DeviceMissing)) == 1
        machine.path.close_mic()
        machine.check(1.0)
        machine.opener.refused = set()
        machine.check(5.0)
        assert machine.of(on.DeviceOpened) and machine.stream.problem == ""
    with refusing("usb", "box", "default", is_hopeless=True) as machine:
        tried = len(machine.opener.wishes)
        machine.check(60.0)
        assert len(machine.opener.wishes) == tried


# What a device's callback may not do: wait, log, or keep memory. And what it counts


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
    talking.events.clear()
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
