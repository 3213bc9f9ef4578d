"""The self-test's arithmetic, in rooms made of numbers: what is found must be what the room was built of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.speech import Sound, noise, spoken
from voicechat.audio.barge_in import BargeInFacts
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.self_test import CHIRPS, SHORTEST, SelfTest, chirp, find_chirp, made_voice, make_plan, run_in_room
from voicechat.audio.self_test_verdict import Figures, measure
from voicechat.audio.voice_activity import make_detector

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)
QUIET = 0.0004


class Room:
    """Loudspeaker to microphone: a delay, two walls and a tail, perhaps a loudspeaker that is driven too hard."""

    def __init__(self, gain: float, delay: float, *, drive: float = 0.0, overdrive: float = 1.0, noise: float = QUIET):
        self._rng = np.random.default_rng(77)
        tail = self._rng.standard_normal(6_000) * np.exp(-np.arange(6_000) / 1_100) * 0.1
        tail[[0, 310, 977]] = 1.0, -0.6, 0.4
        self._response = np.fft.rfft(tail * gain / np.sqrt(np.sum(tail**2)), 8_192)
        self._delay = round(delay * SAMPLE_RATE)
        self._past = np.zeros(6_000 + self._delay + BLOCK)
        self._drive, self._overdrive, self._noise = drive, overdrive, noise

    def hear(self, out: Sound) -> Sound:
        """What the microphone hears next."""
        loud = np.tanh(out * self._drive) if self._drive else out
        self._past = np.concatenate([self._past[BLOCK:], loud])
        part = self._past[: 6_000 + BLOCK]
        echo = np.fft.irfft(np.fft.rfft(part, 8_192) * self._response, 8_192)[6_000 : 6_000 + BLOCK]
        heard = (echo + self._rng.standard_normal(BLOCK) * self._noise) * self._overdrive
        return np.clip(heard, -1.0, 1.0).astype(np.float32)


def run(hear: Callable[[Sound], Sound]) -> Figures:
    test = SelfTest(make_plan(seconds=SHORTEST), make_processor(Processing()), FACTS)
    run_in_room(test, hear)
    return measure(test, Processing())


@pytest.mark.parametrize(("delay", "gain_db"), [(0.012, -6.0), (0.137, -31.0), (0.61, -20.0)])
def test_a_chirp_is_found_at_its_delay_and_level_under_noise(delay: float, gain_db: float) -> None:
    heard = noise(0.85, level=0.003, seed=5)
    start = round(delay * SAMPLE_RATE)
    heard[start : start + len(chirp())] += chirp() * np.float32(10 ** (gain_db / 20))
    echo = find_chirp(heard, 20 * float(np.log10(0.003)))
    assert echo is not None
    assert echo.delay == pytest.approx(delay, abs=0.0002)
    assert echo.gain_db == pytest.approx(gain_db, abs=2.5)


def test_the_direct_way_counts_even_where_a_wall_is_louder() -> None:
    heard = noise(0.85, level=0.0001)
    for at, gain in ((0.05, 0.07), (0.068, 0.1)):
        heard[round(at * SAMPLE_RATE) :][: len(chirp())] += chirp() * np.float32(gain)
    echo = find_chirp(heard, -80.0)
    assert echo is not None
    assert echo.delay == pytest.approx(0.05, abs=0.0002)


def test_neither_noise_nor_a_talker_nor_silence_is_taken_for_a_chirp() -> None:
    found = [find_chirp(noise(0.85, level=0.05, seed=seed), -26.0) for seed in range(20)]
    found += [find_chirp(spoken(0.85, seed=seed), -60.0) for seed in range(5)]
    assert [echo for echo in found if echo is not None] == []
    assert find_chirp(np.zeros(40_000, dtype=np.float32), -100.0) is None


@pytest.mark.parametrize(("pitch", "seed"), [(120.0, 1), (110.0, 7), (190.0, 11), (150.0, 1)])
def test_the_voices_of_the_test_are_voices_to_the_detector(pitch: float, seed: int) -> None:
    voice = made_voice(3.0, pitch=pitch, seed=seed)
    detector = make_detector()
    probabilities = [detector.hear(voice[at : at + BLOCK]) for at in range(0, len(voice), BLOCK)]
    assert np.mean(np.array(probabilities) > 0.5) > 0.6


def test_the_plan_is_as_long_as_asked_and_starts_silent() -> None:
    plan = make_plan(seconds=20.0)
    assert plan.duration == pytest.approx(20.0, abs=0.05)
    assert not np.any(plan.sound[: round(plan.first("chirp").start * SAMPLE_RATE)])
    assert sum(stage.name == "chirp" for stage in plan.stages) == CHIRPS


def test_in_a_good_room_the_figures_are_the_rooms_the_echo_goes_and_a_talker_stays() -> None:
    figures = run(Room(0.08, 0.083).hear)
    assert figures.chirps_heard == CHIRPS
    assert figures.round_trip == pytest.approx(0.093, abs=0.001)  # the block that is heard next is 10 ms later
    assert figures.echo_gain_db == pytest.approx(-22.0, abs=1.0)
    assert figures.noise_db == pytest.approx(-68.0, abs=1.0)
    assert (figures.clipped, figures.self_cuts) == (0.0, 0)
    assert (figures.echo_fades_after or 9.0) < 0.3
    assert (figures.loss_steady_db or 0.0) > 25.0
    assert figures.near_heard == figures.near_voices
    assert (figures.near_after or 9.0) < 1.0


def test_an_echo_beyond_the_cancellers_reach_is_seen_as_late_and_left_over() -> None:
    figures = run(Room(0.3, 0.56).hear)
    assert figures.round_trip == pytest.approx(0.57, abs=0.001)
    assert figures.loss_steady_db is not None and figures.loss_steady_db < 15.0
    assert (figures.rest_over_noise_db or 0.0) > 15.0
    assert (figures.echo_fades_after or 0.0) > 0.5


def test_a_way_that_changes_under_the_voice_is_seen_by_the_last_chirp() -> None:
    before, after = Room(0.1, 0.05), Room(0.1, 0.25)
    steps = iter(range(10_000))
    assert run(lambda out: (before if next(steps) < 700 else after).hear(out)).round_trip_spread == pytest.approx(
        0.2, abs=0.001
    )


def test_with_headphones_no_chirp_comes_back_and_a_talker_is_heard() -> None:
    figures = run(Room(0.0, 0.05).hear)
    assert figures.chirps_heard == 0
    assert figures.round_trip is None
    assert not figures.is_flat
    assert figures.near_heard == figures.near_voices


def test_an_overdriven_or_dead_microphone_and_a_voice_in_the_silence_are_noticed() -> None:
    talk, room = iter(np.split(spoken(15.0), 1_500)), Room(0.7, 0.05, drive=9.0, overdrive=5.0)
    figures = run(lambda out: room.hear(out) + next(talk))
    assert figures.clipped > 0.01 and figures.voices_in_silence > 0
    assert run(lambda out: np.zeros(BLOCK, dtype=np.float32)).is_flat


def test_a_run_that_never_began_has_no_figures_but_an_answer() -> None:
    figures = measure(SelfTest(make_plan(), make_processor(Processing()), FACTS), Processing())
    assert figures.recorded == 0.0
    assert figures.round_trip is None
