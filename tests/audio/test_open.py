"""What runs for which wish."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sources import SteadyTone
from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio import facts as fact
from voicechat.audio.devices import DeviceList
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.files import WavSpeaker
from voicechat.audio.open import DuplexStream, open_audio
from voicechat.audio.path import AudioPath
from voicechat.errors import AudioDeviceError

__all__ = ["virtual_audio"]


@pytest.fixture
def facts() -> list[fact.AudioFact]:
    return []


@pytest.fixture
def path(facts: list[fact.AudioFact]) -> AudioPath:
    return AudioPath(facts.append, processor=PassThroughProcessor())


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
    path: AudioPath, facts: list[fact.AudioFact], monkeypatch: pytest.MonkeyPatch, is_library_missing: bool
) -> None:
    nothing = DeviceList((), (), "", "", "no sound here", "install it", is_portaudio_missing=is_library_missing)
    monkeypatch.setattr("voicechat.audio.portaudio.list_devices", lambda refresh: nothing)
    audio = open_audio(path)
    audio.start()
    assert audio.problem == "no sound here\n  install it"
    assert facts[0] == fact.DeviceProblem(facts[0].at, "no sound here", "install it")
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, fact.AssistantHeard) for f in facts), 5.0, "nothing runs")
    assert (audio.mic_name, audio.speaker_name) == ("none", "none")
    audio.close()


@pytest.mark.audio
def test_a_wish_that_no_device_fulfils_is_told_and_the_talk_runs(
    virtual_audio: VirtualAudio, path: AudioPath, facts: list[fact.AudioFact]
) -> None:
    audio = open_audio(path, "Golden Microphone", "none")
    audio.start()
    assert "Golden Microphone" in audio.problem
    assert isinstance(facts[0], fact.DeviceHint)
    assert "pulse" in facts[0].hint
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, fact.AssistantHeard) for f in facts), 5.0, "nothing runs")
    audio.close()


@pytest.mark.audio
def test_one_side_may_be_a_file_while_the_other_is_a_real_device(
    virtual_audio: VirtualAudio, path: AudioPath, facts: list[fact.AudioFact], tmp_path: Path
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    WavSpeaker(question).close()
    audio = open_audio(path, str(question), "default")
    assert isinstance(audio, DuplexStream)
    audio.start()
    assert (audio.mic_name, audio.speaker_name, audio.problem) == ("question.wav", "Null Output (vspk)", "")
    path.set_source(SteadyTone())
    until(lambda: any(isinstance(f, fact.AssistantHeard) for f in facts), 5.0, "nothing runs")
    audio.close()
    audio = open_audio(path, "pulse", str(answer))
    audio.start()
    until(lambda: answer.stat().st_size > 20_000, 10.0, "nothing was kept")
    assert (audio.mic_name, audio.speaker_name) == ("Remapped Monitor of Null Output", "answer.wav")
    audio.close()
