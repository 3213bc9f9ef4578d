"""What the stream does with the devices it has, gets, or does not get."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from tests.audio.sound_machine import FakeOpener, Machine, listed, machine, run, watched
from tests.support.nearly import nearly
from tests.support.sources import SteadyTone
from tests.support.vaudio import until
from voicechat.audio import facts as fact
from voicechat.audio.buffering import Buffering
from voicechat.audio.devices import BLUETOOTH_NOTE
from voicechat.audio.portaudio import OpenStream
from voicechat.audio.stream_counters import OUTPUT_UNDERFLOW
from voicechat.errors import AudioDeviceError

__all__ = ["machine", "watched"]


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
    told = watched.of(fact.StreamRestored)[-1]
    assert isinstance(told, fact.StreamRestored)
    assert told.why == "the system's default is now usb"
    assert len(watched.opener.wishes) == opened + 1


def test_devices_are_changed_while_talking_and_the_old_ones_given_back(watched: Machine) -> None:
    old = watched.device
    watched.stream.change("headset", "")
    assert old.calls == ["start"]
    watched.check(0.1)
    assert old.calls == ["start", "close"]
    assert watched.opener.wishes[-1] == ("headset", "box")
    assert watched.facts[-1] == fact.StreamRestored(nearly(watched.now), "headset", "as you chose")
    assert watched.of(fact.StreamLost) == []
    assert watched.path.snapshot().mic_name == "headset"


def test_a_choice_that_cannot_be_had_keeps_the_devices_and_both_sides_can_be_given_up(watched: Machine) -> None:
    watched.opener.refused = {"headset"}
    watched.stream.change("headset", None)
    watched.check(0.1)
    refused = fact.DeviceHint(nearly(watched.now), "no headset; nothing was changed", "plug it in")
    assert watched.of(fact.DeviceHint) == [refused]
    assert watched.stream.mic_name == "usb"
    run(watched, 1.0)
    assert watched.of(fact.DeviceProblem) == watched.of(fact.StreamLost) == []
    watched.stream.change("none", "none")
    watched.check(0.1)
    assert (watched.stream.mic_name, watched.stream.speaker_name) == ("none", "none")
    watched.path.set_source(SteadyTone())
    until(lambda: bool(watched.of(fact.AssistantHeard)), 5.0, "nothing runs")
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
    (hint,) = machine.of(fact.DeviceHint)
    assert isinstance(hint, fact.DeviceHint)
    assert hint.reason.startswith("AirPods is the microphone. Bluetooth")
    machine.stream.close()


def test_closing_gives_the_devices_back_and_later_looks_do_nothing(machine: Machine) -> None:
    machine.stream.close()
    machine.stream.close()
    assert machine.device.calls == ["start", "close"]
    machine.check(10.0)
    assert machine.facts == []


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
        (told,) = machine.facts
        assert isinstance(told, fact.DeviceHint)
        assert told.reason == "no usb; microphone default, loudspeaker box meanwhile"
    with refusing("usb", "default") as machine:
        assert machine.opener.wishes[-1] == (None, "box")
        assert machine.facts == [fact.DeviceProblem(100.0, "no usb", "plug it in")]
        assert (machine.stream.problem, machine.stream.mic_name) == ("no usb\n  plug it in", "none")


def test_without_any_device_one_that_appears_is_taken_and_without_the_library_nothing_is_tried() -> None:
    with refusing("usb", "box", "default") as machine:
        assert len(machine.of(fact.DeviceProblem)) == 1
        machine.path.close_mic()
        machine.check(1.0)
        machine.opener.refused = set()
        machine.check(5.0)
        assert machine.of(fact.StreamRestored) and machine.stream.problem == ""
    with refusing("usb", "box", "default", is_hopeless=True) as machine:
        tried = len(machine.opener.wishes)
        machine.check(60.0)
        assert len(machine.opener.wishes) == tried
