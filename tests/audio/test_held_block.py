"""Blocks of the microphone are heard in pairs where that saves work, and nobody may notice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.each import each
from tests.support.sources import SteadyTone
from tests.support.speech import Sound, blocks, noise, spoken
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath, BargeInFacts
from voicechat.core.events import AudioEvent, BargeInHappened, UplinkDrained

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


class Talk:
    """A path whose line takes each frame as soon as it is complete; notes in which step a fact was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, AudioEvent]] = []
        self.path = AudioPath(lambda event: self.told.append((self.steps, event)), processor=PassThroughProcessor())
        self.steps = 0
        self.sent: list[int] = []
        """The marks of the blocks that left; 0 for silence."""

    def hears(self, *marks: int) -> Talk:
        """One block each, whose every sample is this mark."""
        for mark in marks:
            self.hears_sound(np.full(480, mark / 32767, np.float32))
            if (self.path.waiting() or 0.0) > 0.019:
                self.send(1)
        return self

    def send(self, frames: int) -> list[int]:
        """Let so many leave; all that ever left."""
        self.sent += [int(half[0]) for _ in range(frames) for half in self.path.pull().reshape(2, 480)]
        return self.sent

    def hears_sound(self, sound: Sound) -> Talk:
        for block in blocks(sound):
            self.steps += 1
            self.path.process(block, np.zeros(480, np.float32), self.steps / 100)
        return self

    @property
    def has_drained(self) -> bool:
        return any(isinstance(event, UplinkDrained) for _, event in self.told)

    @property
    def interrupted_at(self) -> int:
        (step,) = [step for step, event in self.told if isinstance(event, BargeInHappened)]
        return step


def test_a_mute_lets_not_one_block_pass_that_came_after_it() -> None:
    talk = Talk()
    talk.path.open_mic(0.0)
    talk.hears(11, 12, 13)
    talk.path.close_mic(drop=True)
    talk.hears(99, 99, 99)
    assert talk.send(3) == [11, 12, *[0] * 6]


def test_a_device_may_take_its_memory_back_while_a_block_waits() -> None:
    talk = Talk()
    talk.path.open_mic(0.0)
    heard, out = np.full(480, 11 / 32767, np.float32), np.zeros(480, np.float32)
    talk.path.process(heard, out, 0.01)
    heard[:] = 12 / 32767
    talk.path.process(heard, out, 0.02)
    assert talk.send(1) == [11, 12]


@pytest.mark.parametrize("offset", [0, 1])
def test_a_voice_interrupts_in_the_same_block_as_if_none_ever_waited(
    offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> int:
        talk = Talk()
        talk.path.set_source(SteadyTone())
        talk.path.set_barge_in(FACTS)
        talk.hears_sound(noise(2.0 + offset / 100, level=0.0003)).hears_sound(spoken(1.5))
        return talk.interrupted_at

    in_pairs = interrupted()
    monkeypatch.setattr(AudioPath, "_may_wait", lambda path: False)
    assert in_pairs == interrupted()


def test_a_step_in_which_a_block_waits_does_none_of_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is for: every second step of a quiet room costs next to nothing."""
    worked: list[int] = []
    talk = Talk()
    process = PassThroughProcessor.process

    def counted(processor: PassThroughProcessor, mic: Sound, far: Sound) -> Sound:
        worked.append(talk.steps)
        return process(processor, mic, far)

    monkeypatch.setattr(PassThroughProcessor, "process", counted)
    talk.hears_sound(noise(0.1, level=0.0003))
    assert worked == [2, 2, 4, 4, 6, 6, 8, 8, 10, 10]


@each("before", range(4))
def test_every_second_block_of_a_press_completes_a_frame_and_nothing_from_before_it(before: int) -> None:
    talk = Talk().hears(*[7] * before)
    talk.path.open_mic(0.0)
    for last in range(12, 22, 2):
        talk.hears(last - 1, last)
        assert talk.sent == list(range(11, last + 1))


def test_every_second_block_completes_a_frame_behind_a_pre_roll_too() -> None:
    talk = Talk().hears(1, 2, 3)
    talk.path.open_mic(0.03)
    assert talk.hears(4).send(1) == [1, 2, 3, 4]
    assert talk.hears(5, 6).sent == [1, 2, 3, 4, 5, 6]


@each("count", [1, 2, 3, 4])
def test_all_blocks_of_a_press_leave_and_the_next_step_tells_that_they_have(count: int) -> None:
    talk, said = Talk(), list(range(11, 11 + count))
    talk.path.open_mic(0.0)
    talk.hears(*said)
    talk.path.close_mic()
    talk.hears(*[99] * count)
    if count % 2:
        assert not talk.has_drained
    assert [mark for mark in talk.send(4) if mark] == said
    assert talk.hears(99).has_drained
