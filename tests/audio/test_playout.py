"""What the loudspeaker plays, and how fast it falls silent."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.sources import SteadyTone
from tests.support.speech import Sound
from voicechat.audio.playout import DUCKED, LOUDEST, Playout


class Loudspeaker:
    """Asks a playout for sound every 10 ms of a fake clock."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.now = 0.0

    def plays(self, seconds: float) -> Sound:
        out = np.zeros(480, dtype=np.float32)
        played = []
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            self.playout.fill(out, self.now)
            played.append(out.copy())
        return np.concatenate(played)


@pytest.fixture
def tone() -> SteadyTone:
    return SteadyTone()


@pytest.fixture
def loudspeaker(tone: SteadyTone) -> Loudspeaker:
    playout = Playout()
    playout.set_source(tone)
    return Loudspeaker(playout)


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def test_without_a_source_there_is_silence_and_nothing_is_heard() -> None:
    loudspeaker = Loudspeaker(Playout())
    assert not loudspeaker.plays(0.1).any()
    assert loudspeaker.playout.last_audible_at is None


def test_the_source_is_asked_block_by_block_without_a_gap(loudspeaker: Loudspeaker, tone: SteadyTone) -> None:
    played = loudspeaker.plays(0.1)
    expected = np.sin(2 * np.pi * 500 * np.arange(4800) / 48_000) * 0.2
    assert tone.pulls == 10
    assert np.max(np.abs(played - expected)) < 0.001


def test_a_flush_is_silent_after_five_milliseconds(loudspeaker: Loudspeaker, tone: SteadyTone) -> None:
    loudspeaker.plays(0.5)
    loudspeaker.playout.flush(loudspeaker.now)
    played = loudspeaker.plays(0.2)
    assert played[:120].any()
    assert not played[240:].any()
    assert tone.flushes == 1


def test_the_fade_of_a_flush_does_not_click(loudspeaker: Loudspeaker) -> None:
    before = loudspeaker.plays(0.5)
    loudspeaker.playout.flush(loudspeaker.now)
    joined = np.concatenate([before, loudspeaker.plays(0.1)])
    steepest = np.max(np.abs(np.diff(before)))
    assert np.max(np.abs(np.diff(joined))) < steepest * 1.2


def test_late_sound_of_a_cancelled_answer_is_dropped_until_the_next_one(
    loudspeaker: Loudspeaker, tone: SteadyTone
) -> None:
    loudspeaker.plays(0.5)
    loudspeaker.playout.flush(loudspeaker.now)
    loudspeaker.plays(0.1)
    pulled = tone.pulls
    assert not loudspeaker.plays(1.0).any()
    assert tone.pulls == pulled + 100
    loudspeaker.playout.begin(1)
    assert rms(loudspeaker.plays(0.2)[480:]) == pytest.approx(0.2 / 2**0.5, rel=0.05)


def test_ducking_takes_twelve_decibels_within_a_tenth_of_a_second(loudspeaker: Loudspeaker) -> None:
    loudspeaker.plays(0.2)
    loudspeaker.playout.ducked = True
    loudspeaker.plays(0.1)
    assert rms(loudspeaker.plays(0.1)) == pytest.approx(0.2 / 2**0.5 * DUCKED, rel=0.02)
    loudspeaker.playout.ducked = False
    loudspeaker.plays(0.1)
    assert rms(loudspeaker.plays(0.1)) == pytest.approx(0.2 / 2**0.5, rel=0.02)


def test_a_change_of_volume_does_not_click(loudspeaker: Loudspeaker) -> None:
    steepest = np.max(np.abs(np.diff(loudspeaker.plays(0.2))))
    loudspeaker.playout.set_volume(0.1)
    assert np.max(np.abs(np.diff(loudspeaker.plays(0.2)))) <= steepest * 1.05


def test_the_volume_ends_at_one_and_a_half_and_never_overflows() -> None:
    playout = Playout()
    playout.set_source(SteadyTone(level=0.99))
    playout.set_volume(9.0)
    assert playout.volume == LOUDEST
    assert np.max(np.abs(Loudspeaker(playout).plays(0.3))) <= 1.0


def test_deafened_plays_nothing_and_hears_nothing_but_the_answer_goes_on(
    loudspeaker: Loudspeaker, tone: SteadyTone
) -> None:
    loudspeaker.plays(0.2)
    loudspeaker.playout.deafened = True
    loudspeaker.plays(0.1)
    last = loudspeaker.playout.last_audible_at
    assert not loudspeaker.plays(0.5).any()
    assert loudspeaker.playout.last_audible_at == last
    assert tone.pulls == 80


def test_a_soft_volume_does_not_make_the_assistant_inaudible(loudspeaker: Loudspeaker) -> None:
    loudspeaker.playout.set_volume(0.001)
    loudspeaker.plays(1.0)
    assert loudspeaker.playout.last_audible_at == loudspeaker.now


def test_an_answer_is_heard_from_its_first_to_its_last_audible_sample(
    loudspeaker: Loudspeaker, tone: SteadyTone
) -> None:
    tone.is_silent = True
    loudspeaker.plays(1.0)
    tone.is_silent = False
    loudspeaker.plays(2.0)
    tone.is_silent = True
    loudspeaker.plays(0.5)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(2.0)


@pytest.mark.parametrize(("generation", "heard"), [(0, 3.6), (1, 0.5)], ids=["the same answer", "the next one"])
def test_an_answer_goes_on_after_a_second_of_silence_and_the_next_begins_anew(
    loudspeaker: Loudspeaker, tone: SteadyTone, generation: int, heard: float
) -> None:
    loudspeaker.plays(2.0)
    tone.is_silent = True
    loudspeaker.plays(1.1)
    assert loudspeaker.playout.heard(loudspeaker.now) == 0.0
    loudspeaker.playout.begin(generation)
    tone.is_silent = False
    loudspeaker.plays(0.5)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(heard)


def test_a_reopened_device_counts_the_rest_of_the_answer_from_there(loudspeaker: Loudspeaker) -> None:
    loudspeaker.plays(2.0)
    loudspeaker.playout.forget()
    loudspeaker.plays(0.5)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(0.5)


def test_after_a_flush_the_next_answer_is_counted_from_its_own_beginning(loudspeaker: Loudspeaker) -> None:
    loudspeaker.plays(2.0)
    loudspeaker.playout.flush(loudspeaker.now)
    loudspeaker.plays(0.1)
    assert loudspeaker.playout.heard(loudspeaker.now) == 0.0
    loudspeaker.playout.begin(1)
    loudspeaker.plays(0.3)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(0.3)


@pytest.mark.parametrize("volume", [0.0, 0.1, 1.0, 1.5])
def test_the_energy_that_is_told_is_that_of_what_the_loudspeaker_got(volume: float) -> None:
    playout = Playout()
    playout.set_source(SteadyTone(level=0.9))
    playout.set_volume(volume)
    loudspeaker = Loudspeaker(playout)
    loudspeaker.plays(0.3)
    last = loudspeaker.plays(0.01)
    unclipped = (0.9 * volume) ** 2 / 2
    assert playout.energy == pytest.approx(unclipped, rel=0.1, abs=1e-9)
    assert np.max(np.abs(last)) <= 1.0
    playout.set_source(None)
    loudspeaker.plays(0.01)
    assert playout.energy == 0.0
