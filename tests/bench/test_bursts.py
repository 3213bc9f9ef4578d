"""What is measured with bursts is what was put in."""

from __future__ import annotations

import numpy as np

from tests.bench.bursts import EVERY, LONG, RATE, Pcm, burst_train, dead_share, delays, onsets

LATE = 2_880
"""60 ms."""


def later(mouth: Pcm, samples: int) -> Pcm:
    return np.concatenate((np.zeros(samples, np.int16), mouth))[: mouth.size]


def test_the_bursts_are_where_they_are_said_to_be() -> None:
    mouth, begins = burst_train(5.0, seed=3)
    assert onsets(mouth) == begins
    assert len(begins) == 6


def test_bursts_do_not_stay_in_step_with_frames_of_20_ms() -> None:
    _, begins = burst_train(20.0, seed=3)
    assert len({begin % 960 // 96 for begin in begins}) > 6


def test_a_sound_that_comes_out_60_ms_later_is_60_ms_late() -> None:
    mouth, begins = burst_train(5.0, seed=1)
    found = delays(begins, later(mouth, LATE))
    assert all(delay is not None and abs(delay - LATE / RATE) < 1 / RATE for delay in found)


def test_a_delay_of_half_a_second_is_not_taken_for_the_next_bursts() -> None:
    mouth, begins = burst_train(8.0, seed=2)
    assert delays(begins, later(mouth, RATE // 2))[0] == 0.5


def test_a_burst_that_never_came_out_has_no_delay_and_is_dead_time() -> None:
    mouth, begins = burst_train(5.0, seed=1)
    ear = later(mouth, LATE)
    ear[begins[2] : begins[2] + EVERY - 2_000] = 0
    assert [delay is None for delay in delays(begins, ear)] == [False, False, True, False, False, False]
    assert abs(dead_share(begins, ear) - 1 / 6) < 0.01


def test_a_hole_in_a_burst_is_no_second_onset_but_dead_time() -> None:
    mouth, begins = burst_train(5.0, seed=1)
    ear = mouth.copy()
    for begin in begins:
        ear[begin + LONG // 2 : begin + LONG // 2 + 1_920] = 0
    assert onsets(ear) == begins
    assert abs(dead_share(begins, ear) - 0.2) <= 0.05


def test_faint_rests_of_a_codec_are_not_heard_as_an_onset() -> None:
    mouth, begins = burst_train(3.0, seed=1)
    ear = mouth.copy()
    ear[begins[1] - 480 : begins[1]] = 600
    assert onsets(ear) == begins


def test_silence_has_no_onset() -> None:
    assert onsets(np.zeros(RATE, np.int16)) == []
    assert dead_share([], np.zeros(RATE, np.int16)) == 0.0
