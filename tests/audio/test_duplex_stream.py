"""The watchdog on a device that misbehaves on command, and the whole stream on virtual devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.nearly import nearly
from tests.support.sources import SteadyTone
from tests.support.speech import Sound, silence, spoken
from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio import facts as fact
from voicechat.audio.blocks import Frame
from voicechat.audio.buffering import Buffering
from voicechat.audio.device_words import BLUETOOTH_NOTE
from voicechat.audio.devices import Device, DeviceList
from voicechat.audio.duplex_stream import BACK_OFF, DuplexStream
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import Callback, OpenStream
from voicechat.audio.stream_counters import OUTPUT_UNDERFLOW
from voicechat.errors import AudioDeviceError

__all__ = ["virtual_audio"]


class FakeStream:
    """A device that calls only when the test says so."""

    def __init__(self, callback: Callback, finished: Callable[[], None], rate: int) -> None:
        self.calls: list[str] = []
        self.refuses_to_start = False
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
        return OpenStream(stream, fake_device(mic), fake_device(speaker), self.rate)


def fake_device(wish: str | None) -> Device | None:
    return Device(1, wish, "Core Audio", 2, 48_000, wish == "default") if wish is not None else None


class Machine:
    """A stream on a fake device and a fake clock."""

    def __init__(self, opener: FakeOpener | None = None, mic: str | None = "usb", speaker: str | None = "box") -> None:
        self.now = 100.0
        self.seen = Seen()
        self.facts: list[fact.AudioFact] = []
        self.opener = opener or FakeOpener()
        self.path = AudioPath(self.facts.append, processor=PassThroughProcessor())
        self.stream = DuplexStream(self.path, mic=mic, speaker=speaker, opener=self.opener, clock=lambda: self.now)

    @property
    def device(self) -> FakeStream:
        return self.opener.streams[-1]

    def check(self, after: float = 0.0) -> None:
        self.now += after
        self.stream.check(self.now)
        self.stream.settle(5.0)

    def of(self, kind: type) -> list[fact.AudioFact]:
        return [posted for posted in self.facts if isinstance(posted, kind)]


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    machine.stream.start()
    yield machine
    machine.stream.close()


def test_each_callback_is_one_step_of_the_path_and_reaches_both_ears(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    machine.device.call()
    fill = machine.device.call(flags=OUTPUT_UNDERFLOW)
    assert fill[:, 0].any()
    assert np.array_equal(fill[:, 0], fill[:, 1])
    assert machine.path.snapshot().late == 1
    assert machine.path.snapshot().mic_name == "usb"


def test_no_callback_for_half_a_second_is_a_lost_device_that_is_reopened_at_once(machine: Machine) -> None:
    machine.device.call()
    machine.check(0.4)
    assert machine.of(fact.StreamLost) == []
    machine.check(0.1)
    assert machine.of(fact.StreamLost) == [fact.StreamLost(nearly(100.5), "the sound device stopped asking for sound")]
    assert "close" in machine.opener.streams[0].calls
    machine.check(0.1)
    assert machine.of(fact.StreamRestored) == [fact.StreamRestored(nearly(100.6), "usb")]
    assert len(machine.opener.streams) == 2
    assert machine.path.snapshot().restarts == 1


def test_a_stream_that_ended_by_itself_is_noticed_at_the_next_look(machine: Machine) -> None:
    machine.device.call()
    machine.device.finished()
    machine.check(0.05)
    assert machine.of(fact.StreamLost) == [fact.StreamLost(nearly(100.05), "the sound device ended the stream")]


def test_a_device_that_never_calls_is_given_one_second(machine: Machine) -> None:
    machine.check(0.9)
    assert machine.of(fact.StreamLost) == []
    machine.check(0.1)
    assert machine.of(fact.StreamLost)


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
        if machine.of(fact.StreamRestored):
            break
    assert np.diff(tried) == pytest.approx([BACK_OFF[1]], abs=0.11)
    assert machine.opener.wishes[-1] == ("default", "box")
    assert machine.of(fact.StreamRestored) == [fact.StreamRestored(nearly(machine.now), "default")]
    assert "no usb" in machine.stream.problem


def test_who_keeps_waiting_gets_no_other_device_and_the_lost_one_when_it_returns(machine: Machine) -> None:
    machine.opener.refused = {"usb"}
    machine.device.finished()
    machine.check()
    machine.stream.keep_waiting()
    for _ in range(150):
        machine.check(0.1)
    assert not machine.of(fact.StreamRestored)
    machine.opener.refused = set()
    for _ in range(60):
        machine.check(0.1)
    assert machine.opener.wishes[-1] == ("usb", "box")
    assert len(machine.of(fact.StreamRestored)) == 1


def test_after_several_attempts_one_side_alone_is_better_than_none(machine: Machine) -> None:
    machine.opener.refused = {"usb", "default"}
    machine.device.finished()
    for _ in range(120):
        machine.check(0.1)
        if machine.of(fact.StreamRestored):
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
        return bool(machine.of(fact.UplinkDrained))

    until(has_drained, 5.0, "nobody carried the request out")
    assert not machine.path.snapshot().gate_open


def test_a_late_callback_of_the_lost_stream_plays_silence_and_touches_nothing(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    dead = machine.device
    dead.call()
    dead.finished()
    machine.check()
    assert not dead.call().any()


def test_a_thread_that_spins_is_cured_by_abort_and_start(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = iter(np.arange(0.0, 100.0, 0.009))
    monkeypatch.setattr("voicechat.audio.stream_watchdog.time.thread_time", lambda: float(next(cpu)))
    for _ in range(250):
        machine.now += 0.01
        machine.device.call()
        machine.check()
    assert machine.device.calls[:3] == ["start", "abort", "start"]
    assert len(machine.opener.streams) == 1
    assert machine.of(fact.StreamLost) == []
    assert machine.path.snapshot().restarts >= 1


def test_a_busy_but_honest_thread_is_left_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = iter(np.arange(0.0, 100.0, 0.004))
    monkeypatch.setattr("voicechat.audio.stream_watchdog.time.thread_time", lambda: float(next(cpu)))
    for _ in range(250):
        machine.now += 0.01
        machine.device.call()
        machine.check()
    assert machine.device.calls == ["start"]


def test_a_defect_in_the_path_is_told_and_survived(machine: Machine) -> None:
    class Broken(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> Frame:
            raise ZeroDivisionError("defect")

    machine.path.set_source(Broken())
    machine.device.call()
    machine.path.set_source(None)
    machine.check(0.1)
    (lost,) = machine.of(fact.StreamLost)
    assert isinstance(lost, fact.StreamLost)
    assert "ZeroDivisionError" in lost.reason
    machine.check(0.1)
    assert machine.of(fact.StreamRestored)


def test_without_a_microphone_the_assistant_is_still_heard() -> None:
    opener = FakeOpener()
    opener.refused = {"usb", "default"}
    machine = Machine(opener)
    machine.stream.start()
    assert opener.wishes[-1] == (None, "box")
    assert machine.facts == [fact.DeviceProblem(100.0, "no usb", "plug it in")]
    assert machine.stream.problem == "no usb\n  plug it in"
    assert machine.stream.mic_name == "none"
    machine.stream.close()


def test_a_wished_microphone_that_is_not_there_at_the_start_gives_way_to_the_default_and_that_is_said() -> None:
    opener = FakeOpener()
    opener.refused = {"usb"}
    machine = Machine(opener)
    machine.stream.start()
    assert opener.wishes[-1] == ("default", "box")
    (told,) = machine.facts
    assert isinstance(told, fact.DeviceHint)
    assert told.reason == "no usb; microphone default, loudspeaker box meanwhile"
    machine.stream.close()


def test_without_any_device_the_talk_runs_and_a_device_that_appears_is_taken() -> None:
    opener = FakeOpener()
    opener.refused = {"usb", "box", "default"}
    machine = Machine(opener)
    machine.stream.start()
    assert len(machine.of(fact.DeviceProblem)) == 1
    machine.path.close_mic()
    machine.check(1.0)
    opener.refused = set()
    machine.check(5.0)
    assert machine.of(fact.StreamRestored)
    assert machine.stream.problem == ""
    machine.stream.close()


def test_without_the_sound_library_nobody_keeps_trying() -> None:
    opener = FakeOpener()
    opener.refused = {"usb", "box", "default"}
    opener.is_hopeless = True
    machine = Machine(opener)
    machine.stream.start()
    tried = len(opener.wishes)
    machine.check(60.0)
    assert len(opener.wishes) == tried
    machine.stream.close()


def test_a_device_at_44100_is_brought_to_the_paths_rate() -> None:
    machine = Machine(FakeOpener(rate=44_100))
    machine.stream.start()
    machine.path.set_source(SteadyTone(level=0.5))
    times = np.arange(44_100) / 44_100
    mic = (np.sin(2 * np.pi * 500 * times) * 0.1).astype(np.float32).reshape(100, 441, 1)
    played = np.concatenate([machine.device.call(block) for block in mic])[:, 0]
    spectrum = np.abs(np.fft.rfft(played[4_410:] * np.hanning(len(played) - 4_410)))
    assert np.argmax(spectrum) * 44_100 / (len(played) - 4_410) == pytest.approx(500, abs=2)
    assert machine.path.snapshot().in_db == pytest.approx(-23.0, abs=1.0)
    machine.stream.close()


def test_stereo_microphones_are_mixed(machine: Machine) -> None:
    heard = np.stack([np.full(480, 0.5), np.full(480, 0.1)], axis=1).astype(np.float32)
    machine.device.call(heard)
    assert machine.path.snapshot().in_db == pytest.approx(20 * np.log10(0.3), abs=0.1)


class Seen:
    """A watcher that sees what the test puts there."""

    def __init__(self) -> None:
        self.latest: DeviceList | None = None
        self.is_closed = False

    def start(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


def listed(*names: str, default: str = "default", note: str = "") -> DeviceList:
    ends = tuple(Device(1, name, "Core Audio", 2, 48_000, name == default, note) for name in names)
    return DeviceList(ends, ends, default, default)


@pytest.fixture
def watched() -> Iterator[Machine]:
    machine = Machine()
    machine.stream = DuplexStream(
        machine.path, mic="usb", speaker="box", opener=machine.opener, clock=lambda: machine.now, watcher=machine.seen
    )
    machine.seen.latest = listed("default", "usb", "box")
    machine.stream.start()
    yield machine
    machine.stream.close()
    assert machine.seen.is_closed


def run(machine: Machine, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        if machine.stream._stream is not None:
            machine.device.call()
        machine.check(0.1)


def test_a_lost_microphone_is_replaced_and_taken_again_within_five_seconds_of_its_return(watched: Machine) -> None:
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
    back = watched.of(fact.StreamRestored)[-1]
    assert isinstance(back, fact.StreamRestored)
    assert (back.name, back.why) == ("usb", "usb is there again")
    assert watched.opener.wishes[-1] == ("usb", "box")
    assert watched.stream.problem == ""


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
    assert old.calls == ["start", "abort", "close"]
    assert watched.opener.wishes[-1] == ("headset", "box")
    assert watched.facts[-1] == fact.StreamRestored(nearly(watched.now), "headset", "as you chose")
    assert watched.of(fact.StreamLost) == []
    assert watched.path.snapshot().mic_name == "headset"


def test_a_choice_that_cannot_be_had_is_told_and_the_devices_of_before_stay(watched: Machine) -> None:
    watched.opener.refused = {"headset"}
    watched.stream.change("headset", None)
    watched.check(0.1)
    assert watched.of(fact.DeviceHint) == [
        fact.DeviceHint(nearly(watched.now), "no headset; nothing was changed", "plug it in")
    ]
    assert watched.stream.mic_name == "usb"
    run(watched, 1.0)
    assert watched.of(fact.DeviceProblem) == watched.of(fact.StreamLost) == []


def test_both_sides_can_be_given_up_and_taken_again(watched: Machine) -> None:
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
    assert machine.device.calls == ["start", "abort", "close"]
    machine.check(10.0)
    assert machine.facts == []


class RealMachine:
    """The stream on the virtual devices and the real clock."""

    def __init__(self) -> None:
        import time

        self.facts: list[fact.AudioFact] = []
        self.path = AudioPath(self.facts.append)
        self.stream = DuplexStream(self.path, mic="default", speaker="default")
        self._clock = time.monotonic

    def has(self, kind: type) -> bool:
        self.stream.check(self._clock())
        return any(isinstance(posted, kind) for posted in self.facts)


@pytest.fixture
def real(virtual_audio: VirtualAudio) -> Iterator[RealMachine]:
    machine = RealMachine()
    machine.stream.start()
    assert machine.stream.problem == ""
    yield machine
    machine.stream.close()


@pytest.mark.audio
def test_a_voice_spoken_into_the_microphone_arrives_and_the_assistant_is_played(
    virtual_audio: VirtualAudio, real: RealMachine
) -> None:
    real.path.open_mic(0.0)
    real.path.set_source(SteadyTone(level=0.2))
    sent: list[Frame] = []

    def has_voice_ended() -> bool:
        sent.append(real.path.pull())
        return real.has(fact.VoiceEnded)

    with virtual_audio.recorded() as played:
        player = virtual_audio.speak(np.concatenate([spoken(1.0), silence(0.6)]))
        until(has_voice_ended, 15.0, "the voice was not heard")
        player.wait()
    assert real.has(fact.AssistantHeard)
    assert np.max(np.abs(np.concatenate(sent))) > 1000
    spectrum = np.abs(np.fft.rfft(played[0].astype(np.float64)))
    assert np.argmax(spectrum) * 48_000 / len(played[0]) == pytest.approx(500, abs=5)


@pytest.mark.audio
def test_a_sound_server_that_dies_and_returns_is_reopened(virtual_audio: VirtualAudio, real: RealMachine) -> None:
    until(
        lambda: real.path.snapshot().noise_db is not None and real.stream.counters().total.callbacks > 0,
        5.0,
        "no sound",
    )
    virtual_audio.stop()
    until(lambda: real.has(fact.StreamLost), 5.0, "the loss was not noticed")
    virtual_audio.start()
    until(lambda: real.has(fact.StreamRestored), 20.0, "the device was not reopened")
    real.path.set_source(SteadyTone())
    until(lambda: real.has(fact.AssistantHeard), 10.0, "nothing plays after the return")


@pytest.mark.audio
def test_one_side_may_be_a_file_or_nothing(virtual_audio: VirtualAudio) -> None:
    for mic, speaker in (("default", None), (None, "default")):
        facts: list[fact.AudioFact] = []
        path = AudioPath(facts.append, processor=PassThroughProcessor())
        stream = DuplexStream(path, mic=mic, speaker=speaker)
        stream.start()
        path.set_source(SteadyTone())
        until(lambda facts=facts: bool(facts), 5.0, f"no callback with {mic} and {speaker}")  # type: ignore[misc]
        assert isinstance(facts[0], fact.AssistantHeard)
        stream.close()
