"""Who may interrupt the assistant: a voice and not its own echo; and what the user learns of an echo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.each import each
from tests.support.sources import PlayedOnce
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio import facts as fact
from voicechat.audio.barge_in import BargeInFacts, EchoWatch, Heard, VoiceBalance, is_granted, should_duck
from voicechat.audio.blocks import Block
from voicechat.audio.echo import Processing, WebRtcProcessor, make_processor
from voicechat.audio.path import AudioPath

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)
WEARING = Processing(headphones=True)


GRANTS = [
    ("a cough is too short", Heard(playback=3.0, lasted=0.2, sure_for=0.2), False),
    ("the first syllable is protected", Heard(playback=0.4, lasted=1.0, sure_for=1.0), False),
    ("sounds the detector was unsure of count", Heard(playback=1.2, lasted=0.25, sure_for=0.1), True),
    ("cold canceller: not sure long enough", Heard(playback=1.5, lasted=0.6, sure_for=0.44, is_cold=True), False),
    ("cold canceller: sure long enough", Heard(playback=1.5, lasted=0.6, sure_for=0.45, is_cold=True), True),
    ("echo explains it: too short", Heard(playback=3.0, lasted=0.6, sure_for=0.44, is_doubtful=True), False),
    ("echo explains it: long enough", Heard(playback=3.0, lasted=0.6, sure_for=0.45, is_doubtful=True), True),
    ("echo, cold canceller", Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, is_cold=True), False),
    ("echo, no canceller", Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, may_be_echo=True), False),
    ("voice, no canceller", Heard(playback=3.0, lasted=0.3, sure_for=0.2, may_be_echo=True), True),
]


@each(("case", "heard", "granted"), GRANTS)
def test_barge_in_is_granted_only_to_a_long_enough_sure_enough_voice(case: str, heard: Heard, granted: bool) -> None:
    assert is_granted(FACTS, heard) is granted


def test_a_response_that_is_over_cannot_be_interrupted_whatever_the_limits() -> None:
    eager = BargeInFacts(min_playback=0.0, min_voice=0.1, cold_extra=0.0, cold_for=0.0, duck_after=0.0)
    assert not is_granted(eager, Heard(playback=0.0, lasted=5.0, sure_for=5.0))


def test_the_answer_is_turned_down_while_we_are_not_sure() -> None:
    assert not should_duck(FACTS, heard=3.0, voice_lasted=0.09)
    assert should_duck(FACTS, heard=3.0, voice_lasted=0.1)
    assert not should_duck(FACTS, heard=0.0, voice_lasted=0.5)


class LeakyProcessor(WebRtcProcessor):
    """A canceller that takes out hardly anything, as one does whose loudspeaker distorts beyond recognition."""

    def __init__(self) -> None:
        super().__init__(WEARING)
        self.cancels_echo = True


class Talk:
    """A path whose loudspeaker reaches the microphone after `delay` blocks, `echo` times as loud."""

    def __init__(self, processing: Processing, *, echo: float, delay: int = 14) -> None:
        self.facts: list[fact.AudioFact] = []
        self.path = AudioPath(self.facts.append, processor=make_processor(processing))
        self.path.set_barge_in(FACTS)
        self.now = 0.0
        self.echo = echo
        self._played: list[Block] = [np.zeros(480, dtype=np.float32)] * 30
        self._delay = delay
        self._responses = 0

    def delayed(self, blocks: int) -> Talk:
        """From now on the echo comes so many blocks after its sound."""
        self._delay = blocks
        return self

    def says(self, assistant: Sound, near: Sound) -> Talk:
        """Play one more response while the microphone hears its echo and `near`."""
        self._responses += 1
        self.path.begin_playback(self._responses)
        self.path.set_source(PlayedOnce(assistant))
        for block in blocks(near):
            out = np.zeros(480, dtype=np.float32)
            self.now += 0.01
            self.path.process((block + self.echo * self._played[-self._delay]).astype(np.float32), out, self.now)
            self._played.append(out)
        return self

    @property
    def told(self) -> list[fact.SelfEcho]:
        return [one for one in self.facts if isinstance(one, fact.SelfEcho)]

    @property
    def cuts(self) -> list[fact.BargeInHappened]:
        return [one for one in self.facts if isinstance(one, fact.BargeInHappened)]


def quiet(seconds: float) -> Sound:
    return noise(seconds, level=0.0005)


def test_loudspeaker_set_as_headphones_is_reported_and_its_echo_does_not_interrupt() -> None:
    talk = Talk(WEARING, echo=0.125).says(spoken(8.0, seed=5), quiet(8.0))
    (told,) = talk.told
    assert told.level_db == pytest.approx(-18.0, abs=1.5)
    assert told.delay == pytest.approx(0.14, abs=0.005)
    assert (told.cancelled_db, told.mode) == (0.0, "headphones")
    assert talk.cuts == []


def test_with_cancelling_off_the_user_learns_why_the_mic_is_shut() -> None:
    talk = Talk(Processing(echo=False), echo=0.3).says(spoken(4.0, seed=5), quiet(4.0))
    assert [told.mode for told in talk.told] == ["shut"]


def test_echo_left_by_the_canceller_is_reported_and_does_not_interrupt() -> None:
    talk = Talk(WEARING, echo=0.3)
    talk.path = AudioPath(talk.facts.append, processor=LeakyProcessor())
    talk.path.set_barge_in(FACTS)
    talk.says(spoken(8.0, seed=5), quiet(8.0))
    (told,) = talk.told
    assert told.mode == "cancelled"
    assert told.cancelled_db < 15.0
    assert talk.cuts == []


def test_working_canceller_is_not_reported_and_its_return_loss_is_measured() -> None:
    talk = Talk(Processing(), echo=0.3).says(spoken(8.0, seed=5), quiet(8.0))
    assert talk.told == []
    snapshot = talk.path.snapshot()
    assert snapshot.echo_level_db == pytest.approx(-10.5, abs=1.5)
    assert snapshot.echo_delay == pytest.approx(0.14, abs=0.005)
    assert snapshot.echo_return_loss_db is not None
    assert snapshot.echo_return_loss_db > 20.0


def test_a_user_who_talks_over_the_assistant_is_no_echo() -> None:
    talk = Talk(Processing(), echo=0.2)
    talk.path.set_barge_in(None)
    near = np.concatenate([quiet(3.0), spoken(5.0, level=0.08, pitch=210.0, seed=11) + quiet(5.0)])
    talk.says(spoken(8.0, seed=5), near)
    assert talk.told == []


def chords(seconds: float) -> Sound:
    times = np.arange(int(seconds * 48_000)) / 48_000
    tones = np.asarray(sum(np.sin(2 * np.pi * tone * times) for tone in (220.0, 277.2, 329.6, 440.0)))
    return (tones * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * times)) * 0.02).astype(np.float32)


ROOMS = {
    "quiet": quiet(6.0),
    "a talker": spoken(6.0, level=0.05, pitch=210.0, seed=11) + quiet(6.0),
    "noise": noise(6.0, level=0.05),
    "music": chords(6.0) + quiet(6.0),
}


@each("room", ROOMS)
def test_with_real_headphones_nothing_is_ever_reported_or_measured(room: str) -> None:
    talk = Talk(WEARING, echo=0.0)
    talk.path.set_barge_in(None)
    talk.says(spoken(6.0, seed=5), ROOMS[room])
    assert talk.told == []
    assert talk.path.snapshot().echo_level_db is None


def test_self_echo_is_reported_once_and_again_only_after_a_settings_change() -> None:
    talk = Talk(WEARING, echo=0.2).says(spoken(4.0, seed=5), quiet(6.0)).says(spoken(4.0, seed=6), quiet(6.0))
    assert len(talk.told) == 1
    talk.path.reset()
    talk.says(spoken(4.0, seed=7), quiet(6.0))
    assert len(talk.told) == 1
    talk.path.set_processing(echo=False, headphones=False)
    talk.says(spoken(4.0, seed=8), quiet(6.0))
    assert [told.mode for told in talk.told] == ["headphones", "shut"]


def test_echo_alone_does_not_stand_out_and_a_near_end_voice_over_it_does() -> None:
    watch, far = EchoWatch(), spoken(4.0, seed=5)
    for block in blocks(far):
        if watch.hear(0.3 * block, block, block, is_voice=False, gain_db=0.0, noise_db=-65.0):
            watch.judge(0.0, "cancelled", (), is_cold=False, noise_db=-65.0)
    assert watch.is_coupled
    for level, is_somebody in ((0.0, False), (1.0, True)):
        balance = VoiceBalance()
        for block, near in zip(blocks(far), blocks(spoken(4.0, level=0.1, pitch=210.0, seed=11)), strict=True):
            watch.hear(0.3 * block + level * near, block, block, is_voice=True, gain_db=0.0, noise_db=-65.0)
            balance.add(watch)
        assert balance.stands_out is is_somebody
        balance.forget()
        assert not balance.stands_out


def test_loudspeaker_switched_on_during_a_response_is_coupled_again() -> None:
    watch, far = EchoWatch(), spoken(6.0, level=0.1)
    echo = np.concatenate([np.zeros(2_880, np.float32), 0.3 * far[:-2_880]]).astype(np.float32)
    echo[: 3 * 48_000] = 0.0
    was_free = False
    for number, (mic, block) in enumerate(zip(blocks(echo + quiet(6.0)), blocks(far), strict=True)):
        if watch.hear(mic, block, mic, is_voice=number > 300, gain_db=0.0, noise_db=-65.0):
            watch.judge(number / 100, "cancelled", ("mic",), is_cold=False, noise_db=-65.0)
        was_free = was_free or watch.is_free
        assert not (number > 360 and watch.is_free)
    assert was_free
    assert watch.is_coupled


MOVES = (8, 2, -2, -4)
"""Blocks that the echo comes later, or sooner: a sound server that stalled, a wireless link that caught up."""


@each("moved", MOVES)
def test_echo_delay_change_neither_interrupts_nor_is_reported(moved: int) -> None:
    seed = 5 if moved % 4 else 11
    talk = Talk(Processing(), echo=0.3).says(spoken(8.0, level=0.1, seed=seed), quiet(8.0))
    talk.delayed(14 + moved).says(spoken(8.0, level=0.1, seed=seed + 1), quiet(8.0))
    assert talk.cuts == []
    assert talk.told == []
    assert talk.path.snapshot().echo_delay == pytest.approx(0.01 * (14 + moved), abs=0.005)
    assert (talk.path.snapshot().echo_return_loss_db or 0.0) > 15.0


@each("moved", (MOVES[0], MOVES[-1]))
def test_barge_in_works_again_after_an_echo_delay_change(moved: int) -> None:
    talk = Talk(Processing(), echo=0.3).says(spoken(6.0, level=0.1, seed=5), quiet(6.0))
    you = np.concatenate([quiet(4.0), spoken(2.0, level=0.12, pitch=210.0, seed=9) + quiet(2.0)])
    talk.delayed(14 + moved).says(spoken(6.0, level=0.1, seed=6), you)
    assert len(talk.cuts) == 1
    assert 0.0 < talk.cuts[0].at - 10.0 < 1.0


def test_voice_is_rescored_after_an_echo_delay_change() -> None:
    watch, balance, far = EchoWatch(), VoiceBalance(), spoken(6.0, seed=5)
    far[np.arange(far.size) // 9_600 % 2 == 1] *= 0.05
    echo = 0.3 * far
    echo[4 * 48_000 :] = 0.3 * far[4 * 48_000 - 9_600 : -9_600]
    for number, (mic, block) in enumerate(zip(blocks(echo), blocks(far), strict=True)):
        is_voice = 400 <= number < 450
        if number == 450:
            break
        if watch.hear(mic, block, mic, is_voice=is_voice, gain_db=0.0, noise_db=-65.0) and number < 400:
            watch.judge(0.0, "cancelled", (), is_cold=False, noise_db=-65.0)
        if is_voice:
            balance.add(watch)
    assert balance.stands_out
    watch.look_again(0.5)
    assert watch.take_move() == pytest.approx(0.2, abs=0.002)
    assert watch.take_move() == 0.0
    balance.recount(watch)
    assert not balance.stands_out


def test_with_headphones_barge_in_works_on_the_first_response_whether_they_are_set_or_not() -> None:
    talk = Talk(WEARING, echo=0.0)
    talk.says(spoken(8.0, seed=5), np.concatenate([quiet(3.0), spoken(2.0, pitch=210.0, seed=11) + quiet(2.0)]))
    assert len(talk.cuts) == 1
    talk = Talk(Processing(), echo=0.0)
    talk.says(spoken(4.0, level=0.1), np.concatenate([quiet(2.2), spoken(1.5, level=0.05, seed=9) + quiet(1.5)]))
    (cut,) = talk.cuts
    assert 0.0 < cut.at - 2.2 < 0.8


def test_the_estimate_of_the_echo_comes_with_playback_and_goes_with_the_echo() -> None:
    talk = Talk(Processing(), echo=0.2).says(silence(3.0), spoken(3.0))
    assert talk.path.snapshot().echo_level_db is None
    talk.says(spoken(4.0, seed=5), quiet(4.0))
    assert talk.path.snapshot().echo_level_db is not None
    talk.echo = 0.0
    talk.says(spoken(9.0, seed=6), quiet(9.0))
    assert talk.path.snapshot().echo_level_db is None
