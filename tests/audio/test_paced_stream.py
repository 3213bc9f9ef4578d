"""Talking without a sound device: files and nothing, in real time."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.each import each
from tests.support.sources import SteadyTone
from tests.support.speech import noise
from tests.support.vaudio import until
from voicechat.audio.blocks import BLOCK, Block, Frame
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.open import open_audio
from voicechat.audio.paced_stream import FileEnds, Pacer
from voicechat.audio.path import AudioPath
from voicechat.audio.script_mic import Room, ScriptBegan, ScriptEnded, ScriptMic, is_script, room_of, wish_of
from voicechat.core import events as on
from voicechat.errors import AudioDeviceError


def make_path(post: Callable[[on.AudioEvent], None] = lambda _: None) -> AudioPath:
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
    events: list[on.AudioEvent] = []
    path = make_path(events.append)
    path.set_source(SteadyTone())
    ends = FileEnds(path, None, WavSpeaker(tmp_path / "answer.wav"))
    stream = Pacer(path, ends)
    stream.start()
    until(lambda: bool(events), 5.0, "nothing was played")
    stream.close()
    ends.close()
    with wave.open(str(tmp_path / "answer.wav")) as kept:
        assert np.frombuffer(kept.readframes(kept.getnframes()), dtype="<i2").any()


def test_a_defect_in_the_path_is_told(tmp_path: Path) -> None:
    class Broken(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> Frame:
            raise ZeroDivisionError("defect")

    events: list[on.AudioEvent] = []
    path = make_path(events.append)
    path.set_source(Broken())
    stream = Pacer(path, FileEnds(path, None, None))
    stream.start()
    until(lambda: bool(events), 5.0, "the defect was not told")
    assert isinstance(events[0], on.DeviceLost)
    stream.close()


# The scripted microphone: what is said is heard at its sample, the room answers, and wishes are checked


class Talk:
    """A scripted microphone whose time is counted in blocks."""

    def __init__(self, room: Room | None = None) -> None:
        self.now = 100.0
        self.events: list[ScriptBegan | ScriptEnded] = []
        self.mic = ScriptMic(room or Room(), self.events.append, lambda: self.now)

    def hear(self, blocks: int, played: Block | None = None) -> Block:
        """So many steps; `played` sounds from the loudspeaker in the first of them."""
        heard = []
        for step in range(blocks):
            heard.append(self.mic.read())
            self.mic.hear(played if played is not None and step == 0 else np.zeros(BLOCK, np.float32))
            self.now += 0.01
        return np.concatenate(heard)


def test_a_sound_is_heard_whole_from_the_sample_it_is_due_at() -> None:
    talk = Talk()
    sound = np.linspace(0.1, 0.9, 1000).astype(np.float32)
    talk.mic.say(sound, "hello", 100.0253)
    heard = talk.hear(8)
    start = round(0.0253 * 48_000)
    assert np.array_equal(heard[start : start + 1000], sound)
    assert not heard[:start].any() and not heard[start + 1000 :].any()
    began, ended = talk.events
    assert isinstance(began, ScriptBegan) and began.label == "hello"
    assert began.at == pytest.approx(100.0253, abs=2e-5)
    assert isinstance(ended, ScriptEnded) and ended.at == pytest.approx(100.05, abs=0.011)


def test_a_sound_whose_time_is_over_is_said_at_once_and_two_are_mixed() -> None:
    talk = Talk()
    talk.mic.say(np.full(BLOCK, 0.2, np.float32), "one", 0.0)
    talk.mic.say(np.full(BLOCK, 0.3, np.float32), "two", 0.0)
    assert np.allclose(talk.hear(1), 0.5)
    assert not talk.hear(2).any()


def test_the_loudspeaker_comes_back_softer_after_the_delay() -> None:
    talk = Talk(Room(echo=-20.0, delay=0.035))
    played = np.full(BLOCK, 0.5, np.float32)
    heard = talk.hear(8, played)
    start = round(0.035 * 48_000)
    assert np.allclose(heard[start : start + BLOCK], 0.05)
    assert not heard[:start].any() and not heard[start + BLOCK :].any()


def test_a_room_has_its_noise_and_is_the_same_in_every_run() -> None:
    heard = Talk(Room(noise=-40.0)).hear(50)
    assert 20 * np.log10(np.sqrt(np.mean(heard**2))) == pytest.approx(-40.0, abs=0.5)
    assert np.array_equal(heard, Talk(Room(noise=-40.0)).hear(50))


@each("room", [Room(), Room(echo=-20.0, delay=0.06), Room(echo=-6.5, delay=0.25, noise=-60.0)])
def test_a_wish_furnishes_the_room_it_was_made_from(room: Room) -> None:
    assert is_script(wish_of(room))
    assert room_of(wish_of(room)) == room


@each("wish", ["script:echo=loud", "script:door=1", "script:echo=12", "script:delay=5", "script:echo"])
def test_a_room_that_cannot_be_is_refused_with_an_example(wish: str) -> None:
    with pytest.raises(AudioDeviceError) as refusal:
        room_of(wish)
    assert refusal.value.hint


def test_a_script_opens_no_device_and_is_heard_before_the_mic_was_ever_opened() -> None:
    """What is said just before push-to-talk is pressed belongs to the pre-roll."""
    path, talk = AudioPath(lambda fact: None), Talk()
    ends = FileEnds(path, talk.mic, None, lambda: talk.now)
    talk.mic.say(np.full(BLOCK, 0.2, np.float32), "early", 0.0)
    assert np.allclose(ends.read(), 0.2)
    audio = open_audio(path, wish_of(Room()), "none", script=talk.mic)
    try:
        audio.start()
        assert (audio.mic_name, audio.speaker_name, audio.problem) == ("script", "none", "")
    finally:
        audio.close()
