"""What runs for which wish."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.sources import SteadyTone
from tests.support.speech import silence, spoken
from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio.blocks import Frame
from voicechat.audio.buffering import BALANCED
from voicechat.audio.devices import DeviceList
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.files import WavSpeaker
from voicechat.audio.open import DuplexStream, open_audio
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import PortAudioOpener, Samples, urgent_threads
from voicechat.core import events as on
from voicechat.errors import AudioDeviceError

__all__ = ["virtual_audio"]


@pytest.fixture
def events() -> list[on.AudioEvent]:
    return []


@pytest.fixture
def path(events: list[on.AudioEvent]) -> AudioPath:
    return AudioPath(events.append, processor=PassThroughProcessor())


def test_files_and_nothing_need_no_device(path: AudioPath, tmp_path: Path) -> None:
    audio = open_audio(path, "none", str(tmp_path / "answer.WAV"))
    audio.start()
    assert (audio.mic_name, audio.speaker_name, audio.problem) == ("none", "answer.WAV", "")
    audio.close()


def test_an_unreadable_question_is_an_error_and_not_a_silent_talk(path: AudioPath, tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match="cannot read"):
        open_audio(path, str(tmp_path / "missing.wav"), "none")


@pytest.mark.parametrize("is_library_missing", [True, False])
def test_a_machine_without_sound_talks_on_and_says_how_to_cure_it(
    path: AudioPath, events: list[on.AudioEvent], monkeypatch: pytest.MonkeyPatch, is_library_missing: bool
) -> None:
    nothing = DeviceList((), (), "", "", "no sound here", "install it", is_portaudio_missing=is_library_missing)
    monkeypatch.setattr("voicechat.audio.portaudio.list_devices", lambda refresh: nothing)
    audio = open_audio(path)
    audio.start()
    assert audio.problem == "no sound here\n  install it"
    assert events[0] == on.DeviceMissing("no sound here", "install it")
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, on.AssistantHeard) for f in events), 5.0, "nothing runs")
    assert (audio.mic_name, audio.speaker_name) == ("none", "none")
    audio.close()


@pytest.mark.audio
def test_a_wish_that_no_device_fulfils_is_told_and_the_talk_runs(
    virtual_audio: VirtualAudio, path: AudioPath, events: list[on.AudioEvent]
) -> None:
    audio = open_audio(path, "Golden Microphone", "none")
    audio.start()
    assert "Golden Microphone" in audio.problem
    assert isinstance(events[0], on.SoundNoted)
    assert "pulse" in events[0].text
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, on.AssistantHeard) for f in events), 5.0, "nothing runs")
    audio.close()


@pytest.mark.audio
def test_one_side_may_be_a_file_while_the_other_is_a_real_device(
    virtual_audio: VirtualAudio, path: AudioPath, events: list[on.AudioEvent], tmp_path: Path
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    WavSpeaker(question).close()
    audio = open_audio(path, str(question), "default")
    assert isinstance(audio, DuplexStream)
    audio.start()
    assert (audio.mic_name, audio.speaker_name, audio.problem) == ("question.wav", "Null Output (vspk)", "")
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, on.AssistantHeard) for f in events), 5.0, "nothing runs")
    audio.close()
    audio = open_audio(path, "pulse", str(answer))
    audio.start()
    until(lambda: answer.stat().st_size > 20_000, 10.0, "nothing was kept")
    assert (audio.mic_name, audio.speaker_name) == ("Remapped Monitor of Null Output", "answer.wav")
    audio.close()


# The whole stream on virtual devices and the real clock


class RealMachine:
    """The stream on the virtual devices and the real clock."""

    def __init__(self) -> None:
        self.events: list[on.AudioEvent] = []
        self.path = AudioPath(self.events.append)
        self.stream = DuplexStream(self.path, mic="default", speaker="default")
        self._clock = time.monotonic

    def has(self, kind: type) -> bool:
        self.stream.check(self._clock())
        return any(isinstance(posted, kind) for posted in self.events)


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
        return real.has(on.VoiceEnded)

    with virtual_audio.recorded() as played:
        player = virtual_audio.speak(np.concatenate([spoken(1.0), silence(0.6)]))
        until(has_voice_ended, 15.0, "the voice was not heard")
        player.wait()
    assert real.has(on.AssistantHeard)
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
    until(lambda: real.has(on.DeviceLost), 5.0, "the loss was not noticed")
    virtual_audio.start()
    until(lambda: real.has(on.DeviceOpened), 20.0, "the device was not reopened")
    real.path.set_source(SteadyTone())
    until(lambda: real.has(on.AssistantHeard), 10.0, "nothing plays after the return")


@pytest.mark.audio
def test_a_sound_server_that_hangs_for_three_seconds_is_used_again_at_once(
    virtual_audio: VirtualAudio, real: RealMachine
) -> None:
    until(lambda: real.stream.counters().total.callbacks > 0, 5.0, "no sound")
    with virtual_audio.hung():
        until(lambda: real.has(on.DeviceLost), 5.0, "the loss was not noticed")
        hangs_until = time.monotonic() + 3.0  # longer than the stream may take to close
        until(lambda: real.has(on.DeviceOpened) or time.monotonic() > hangs_until, 5.0, "")
        assert not real.has(on.DeviceOpened)
    until(lambda: real.has(on.DeviceOpened), 3.0, "the device was not reopened")
    real.path.set_source(SteadyTone())
    until(lambda: real.has(on.AssistantHeard), 3.0, "nothing plays after the return")


@pytest.mark.audio
def test_stalls_of_the_sound_server_neither_make_the_stream_spin_nor_end_it(virtual_audio: VirtualAudio) -> None:
    for _ in range(5):
        with longest_pause() as pause:
            busiest = busiest_after_stalls(virtual_audio)
        if pause[0] < 0.04:  # else the machine itself stood still for longer than the server did
            assert busiest < 0.5
            return
    pytest.skip("this machine pauses by itself")


@contextmanager
def longest_pause() -> Iterator[list[float]]:
    """How late a thread that does nothing but sleep was woken at worst, seconds."""
    worst, is_over = [0.0], threading.Event()

    def watch() -> None:
        due = time.monotonic() + 0.005
        while not is_over.wait(max(0.0, due - time.monotonic())):
            worst[0] = max(worst[0], time.monotonic() - due)
            due = time.monotonic() + 0.005

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield worst
    finally:
        is_over.set()
        watcher.join()


def busiest_after_stalls(virtual_audio: VirtualAudio) -> float:
    """The share of a core that the stream's thread takes after the worst of some stalls."""
    calls, threads, shares = [0], set(), []

    def hear(heard: Samples | None, fill: Samples | None, flags: int) -> None:
        calls[0] += 1
        threads.add(threading.get_native_id())

    def many(count: int) -> None:
        until(lambda before=calls[0]: calls[0] >= before + count, 5.0, "it ended")  # type: ignore[misc]

    opener = PortAudioOpener()
    opened = opener.open("default", "default", BALANCED, callback=hear, finished=lambda: None, refresh=False)
    opened.stream.start()
    try:
        many(50)
        for stall in (0.025, 0.03, 0.035, 0.04):
            virtual_audio.stall(stall)
            many(20)
            began, spent = time.monotonic(), thread_seconds(threads)
            many(30)
            shares.append((thread_seconds(threads) - spent) / (time.monotonic() - began))
    finally:
        opened.stream.abort()
        opened.stream.close()
    return max(shares)


def thread_seconds(threads: Iterable[int]) -> float:
    """CPU time of threads of this process."""
    return sum(int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[0]) for thread in threads) / 1e9


# The sound's threads are urgent where the system allows it, and go on where it does not


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
