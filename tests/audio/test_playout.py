"""What the loudspeaker plays, and how fast it falls silent."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.each import each
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


def test_ducking_takes_twelve_decibels_within_a_tenth_of_a_second(loudspeaker: Loudspeaker) -> None:
    loudspeaker.plays(0.2)
    loudspeaker.playout.ducked = True
    loudspeaker.plays(0.1)
    assert rms(loudspeaker.plays(0.1)) == pytest.approx(0.2 / 2**0.5 * DUCKED, rel=0.02)
    loudspeaker.playout.ducked = False
    loudspeaker.plays(0.1)
    assert rms(loudspeaker.plays(0.1)) == pytest.approx(0.2 / 2**0.5, rel=0.02)


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


def test_the_source_is_played_without_a_gap_and_without_one_there_is_silence(
    loudspeaker: Loudspeaker, tone: SteadyTone
) -> None:
    played = loudspeaker.plays(0.1)
    assert tone.pulls == 10
    assert np.max(np.abs(played - np.sin(2 * np.pi * 500 * np.arange(4800) / 48_000) * 0.2)) < 0.001
    silent = Loudspeaker(Playout())
    assert not silent.plays(0.1).any()
    assert silent.playout.last_audible_at is None


def test_a_flush_fades_within_5_ms_and_late_sound_is_dropped_until_the_next_response(
    loudspeaker: Loudspeaker, tone: SteadyTone
) -> None:
    before = loudspeaker.plays(0.5)
    loudspeaker.playout.flush(loudspeaker.now)
    played = loudspeaker.plays(1.2)
    assert played[:120].any() and not played[240:].any()
    assert np.max(np.abs(np.diff(np.concatenate([before, played])))) < 1.2 * np.max(np.abs(np.diff(before)))
    assert tone.flushes == 1 and tone.pulls >= 170
    assert loudspeaker.playout.heard(loudspeaker.now) == 0.0
    loudspeaker.playout.begin(1)
    assert rms(loudspeaker.plays(0.3)[480:]) == pytest.approx(0.2 / 2**0.5, rel=0.05)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(0.3)


def test_a_change_of_volume_does_not_click_nor_make_the_assistant_inaudible(loudspeaker: Loudspeaker) -> None:
    steepest = np.max(np.abs(np.diff(loudspeaker.plays(0.2))))
    for volume in (0.1, 0.001):
        loudspeaker.playout.set_volume(volume)
        assert np.max(np.abs(np.diff(loudspeaker.plays(0.2)))) <= steepest * 1.05
        assert loudspeaker.playout.last_audible_at == loudspeaker.now


@each(
    ("silent", "generation", "heard"),
    [(0.5, 0, 2.0), (1.1, 0, 0.0), (1.1, 1, 0.0)],
)
def test_a_response_is_heard_from_its_first_to_its_last_audible_sample_and_after_silence(
    silent: float, generation: int, heard: float
) -> None:
    """A second of silence ends what is heard; the same response then goes on counting, the next starts at zero."""
    tone, playout = SteadyTone(), Playout()
    playout.set_source(tone)
    loudspeaker = Loudspeaker(playout)
    for tone.is_silent, seconds in ((True, 1.0), (False, 2.0), (True, silent)):
        loudspeaker.plays(seconds)
    assert playout.heard(loudspeaker.now) == pytest.approx(heard)
    playout.begin(generation)
    tone.is_silent = False
    loudspeaker.plays(0.5)
    assert playout.heard(loudspeaker.now) == pytest.approx(0.5 if generation else 2.5 + silent)


def test_a_reopened_device_counts_the_rest_of_the_response_from_there(loudspeaker: Loudspeaker) -> None:
    loudspeaker.plays(2.0)
    loudspeaker.playout.forget()
    loudspeaker.plays(0.5)
    assert loudspeaker.playout.heard(loudspeaker.now) == pytest.approx(0.5)


@each(("volume", "used"), [(0.0, 0.0), (0.1, 0.1), (1.0, 1.0), (1.5, 1.5), (9.0, LOUDEST)])
def test_the_volume_ends_at_its_limit_without_overflow_and_the_energy_is_what_was_played(
    volume: float, used: float
) -> None:
    playout = Playout()
    playout.set_source(SteadyTone(level=0.9))
    playout.set_volume(volume)
    loudspeaker = Loudspeaker(playout)
    assert playout.volume == used
    assert np.max(np.abs(loudspeaker.plays(0.3))) <= 1.0
    assert playout.energy == pytest.approx((0.9 * used) ** 2 / 2, rel=0.1, abs=1e-9)
    playout.set_source(None)
    loudspeaker.plays(0.01)
    assert playout.energy == 0.0
