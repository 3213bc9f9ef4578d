"""The duplex stream over devices that do only what a test says, on a clock that only a test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.support.speech import Sound
from voicechat.audio import facts as fact
from voicechat.audio.buffering import Buffering
from voicechat.audio.devices import Device, DeviceList
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.open import DuplexStream
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import Callback, OpenStream, StreamTimes
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
