"""The whole stream on virtual devices and the real clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.support.sources import SteadyTone
from tests.support.speech import silence, spoken
from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio import facts as fact
from voicechat.audio.blocks import Frame
from voicechat.audio.duplex_stream import DuplexStream
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath

__all__ = ["virtual_audio"]


class RealMachine:
    """The stream on the virtual devices and the real clock."""

    def __init__(self) -> None:
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
