"""Talking without a sound device: files and nothing, in real time."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support.sources import SteadyTone
from tests.support.speech import noise
from tests.support.vaudio import until
from voicechat.audio import facts as fact
from voicechat.audio.blocks import Frame
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.paced_stream import FileEnds, Pacer
from voicechat.audio.path import AudioPath


def make_path(post: Callable[[fact.AudioFact], None] = lambda _: None) -> AudioPath:
    return AudioPath(post, processor=PassThroughProcessor())


def question(folder: Path, seconds: float = 0.2) -> Path:
    speaker = WavSpeaker(folder / "question.wav")
    sound = noise(seconds, level=0.1)
    for start in range(0, len(sound), 480):
        speaker.write(sound[start : start + 480])
    speaker.close()
    return folder / "question.wav"


def test_a_question_from_a_file_waits_until_the_mic_is_opened_and_is_sent_whole(tmp_path: Path) -> None:
    path = make_path()
    mic = WavMic(question(tmp_path))
    Pacer(path, FileEnds(path, mic, None)).close()  # one that never started
    stream = Pacer(path, FileEnds(path, mic, None))
    stream.start()
    assert not mic.finished
    path.open_mic(0.0)
    until(lambda: mic.finished, 10.0, "the file was not played")
    stream.close()
    sent = [path.pull() for _ in range(30)]
    assert np.count_nonzero(np.concatenate(sent)) > 9_000


def test_an_answer_is_kept_in_a_file(tmp_path: Path) -> None:
    facts: list[fact.AudioFact] = []
    path = make_path(facts.append)
    path.set_source(SteadyTone())
    ends = FileEnds(path, None, WavSpeaker(tmp_path / "answer.wav"))
    stream = Pacer(path, ends)
    stream.start()
    until(lambda: bool(facts), 5.0, "nothing was played")
    stream.close()
    ends.close()
    with wave.open(str(tmp_path / "answer.wav")) as kept:
        assert np.frombuffer(kept.readframes(kept.getnframes()), dtype="<i2").any()


def test_a_defect_in_the_path_is_told(tmp_path: Path) -> None:
    class Broken(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> Frame:
            raise ZeroDivisionError("defect")

    facts: list[fact.AudioFact] = []
    path = make_path(facts.append)
    path.set_source(Broken())
    stream = Pacer(path, FileEnds(path, None, None))
    stream.start()
    until(lambda: bool(facts), 5.0, "the defect was not told")
    assert isinstance(facts[0], fact.StreamLost)
    stream.close()
